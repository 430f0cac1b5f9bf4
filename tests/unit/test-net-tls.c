/* https and wss: certificates are verified, and frames survive TLS records and back-pressure. The server is
 * our own behind a small TLS relay in a thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#include "net/http-client.h"
#include "net/http-server.h"
#include "test-net-client.h"

typedef struct World {
        Loop *loop;
        HttpServer *server;
        HttpClient *client;
        WsPeer *server_peer, *peer;
        char ca_file[64];
        unsigned tls_port;
        int listener;
        SSL_CTX *tls;
        pthread_t relay;

        unsigned n_done, status, n_texts;
        size_t n_text_bytes;
        int fault;
        bool sent;
        char *error;
} World;

static void server_text(void *userdata, const char *data, size_t n_bytes)
{
        World *w = userdata;

        ws_peer_send_text(w->server_peer, data, n_bytes);
}

static void server_end(void *userdata, unsigned code, const char *reason)
{
        World *w = userdata;

        (void) code;
        (void) reason;
        w->server_peer = NULL;
}

static const WsPeerEvents SERVER_EVENTS = {.on_text = server_text, .on_end = server_end};

static void on_request(void *userdata, HttpRequest *req)
{
        World *w = userdata;

        if (str_equal(http_request_path(req), "/ws"))
                (void) http_upgrade(req, 1 << 20, &SERVER_EVENTS, w, &w->server_peer);
        else
                http_respond_text(req, 200, "text/plain", "ok");
}

/* A certificate for "localhost" that is its own authority. */
static X509 *make_certificate(EVP_PKEY *key)
{
        X509 *cert = X509_new();
        X509_NAME *name = X509_get_subject_name(cert);
        X509V3_CTX context;
        X509_EXTENSION *san;

        X509_set_version(cert, 2);
        ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
        X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
        X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
        X509_set_pubkey(cert, key);
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *) "localhost", -1, -1, 0);
        X509_set_issuer_name(cert, name);
        X509V3_set_ctx(&context, cert, cert, NULL, NULL, 0);
        san = X509V3_EXT_conf_nid(NULL, &context, NID_subject_alt_name, "DNS:localhost");
        X509_add_ext(cert, san, -1);
        X509_EXTENSION_free(san);
        X509_sign(cert, key, EVP_sha256());
        return cert;
}

static int connect_plain(unsigned port)
{
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t) port)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0) {
                close(fd);
                return -1;
        }
        return fd;
}

static bool send_all(int fd, const char *data, ssize_t n_bytes)
{
        while (n_bytes > 0) {
                ssize_t n = send(fd, data, (size_t) n_bytes, MSG_NOSIGNAL);

                if (n <= 0)
                        return false;
                data += n;
                n_bytes -= n;
        }
        return true;
}

/* Until one side ends. */
static void pump(SSL *ssl, int plain)
{
        char buffer[16384];

        for (;;) {
                struct pollfd fds[] = {{.fd = SSL_get_fd(ssl), .events = POLLIN},
                                       {.fd = plain, .events = POLLIN}};

                if (SSL_pending(ssl) == 0 && poll(fds, 2, 30000) <= 0)
                        return;
                if (SSL_pending(ssl) > 0 || fds[0].revents) {
                        int n = SSL_read(ssl, buffer, sizeof(buffer));

                        if (n <= 0 || !send_all(plain, buffer, n))
                                return;
                } else if (fds[1].revents) {
                        ssize_t n = recv(plain, buffer, sizeof(buffer), 0);

                        if (n <= 0 || SSL_write(ssl, buffer, (int) n) <= 0)
                                return;
                }
        }
}

/* One connection after the other, until the listener is shut down. */
static void *run_relay(void *userdata)
{
        World *w = userdata;
        int fd;

        while ((fd = accept(w->listener, NULL, NULL)) >= 0) {
                SSL *ssl = SSL_new(w->tls);
                int plain;

                SSL_set_fd(ssl, fd);
                if (SSL_accept(ssl) == 1 && (plain = connect_plain(http_server_port(w->server))) >= 0) {
                        pump(ssl, plain);
                        close(plain);
                }
                SSL_free(ssl);
                close(fd);
        }
        return NULL;
}

static int start_relay(World *w)
{
        struct sockaddr_in address = {.sin_family = AF_INET};
        socklen_t n = sizeof(address);
        EVP_PKEY *key = EVP_EC_gen("P-256");
        X509 *cert = make_certificate(key);
        int fd;

        strcpy(w->ca_file, "/tmp/test-net-tls-XXXXXX");
        fd = mkstemp(w->ca_file);
        if (fd >= 0) {
                FILE *file = fdopen(fd, "w");

                PEM_write_X509(file, cert);
                fclose(file);
        }
        w->tls = SSL_CTX_new(TLS_server_method());
        SSL_CTX_use_certificate(w->tls, cert);
        SSL_CTX_use_PrivateKey(w->tls, key);
        X509_free(cert);
        EVP_PKEY_free(key);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        w->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (bind(w->listener, (struct sockaddr *) &address, n) < 0 || listen(w->listener, 8) < 0 ||
            getsockname(w->listener, (struct sockaddr *) &address, &n) < 0)
                return -1;
        w->tls_port = ntohs(address.sin_port);
        return pthread_create(&w->relay, NULL, run_relay, w);
}

static int setup(void **state)
{
        World *w = mem_new(World);
        HttpServerConfig config = {.listen = "127.0.0.1:0", .on_request = on_request, .userdata = w};

        setenv("no_proxy", "*", 1);
        signal(SIGPIPE, SIG_IGN); /* for the relay: OpenSSL writes without MSG_NOSIGNAL */
        if (loop_new(&w->loop) < 0 || http_server_new(&w->server, w->loop, &config) < 0 ||
            http_client_new(&w->client, w->loop, "tester/1") < 0 || start_relay(w) != 0)
                return -1;
        http_client_set_ca_file(w->client, w->ca_file);
        *state = w;
        return 0;
}

