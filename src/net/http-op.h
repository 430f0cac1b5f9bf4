/* What requests and dials have in common: their client's list of what is under way. Private to src/net. */
#pragma once

#include "net/curl-loop.h"
#include "net/http-client.h"

struct HttpClient {
        Loop *loop;
        CurlLoop *curl;
        char *user_agent, *ca_file;
        List ops;
};

struct HttpOp {
        List link;
        void (*cancel)(HttpOp *op); /* frees it, without a callback */
};
