/* What requests and dials have in common: their client's list of what is under way. Private to src/net. */
#pragma once

#include "net/curl-loop.h"
#include "net/http-client.h"

struct HttpClient {
        Loop *loop;
        CurlLoop *curl;
        char *user_agent, *ca_file;
        List ops;
        List ready;    /* streams with something to deliver */
        unsigned busy; /* depth of our functions on the call stack */
        bool freed;
};

struct HttpOp {
        List link;
        void (*cancel)(HttpOp *op);             /* frees it, without a callback */
        void (*pause)(HttpOp *op, bool paused); /* NULL: cannot */
};