static int teardown(void **state)
{
        World *w = *state;

        ws_peer_abort(w->peer);
        ws_peer_abort(w->server_peer);
        http_client_free(w->client);
        shutdown(w->listener, SHUT_RDWR);
        pthread_join(w->relay, NULL);
        close(w->listener);
        http_server_free(w->server);
        loop_free(w->loop);
        SSL_CTX_free(w->tls);
        unlink(w->ca_file);
        free(w->error);
        free(w);
        return 0;
}

static void on_done(void *userdata, const HttpResult *result)
{
        World *w = userdata;

        w->n_done++;
        w->fault = result->fault;
        w->sent = result->sent;
        w->status = result->status;
        mem_strset(&w->error, result->error);
}

static void get(World *w, const char *host)
{
        _cleanup_free_ char *url = mem_printf("https://%s:%u/", host, w->tls_port);
        HttpCall call = {.method = "GET", .url = url, .timeout_ms = 5000, .max_response_bytes = 1000};
        unsigned n = w->n_done;

        assert_int_equal(http_client_send(w->client, &call, on_done, w, NULL), 0);
        WAIT_UNTIL(w->loop, w->n_done > n);
}

static void verifies_the_server(void **state)
{
        World *w = *state;

        get(w, "127.0.0.1"); /* not in the certificate */
        assert_true(w->fault < 0);
        assert_false(w->sent);
        http_client_set_ca_file(w->client, NULL); /* an authority that nobody knows */
        get(w, "localhost");
        assert_true(w->fault < 0);
        assert_false(w->sent);
        assert_non_null(strstr(w->error, "certificate"));
        http_client_set_ca_file(w->client, w->ca_file);
        get(w, "localhost");
        assert_int_equal(w->status, 200);
        assert_true(w->sent);
}

static void peer_text(void *userdata, const char *data, size_t n_bytes)
{
        World *w = userdata;

        assert_true(n_bytes == 0 || data[0] == 'x');
        w->n_texts++;
        w->n_text_bytes += n_bytes;
}

static void peer_end(void *userdata, unsigned code, const char *reason)
{
        World *w = userdata;

        (void) reason;
        w->status = code;
        w->peer = NULL;
}

static const WsPeerEvents CLIENT_EVENTS = {.on_text = peer_text, .on_end = peer_end};

static void on_dialled(void *userdata, const WsDialResult *result)
{
        World *w = userdata;

        w->n_done++;
        w->fault = result->fault;
        mem_strset(&w->error, result->error);
        w->peer = result->peer;
        if (w->peer)
                ws_peer_set_events(w->peer, &CLIENT_EVENTS, w);
}

static void dial(World *w, const char *host)
{
        _cleanup_free_ char *url = mem_printf("wss://%s:%u/ws", host, w->tls_port);
        unsigned n = w->n_done;

        assert_int_equal(ws_dial(w->client, url, NULL, 1 << 20, 5000, on_dialled, w, NULL), 0);
        WAIT_UNTIL(w->loop, w->n_done > n);
}

static void dials_over_tls(void **state)
{
        World *w = *state;

        dial(w, "127.0.0.1");
        assert_true(w->fault < 0);
        assert_null(w->peer);
        dial(w, "localhost");
        assert_int_equal(w->fault, 0);
        ws_peer_send_text(w->peer, "x", 1);
        WAIT_UNTIL(w->loop, w->n_texts == 1);
        ws_peer_close(w->peer, 1000, "");
        WAIT_UNTIL(w->loop, !w->peer && !w->server_peer);
        assert_int_equal(w->status, 1000);
}

static void carries_bursts_and_large_messages(void **state)
{
        static char text[300000];
        static const size_t SIZES[] = {1, 100, 5000, 16384, 70000, 300000};
        World *w = *state;
        unsigned n = 0;
        size_t n_bytes = 0;

        memset(text, 'x', sizeof(text));
        dial(w, "localhost");
        for (unsigned i = 0; i < 300; i++) {
                size_t size = SIZES[i % ELEMENTSOF(SIZES)];

                ws_peer_send_text(w->peer, text, size);
                n++;
                n_bytes += size;
                if (i % 7 == 0)
                        turn_loop(w->loop);
        }
        WAIT_UNTIL(w->loop, w->n_texts == n);
        assert_int_equal(w->n_text_bytes, n_bytes);
}

static void output_grows_while_tls_is_full(void **state)
{
        static char text[50000];
        World *w = *state;

        memset(text, 'x', sizeof(text));
        dial(w, "localhost");
        ws_peer_pause_reading(w->server_peer, true);
        for (unsigned i = 0; i < 600;
             i++) { /* the output buffer moves while a TLS record waits to be repeated */
                ws_peer_send_text(w->peer, text, sizeof(text));
                turn_loop(w->loop);
        }
        assert_true(ws_peer_queued_bytes(w->peer) > sizeof(text));
        ws_peer_pause_reading(w->server_peer, false);
        WAIT_UNTIL(w->loop, w->n_texts == 600);
}

#define TEST(_fn) cmocka_unit_test_setup_teardown(_fn, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(verifies_the_server),
                TEST(dials_over_tls),
                TEST(carries_bursts_and_large_messages),
                TEST(output_grows_while_tls_is_full),
        };

        return cmocka_run_group_tests_name("net/tls", tests, NULL, NULL);
}
