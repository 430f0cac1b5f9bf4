/* Frames from a plugin: what they look like (contract/schemas/to-gateway), read and checked without I/O. */
#pragma once

#include "base/json.h"

#define BRIDGE_PROTOCOL        1
#define BRIDGE_FRAME_MAX_BYTES (1024 * 1024)

typedef enum BridgeFrameClass {
        BRIDGE_FRAME_CONTROL,  /* hello, pong, reply, directory.*: for the bridge itself */
        BRIDGE_FRAME_DURABLE,  /* carries a seq and is to be acknowledged */
        BRIDGE_FRAME_VOLATILE, /* may be missing */
} BridgeFrameClass;

/* Position of a frame's type in the table of known types; < 0 when it is none of them. */
int bridge_frame_type(const json_t *frame);
unsigned bridge_frame_n_types(void);
const char *bridge_frame_type_name(unsigned type);
BridgeFrameClass bridge_frame_class(unsigned type);

/* Parses one text message. What JavaScript can say and a C string can not hold (the escape \u0000, a lone
 * surrogate where a text was cut) is replaced by U+FFFD instead of losing the whole event.
 * NULL: not JSON; *ret_error is then an owned text. */
json_t *bridge_frame_parse(const char *text, size_t n_bytes, char **ret_error);

/* The `seq` of a message that could not be parsed, found without understanding the rest: the event has to be
 * acknowledged or it would be replayed for ever. 0 when there is none. */
int64_t bridge_frame_salvage_seq(const char *text, size_t n_bytes);

/* The error code (contract/README.md, "Reading a frame") for a field that bridge_frame_check() refused. */
const char *bridge_frame_error_code(const json_t *frame, const char *field);
