/* One line of a header section. */
#pragma once

typedef struct HttpHeader {
        const char *name, *value;
} HttpHeader;
