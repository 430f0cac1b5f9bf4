#include "net/http-server.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "net/http-conn.h"

#define HEAD_BYTES_DEFAULT    (32 * 1024)
#define BODY_BYTES_DEFAULT    (1024 * 1024)
#define CONNECTIONS_DEFAULT   1024
#define IDLE_DEFAULT_MS       75000
#define ACCEPTS_PER_TURN      64
#define NO_DESCRIPTOR_WAIT_MS 100

/* Splits "host:port" or "[host]:port". */
static int parse_listen(const char *listen, char **ret_host, char **ret_port)
{
        const char *colon = listen ? strrchr(listen, ':') : NULL;
        size_t n;

        if (!colon)
                return error_origin(-EINVAL);
        n = (size_t) (colon - listen);
        if (n >= 2 && listen[0] == '[' && listen[n - 1] == ']') {
                listen++;
                n -= 2;
        }
        *ret_host = mem_strndup(listen, n);
        *ret_port = mem_strdup(colon + 1);
        return 0;
}

static int open_socket(const char *listen_on, int *ret)
{
        _cleanup_free_ char *host = NULL, *port = NULL;
        struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
        struct addrinfo *address = NULL;
        int on = 1, fd, r = parse_listen(listen_on, &host, &port);

        if (r < 0)
                return error_trace(r);
        if (getaddrinfo(str_empty(host) ? NULL : host, port, &hints, &address) != 0)
                return error_origin(-EADDRNOTAVAIL);
        fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        r = fd < 0 ? -errno : 0;
        if (r == 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
                r = -errno;
        if (r == 0 && bind(fd, address->ai_addr, address->ai_addrlen) < 0)
                r = -errno;
        if (r == 0 && listen(fd, 511) < 0)
                r = -errno;
        freeaddrinfo(address);
        if (r < 0) {
                if (fd >= 0)
                        close(fd);
                return error_origin(r);
        }
        *ret = fd;
        return 0;
}

static unsigned bound_port(int fd)
{
        struct sockaddr_storage address;
        socklen_t n = sizeof(address);

        if (getsockname(fd, (struct sockaddr *) &address, &n) < 0)
                return 0;
        return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *) &address)->sin6_port
                                                   : ((struct sockaddr_in *) &address)->sin_port);
}

static void on_resume(void *userdata)
{
        HttpServer *s = userdata;

        transport_want_read(s->listener, true);
}

static void on_connection(void *userdata)
{
        HttpServer *s = userdata;

        for (unsigned i = 0; i < ACCEPTS_PER_TURN; i++) {
                struct sockaddr_storage peer;
                socklen_t n_peer = sizeof(peer);
                int fd = accept4(s->fd, (struct sockaddr *) &peer, &n_peer, SOCK_CLOEXEC | SOCK_NONBLOCK);

                if (fd >= 0 && s->n_conns < s->config.max_connections) {
                        conn_new(s, fd, (struct sockaddr *) &peer, n_peer);
                } else if (fd >= 0) {
                        close(fd);
                } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
                        /* The connection stays in the backlog and the listener readable: do not spin. */
                        log_warn("net.server", "cannot accept: %s", strerror(errno));
                        transport_want_read(s->listener, false);
                        loop_timer_set(s->resume_timer, NO_DESCRIPTOR_WAIT_MS);
                        return;
                } else if (errno == EAGAIN) {
                        return;
                }
                /* Anything else concerns the one connection that was not accepted. */
        }
}

static const TransportEvents LISTENER_EVENTS = {.on_readable = on_connection};

int http_server_new(HttpServer **ret, Loop *loop, const HttpServerConfig *config)
{
        HttpServer *s;
        int fd = -1, r = open_socket(config->listen, &fd);

        if (r < 0)
                return error_trace(r);
        s = mem_new(HttpServer);
        s->loop = loop;
        s->fd = fd;
        s->port = bound_port(fd);
        s->config = *config;
        s->config.listen = NULL; /* not ours to keep */
        if (!s->config.max_head_bytes)
                s->config.max_head_bytes = HEAD_BYTES_DEFAULT;
        if (!s->config.max_body_bytes)
                s->config.max_body_bytes = BODY_BYTES_DEFAULT;
        if (!s->config.max_connections)
                s->config.max_connections = CONNECTIONS_DEFAULT;
        if (!s->config.idle_timeout_ms)
                s->config.idle_timeout_ms = IDLE_DEFAULT_MS;
        list_init(&s->conns);
        r = transport_new_socket(&s->listener, loop, fd);
        if (r < 0) {
                free(s);
                return error_trace(r);
        }
        s->resume_timer = loop_timer_new(loop, on_resume, s);
        transport_set_events(s->listener, &LISTENER_EVENTS, s);
        transport_want_read(s->listener, true);
        *ret = s;
        return 0;
}

void http_server_free(HttpServer *s)
{
        if (!s)
                return;
        list_for_each_safe (node, &s->conns)
                conn_cut(list_entry(node, Conn, link));
        transport_free(s->listener);
        loop_timer_free(s->resume_timer);
        free(s);
}

unsigned http_server_port(const HttpServer *s)
{
        return s->port;
}
