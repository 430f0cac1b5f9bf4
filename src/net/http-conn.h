/* One accepted connection of the HTTP server. Private to src/net. */
#pragma once

#include <sys/socket.h>

#include "base/buf.h"
#include "net/http-server.h"
#include "net/http1.h"
#include "net/transport.h"

typedef enum ConnState {
        CONN_READING,   /* waits for a request, or for the rest of one */
        CONN_PENDING,   /* the handler has a request */
        CONN_STREAMING, /* the handler writes an open-ended answer */
        CONN_CLOSING,   /* the last bytes of the last answer are on their way */
        CONN_LINGERING, /* our direction has ended; reads and ignores until the client hangs up */
        CONN_DEAD,      /* gone or handed on; the memory waits for our own stack to unwind */
} ConnState;

struct HttpServer {
        Loop *loop;
        HttpServerConfig config;
        Transport *listener;
        int fd;
        LoopTimer *resume_timer; /* accepting again after the process ran out of file descriptors */
        unsigned port, n_conns;
        List conns;
};

typedef struct Conn Conn;

struct HttpRequest {
        Conn *conn;
        char *path, *query;
        void *userdata;
};

struct HttpStream {
        Conn *conn;
        bool chunked; /* else the end of the connection ends it (HTTP/1.0) */
        bool silent;  /* the answer to HEAD */
        void (*on_close)(void *userdata);
        void (*on_drain)(void *userdata);
        void *userdata;
};

struct Conn {
        HttpServer *server; /* NULL when dead */
        List link;
        Transport *transport;
        Http1 *parser;
        Buf in;  /* bytes behind the request that is being served */
        Buf out; /* answers */
        LoopTimer *timer;
        ConnState state;
        bool eof;      /* the client has ended its direction */
        char peer[72]; /* "127.0.0.1:54321" */
        unsigned busy; /* depth of our functions on the call stack */
        HttpRequest request;
        HttpStream stream;
};

/* Takes the connected socket. */
void conn_new(HttpServer *s, int fd, const struct sockaddr *peer, socklen_t n_peer);
/* Cuts without a callback. */
void conn_cut(Conn *c);
/* The answer to the current request is complete in `out`. */
void conn_answered(Conn *c, bool keep_alive);
void conn_set_state(Conn *c, ConnState state);

/* The head of an answer; a body of unknown length when n_body < 0. */
void conn_put_head(Conn *c, unsigned status, const HttpHeader *headers, size_t n_headers, int64_t n_body,
                   bool keep_alive);
/* Answers a request that is not worth a handler, and closes. */
void conn_refuse(Conn *c, unsigned status, const char *code, const char *message);
