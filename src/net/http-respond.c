/* Answers: their framing (RFC 9112 §6), streams, the upgrade to WebSocket, and what a handler may ask about
 * its request. */
#include <time.h>

#include "base/error.h"
#include "base/log.h"
#include "net/http-conn.h"
#include "net/wspeer-internal.h"

static const char *reason_of(unsigned status)
{
        switch (status) {
        case 101: return "Switching Protocols";
        case 200: return "OK";
        case 201: return "Created";
        case 202: return "Accepted";
        case 204: return "No Content";
        case 301: return "Moved Permanently";
        case 302: return "Found";
        case 303: return "See Other";
        case 304: return "Not Modified";
        case 307: return "Temporary Redirect";
        case 308: return "Permanent Redirect";
        case 400: return "Bad Request";
        case 401: return "Unauthorized";
        case 403: return "Forbidden";
        case 404: return "Not Found";
        case 405: return "Method Not Allowed";
        case 408: return "Request Timeout";
        case 409: return "Conflict";
        case 413: return "Content Too Large";
        case 414: return "URI Too Long";
        case 422: return "Unprocessable Content";
        case 426: return "Upgrade Required";
        case 429: return "Too Many Requests";
        case 431: return "Request Header Fields Too Large";
        case 500: return "Internal Server Error";
        case 501: return "Not Implemented";
        case 502: return "Bad Gateway";
        case 503: return "Service Unavailable";
        case 504: return "Gateway Timeout";
        case 505: return "HTTP Version Not Supported";
        default: return "";
        }
}

/* RFC 9110 §6.6.1; the text changes once a second. */
static void put_date(Conn *c)
{
        static _Thread_local char text[64];
        static _Thread_local time_t text_of;
        time_t now = time(NULL);
        struct tm tm;

        if (now != text_of || !*text) {
                gmtime_r(&now, &tm);
                strftime(text, sizeof(text), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm);
                text_of = now;
        }
        buf_append_str(&c->out, text);
}

/* Framing is ours alone; a line break in a value would let its author write headers of his own. */
static bool header_is_allowed(const HttpHeader *header)
{
        static const char *const FRAMING[] = {"Connection", "Content-Length", "Date", "Keep-Alive",
                                              "Transfer-Encoding"};

        for (size_t i = 0; i < ELEMENTSOF(FRAMING); i++)
                if (strcasecmp(header->name, FRAMING[i]) == 0)
                        return false;
        if (!*header->name || strpbrk(header->name, "\r\n: ") || strpbrk(header->value, "\r\n")) {
                log_warn("net.server", "dropped a malformed response header");
                return false;
        }
        return true;
}

static void put_header(Conn *c, const char *name, const char *value)
{
        buf_append_str(&c->out, name);
        buf_append(&c->out, ": ", 2);
        buf_append_str(&c->out, value);
        buf_append(&c->out, "\r\n", 2);
}

static bool has_no_body(unsigned status)
{
        return status < 200 || status == 204 || status == 304;
}

void conn_put_head(Conn *c, unsigned status, const HttpHeader *headers, size_t n_headers, int64_t n_body,
                   bool keep_alive)
{
        buf_printf(&c->out, "HTTP/1.1 %u %s\r\n", status, reason_of(status));
        put_date(c);
        for (size_t i = 0; i < n_headers; i++)
                if (header_is_allowed(&headers[i]))
                        put_header(c, headers[i].name, headers[i].value);
        if (n_body < 0 && http1_minor_version(c->parser) > 0)
                buf_append_str(&c->out, "Transfer-Encoding: chunked\r\n");
        else if (n_body >= 0 && !has_no_body(status))
                buf_printf(&c->out, "Content-Length: %lld\r\n", (long long) n_body);
        if (!keep_alive)
                buf_append_str(&c->out, "Connection: close\r\n");
        else if (http1_minor_version(c->parser) == 0)
                buf_append_str(&c->out, "Connection: keep-alive\r\n");
        buf_append(&c->out, "\r\n", 2);
}

static char *error_body(const char *code, const char *message, const char *field)
{
        json_t *error = json_object(), *body = json_object();
        char *text;

        json_put_str(error, "code", code);
        json_put_str(error, "message", message);
        if (field)
                json_put_str(error, "field", field);
        json_object_set_new(body, "error", error);
        text = json_dump(body);
        json_decref(body);
        return text;
}

void conn_refuse(Conn *c, unsigned status, const char *code, const char *message)
{
        HttpHeader header = {"Content-Type", "application/json"};
        _cleanup_free_ char *body = error_body(code, message, NULL);

        conn_put_head(c, status, &header, 1, (int64_t) strlen(body), false);
        buf_append_str(&c->out, body);
        conn_answered(c, false);
}

static bool is_head(const Conn *c)
{
        return str_equal(http1_method(c->parser), "HEAD");
}

void http_respond(HttpRequest *req, unsigned status, const HttpHeader *headers, size_t n_headers,
                  const void *body, size_t n_bytes)
{
        Conn *c = req->conn;
        bool keep_alive = http1_keep_alive(c->parser);

        conn_put_head(c, status, headers, n_headers, (int64_t) n_bytes, keep_alive);
        if (!is_head(c) && !has_no_body(status))
                buf_append(&c->out, body, n_bytes);
        conn_answered(c, keep_alive);
}

void http_respond_text(HttpRequest *req, unsigned status, const char *content_type, const char *body)
{
        HttpHeader header = {"Content-Type", content_type};

        http_respond(req, status, &header, 1, body, strlen(body));
}

void http_respond_json(HttpRequest *req, unsigned status, json_t *body)
{
        _cleanup_free_ char *text = json_dump(body);

        json_decref(body);
        http_respond_text(req, status, "application/json", text);
}

