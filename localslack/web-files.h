/* The files of web/, as web/embed.py writes them into the build. */
#pragma once

#include <stddef.h>

typedef struct WebFile {
        const char *name, *type;
        const unsigned char *data;
        size_t n_bytes;
} WebFile;

extern const WebFile web_files[];
extern const size_t n_web_files;
