/* The plugin's end of the bridge, played by a load program: sessions are made and prompted as the gateway
 * asks, work for ever, stream, and ask questions when told to. Contract: contract/asyncapi.yaml. */
#pragma once

#include "net/http-client.h"

#define BRIDGE_SCRIPT_TITLE "load %u" /* a session with this title gets that number */

typedef struct BridgeScript BridgeScript;

typedef struct BridgeScriptEvents {
        void (*on_welcome)(void *userdata);
        void (*on_prompted)(void *userdata, unsigned session);      /* its first turn has begun */
        void (*on_answer)(void *userdata, const char *question_id); /* a question.reply command arrived */
        void (*on_end)(void *userdata, const char *why);            /* refused, or the connection is gone */
} BridgeScriptEvents;

/* `url` is the gateway's (http://…); `directory` is where its sessions start. < 0: a malformed URL. */
int bridge_script_new(BridgeScript **ret, Loop *loop, HttpClient *http, const char *url, const char *token,
                      const char *directory, const BridgeScriptEvents *events /* static */, void *userdata);
void bridge_script_free(BridgeScript *b); /* takes NULL */

/* question.asked: one question with two options. */
void bridge_script_ask(BridgeScript *b, unsigned session, const char *question_id, const char *text);
/* message.part.streamed: what the session has written so far, as long as the plugin would send it. */
void bridge_script_stream(BridgeScript *b, unsigned session);