void http_respond_error(HttpRequest *req, unsigned status, const char *code, const char *message,
                        const char *field)
{
        _cleanup_free_ char *text = error_body(code, message, field);

        http_respond_text(req, status, "application/json", text);
}

HttpStream *http_stream_open(HttpRequest *req, unsigned status, const char *content_type,
                             void (*on_close)(void *userdata), void *userdata)
{
        HttpHeader headers[] = {{"Content-Type", content_type}, {"Cache-Control", "no-cache"}};

        return http_stream_open_with(req, status, headers, ELEMENTSOF(headers), on_close, userdata);
}

HttpStream *http_stream_open_with(HttpRequest *req, unsigned status, const HttpHeader *headers,
                                  size_t n_headers, void (*on_close)(void *userdata), void *userdata)
{
        Conn *c = req->conn;
        bool chunked = http1_minor_version(c->parser) > 0;

        c->stream = (HttpStream){
                .conn = c,
                .chunked = chunked,
                .silent = is_head(c) || has_no_body(status),
                .on_close = on_close,
                .userdata = userdata,
        };
        conn_put_head(c, status, headers, n_headers, -1, chunked && http1_keep_alive(c->parser));
        conn_set_state(c, CONN_STREAMING);
        transport_call_soon(c->transport);
        return &c->stream;
}

void http_stream_write(HttpStream *s, const void *data, size_t n_bytes)
{
        Buf *out = &s->conn->out;

        if (n_bytes == 0 || s->silent)
                return; /* an empty chunk would be the last one */
        if (s->chunked)
                buf_printf(out, "%zx\r\n", n_bytes);
        buf_append(out, data, n_bytes);
        if (s->chunked)
                buf_append(out, "\r\n", 2);
        transport_call_soon(s->conn->transport);
}

size_t http_stream_queued_bytes(const HttpStream *s)
{
        return buf_len(&s->conn->out);
}

void http_stream_set_on_drain(HttpStream *s, void (*on_drain)(void *userdata))
{
        s->on_drain = on_drain;
}

void http_stream_close(HttpStream *s)
{
        Conn *c = s->conn;

        if (s->chunked && !s->silent)
                buf_append_str(&c->out, "0\r\n\r\n");
        conn_answered(c, s->chunked && http1_keep_alive(c->parser));
}

/* RFC 6455 §4.2.1. The key is 16 bytes in base64: 22 characters and "==". */
static bool key_is_valid(const char *key)
{
        static const char BASE64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

        return key && strlen(key) == 24 && strspn(key, BASE64) == 22 && str_equal(key + 22, "==");
}

static int check_handshake(HttpRequest *req)
{
        static const HttpHeader VERSION = {"Sec-WebSocket-Version", "13"};
        const Http1 *h = req->conn->parser;
        HttpHeader headers[] = {{"Upgrade", "websocket"}, VERSION, {"Content-Type", "application/json"}};
        _cleanup_free_ char *body = NULL;

        if (http1_header_has(h, "Upgrade", "websocket") && http1_header_has(h, "Connection", "upgrade")) {
                const char *version = http1_header(h, "Sec-WebSocket-Version");

                if (str_equal(version, "13")) {
                        if (str_equal(http1_method(h), "GET") && http1_minor_version(h) > 0 &&
                            key_is_valid(http1_header(h, "Sec-WebSocket-Key")))
                                return 0;
                        http_respond_error(req, 400, "bad_handshake", "Not a valid WebSocket handshake.",
                                           NULL);
                        return error_origin(-EPROTO);
                }
        }
        body = error_body("upgrade_required", "This address speaks WebSocket, version 13.", NULL);
        http_respond(req, 426, headers, ELEMENTSOF(headers), body, strlen(body));
        return error_origin(-EPROTO);
}

int http_upgrade(HttpRequest *req, size_t max_message_bytes, const WsPeerEvents *events, void *userdata,
                 WsPeer **ret)
{
        Conn *c = req->conn;
        char accept[29];
        int r = check_handshake(req);

        if (r < 0)
                return error_trace(r);
        wsock_accept_key(http1_header(c->parser, "Sec-WebSocket-Key"), accept);
        buf_printf(&c->out,
                   "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Accept: %s\r\n\r\n",
                   accept);
        *ret = ws_peer_new(take(c->transport), WSOCK_SERVER, max_message_bytes, &c->out, buf_bytes(&c->in),
                           buf_len(&c->in));
        ws_peer_set_events(*ret, events, userdata);
        conn_cut(c);
        return 0;
}

const char *http_request_method(const HttpRequest *req)
{
        return http1_method(req->conn->parser);
}

const char *http_request_path(const HttpRequest *req)
{
        return req->path;
}

const char *http_request_query(const HttpRequest *req)
{
        return req->query;
}

const char *http_request_target(const HttpRequest *req)
{
        return http1_target(req->conn->parser);
}

const char *http_request_header(const HttpRequest *req, const char *name)
{
        return http1_header(req->conn->parser, name);
}

bool http_request_header_at(const HttpRequest *req, size_t i, HttpHeader *ret)
{
        if (i >= http1_n_headers(req->conn->parser))
                return false;
        http1_header_at(req->conn->parser, i, &ret->name, &ret->value);
        return true;
}

const char *http_request_body(const HttpRequest *req, size_t *ret_n_bytes)
{
        return http1_body(req->conn->parser, ret_n_bytes);
}

const char *http_request_peer(const HttpRequest *req)
{
        return req->conn->peer;
}

void http_request_set_userdata(HttpRequest *req, void *userdata)
{
        req->userdata = userdata;
}

void *http_request_userdata(const HttpRequest *req)
{
        return req->userdata;
}
