/* llhttp is compiled from Debian's sources with its strict tables. It is paused at the end of each head,
 * which gives the exact length of the head whatever the cuts were, and at the end of each message, which
 * leaves pipelined bytes to the caller. After a message it is reset, so that it never believes in an upgrade:
 * the layer above decides what a 101 means. */
#include "net/http1.h"

#include <llhttp/llhttp.h>

#include "base/buf.h"

typedef struct Header {
        size_t name_at, value_at; /* into `text` */
} Header;

struct Http1 {
        llhttp_t parser;
        Http1Limits limits;
        Buf target, text, body; /* text: names and values of the headers, each with its NUL */
        Header *headers;
        size_t n_headers, n_headers_allocated;
        size_t name_at; /* where the header that is being read starts */
        size_t n_head;  /* raw bytes of the head so far */
        size_t n_extra; /* bytes of trailers and chunk extensions */
        bool in_target, in_head, done, keep_alive;
        char last_byte; /* of the head */
        Http1Event error;
        const char *error_text;
};

static int refuse(Http1 *h, Http1Event error, const char *text)
{
        if (!h->error) {
                h->error = error;
                h->error_text = text;
        }
        return -1; /* makes llhttp stop */
}

/* llhttp hands out a span at the end of each cut, or not at all when it meets an error inside: what a span
 * callback refuses would depend on the cuts. So spans are only counted, and judged when they are complete.
 * One that never ends grows nothing here (a head has its limit; of the others nothing is kept). */
static int check_extra(Http1 *h)
{
        if (h->n_extra > h->limits.max_head_bytes)
                return refuse(h, HTTP1_E_HEAD_TOO_LARGE, "trailers or chunk extensions too large");
        return 0;
}

static int on_url(llhttp_t *parser, const char *at, size_t n_bytes)
{
        Http1 *h = parser->data;

        h->in_target = true;
        buf_append(&h->target, at, n_bytes);
        return 0;
}

static int on_url_complete(llhttp_t *parser)
{
        Http1 *h = parser->data;

        h->in_target = false;
        if (buf_len(&h->target) > h->limits.max_target_bytes)
                return refuse(h, HTTP1_E_TARGET_TOO_LONG, "request target too long");
        return 0;
}

static bool in_trailer(const Http1 *h)
{
        return !h->in_head;
}

static int on_header_field(llhttp_t *parser, const char *at, size_t n_bytes)
{
        Http1 *h = parser->data;

        if (in_trailer(h))
                h->n_extra += n_bytes;
        else
                buf_append(&h->text, at, n_bytes);
        return 0;
}

static int on_header_field_complete(llhttp_t *parser)
{
        Http1 *h = parser->data;

        if (in_trailer(h))
                return 0;
        if (h->n_headers == h->limits.max_headers)
                return refuse(h, HTTP1_E_HEAD_TOO_LARGE, "too many header fields");
        if (h->n_headers == h->n_headers_allocated) {
                h->n_headers_allocated = MAX2(h->n_headers_allocated * 2, (size_t) 16);
                h->headers = mem_resize(h->headers, sizeof(Header) * h->n_headers_allocated);
        }
        buf_append_char(&h->text, 0);
        h->headers[h->n_headers] = (Header){h->name_at, buf_len(&h->text)};
        return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t n_bytes)
{
        return on_header_field(parser, at, n_bytes);
}

static int on_header_value_complete(llhttp_t *parser)
{
        Http1 *h = parser->data;
        Header *header;

        if (in_trailer(h)) {
                h->n_extra += 4; /* the colon and what else a line costs */
                return check_extra(h);
        }
        header = &h->headers[h->n_headers++];
        while (buf_len(&h->text) > header->value_at && strchr(" \t", h->text.data[h->text.n_bytes - 1]))
                h->text.n_bytes--;
        buf_append_char(&h->text, 0);
        h->name_at = buf_len(&h->text);
        return 0;
}

static unsigned count_header(const Http1 *h, const char *name)
{
        unsigned n = 0;

        for (size_t i = 0; i < h->n_headers; i++)
                n += strcasecmp(h->text.data + h->headers[i].name_at, name) == 0;
        return n;
}

/* RFC 9112 §6.1, §6.3: who disagrees about where a message ends is open to smuggling. */
static int check_framing(Http1 *h)
{
        unsigned n_coding = count_header(h, "Transfer-Encoding"),
                 n_length = count_header(h, "Content-Length");

        if (n_coding > 0 && n_length > 0)
                return refuse(h, HTTP1_E_MALFORMED, "both Transfer-Encoding and Content-Length");
        if (n_coding > 1 || n_length > 1)
                return refuse(h, HTTP1_E_MALFORMED, "repeated Transfer-Encoding or Content-Length");
        if (n_coding > 0 && h->parser.http_minor == 0)
                return refuse(h, HTTP1_E_MALFORMED, "Transfer-Encoding in HTTP/1.0");
        if (n_coding > 0 && strcasecmp(http1_header(h, "Transfer-Encoding"), "chunked") != 0)
                return refuse(h, HTTP1_E_CODING, "transfer coding not implemented");
        if (n_length > 0 && h->parser.content_length > h->limits.max_body_bytes)
                return refuse(h, HTTP1_E_BODY_TOO_LARGE, "body too large");
        return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
        Http1 *h = parser->data;

        if (parser->http_major != 1 || parser->http_minor > 1)
                return refuse(h, HTTP1_E_VERSION, "not HTTP/1.0 or HTTP/1.1");
        if (check_framing(h) < 0)
                return -1;
        if (parser->type == HTTP_REQUEST) {
                unsigned n_host = count_header(h, "Host");

                if (n_host > 1 || (n_host == 0 && parser->http_minor == 1))
                        return refuse(h, HTTP1_E_MALFORMED, "exactly one Host is required");
                if (parser->method == HTTP_CONNECT)
                        return refuse(h, HTTP1_E_MALFORMED, "CONNECT is not served");
        }
        h->keep_alive = llhttp_should_keep_alive(parser) != 0;
        h->in_head = false;
        return HPE_PAUSED;
}

static int on_body(llhttp_t *parser, const char *at, size_t n_bytes)
{
        Http1 *h = parser->data;

        if (n_bytes > h->limits.max_body_bytes - buf_len(&h->body))
                return refuse(h, HTTP1_E_BODY_TOO_LARGE, "body too large");
        buf_append(&h->body, at, n_bytes);
        return 0;
}

static int on_chunk_extension(llhttp_t *parser, const char *at, size_t n_bytes)
{
        Http1 *h = parser->data;

        (void) at;
        h->n_extra += n_bytes;
        return 0;
}

static int on_chunk_extension_complete(llhttp_t *parser)
{
        return check_extra(parser->data);
}

static int on_message_complete(llhttp_t *parser)
{
        Http1 *h = parser->data;

        h->done = true;
        return HPE_PAUSED;
}

static const llhttp_settings_t SETTINGS = {
        .on_url = on_url,
        .on_url_complete = on_url_complete,
        .on_header_field = on_header_field,
        .on_header_field_complete = on_header_field_complete,
        .on_header_value = on_header_value,
        .on_header_value_complete = on_header_value_complete,
        .on_headers_complete = on_headers_complete,
        .on_body = on_body,
        .on_chunk_extension_name = on_chunk_extension,
        .on_chunk_extension_value = on_chunk_extension,
        .on_chunk_extension_name_complete = on_chunk_extension_complete,
        .on_chunk_extension_value_complete = on_chunk_extension_complete,
        .on_message_complete = on_message_complete,
};

static void start_message(Http1 *h)
{
        h->n_headers = h->name_at = h->n_head = h->n_extra = 0;
        h->in_target = h->done = h->keep_alive = false;
        h->in_head = true;
        h->last_byte = 0;
}

Http1 *http1_new(Http1Kind kind, const Http1Limits *limits)
{
        Http1 *h = mem_new(Http1);

        llhttp_init(&h->parser, kind == HTTP1_REQUEST ? HTTP_REQUEST : HTTP_RESPONSE, &SETTINGS);
        h->parser.data = h;
        h->limits = *limits;
        start_message(h);
        return h;
}

void http1_free(Http1 *h)
{
        if (!h)
                return;
        buf_deinit(&h->target);
        buf_deinit(&h->text);
        buf_deinit(&h->body);
        free(h->headers);
        free(h);
}

void http1_next(Http1 *h)
{
        llhttp_reset(&h->parser);
        buf_clear(&h->target);
        buf_clear(&h->text);
        buf_clear(&h->body);
        start_message(h);
}

/* Folded lines and bare LFs, which llhttp lets through in places, over the bytes of the head that it took.
 * They come before whatever it stopped at, and so does their error. */
static void check_lines(Http1 *h, const char *data, size_t n_bytes)
{
        const char *p = data, *end = data + n_bytes, *lf;
        const char *fault = NULL;

        if (n_bytes == 0)
                return;
        if (h->last_byte == '\n' && (*p == ' ' || *p == '\t'))
                fault = "folded header line";
        while (!fault && (lf = memchr(p, '\n', (size_t) (end - p)))) {
                if ((lf > data ? lf[-1] : h->last_byte) != '\r')
                        fault = "line without CR";
                else if (lf + 1 < end && (lf[1] == ' ' || lf[1] == '\t'))
                        fault = "folded header line";
                p = lf + 1;
        }
        h->last_byte = end[-1];
        if (fault) {
                h->error = HTTP1_E_MALFORMED;
                h->error_text = fault;
        }
}

static Http1Event feed_head(Http1 *h, const char *data, size_t n_bytes, size_t *ret_used)
{
        size_t n_allowed = MIN2(n_bytes, h->limits.max_head_bytes - h->n_head);
        llhttp_errno_t e = llhttp_execute(&h->parser, data, n_allowed);
        size_t n_used = e == HPE_OK ? n_allowed : (size_t) (llhttp_get_error_pos(&h->parser) - data);

        *ret_used = n_used;
        h->n_head += n_used;
        check_lines(h, data, n_used);
        if (h->error)
                return h->error;
        if (e == HPE_PAUSED) {
                llhttp_resume(&h->parser);
                return HTTP1_HEAD;
        }
        if (e != HPE_OK) {
                refuse(h, HTTP1_E_MALFORMED, llhttp_get_error_reason(&h->parser));
                return h->error;
        }
        if (h->n_head == h->limits.max_head_bytes) {
                refuse(h, h->in_target ? HTTP1_E_TARGET_TOO_LONG : HTTP1_E_HEAD_TOO_LARGE, "head too large");
                return h->error;
        }
        return HTTP1_MORE;
}

static Http1Event feed_body(Http1 *h, const char *data, size_t n_bytes, size_t *ret_used)
{
        llhttp_errno_t e = llhttp_execute(&h->parser, data, n_bytes);

        *ret_used = e == HPE_OK ? n_bytes : (size_t) (llhttp_get_error_pos(&h->parser) - data);
        if (h->error)
                return h->error;
        if (h->done)
                return HTTP1_DONE;
        if (e != HPE_OK) {
                refuse(h, HTTP1_E_MALFORMED, llhttp_get_error_reason(&h->parser));
                return h->error;
        }
        return HTTP1_MORE;
}

Http1Event http1_feed(Http1 *h, const char *data, size_t n_bytes, size_t *ret_used)
{
        *ret_used = 0;
        if (h->error)
                return h->error;
        if (h->done)
                return HTTP1_DONE;
        return h->in_head ? feed_head(h, data, n_bytes, ret_used) : feed_body(h, data, n_bytes, ret_used);
}

Http1Event http1_finish(Http1 *h)
{
        if (h->error || h->done)
                return h->error ? h->error : HTTP1_DONE;
        if (h->in_head || llhttp_finish(&h->parser) != HPE_PAUSED || !h->done) {
                refuse(h, HTTP1_E_MALFORMED, "connection ended inside a message");
                return h->error;
        }
        return HTTP1_DONE;
}

const char *http1_error_text(const Http1 *h)
{
        return h->error_text ? h->error_text : "";
}

bool http1_in_message(const Http1 *h)
{
        return h->n_head > 0 && !h->done;
}

const char *http1_method(const Http1 *h)
{
        return llhttp_method_name((llhttp_method_t) h->parser.method);
}

const char *http1_target(const Http1 *h)
{
        return buf_bytes(&h->target);
}

unsigned http1_status(const Http1 *h)
{
        return h->parser.status_code;
}

unsigned http1_minor_version(const Http1 *h)
{
        return h->parser.http_minor;
}

bool http1_keep_alive(const Http1 *h)
{
        return h->keep_alive;
}

size_t http1_n_headers(const Http1 *h)
{
        return h->n_headers;
}

void http1_header_at(const Http1 *h, size_t i, const char **ret_name, const char **ret_value)
{
        *ret_name = h->text.data + h->headers[i].name_at;
        *ret_value = h->text.data + h->headers[i].value_at;
}

const char *http1_header(const Http1 *h, const char *name)
{
        for (size_t i = 0; i < h->n_headers; i++)
                if (strcasecmp(h->text.data + h->headers[i].name_at, name) == 0)
                        return h->text.data + h->headers[i].value_at;
        return NULL;
}

static bool list_has(const char *list, const char *element)
{
        size_t n_element = strlen(element);

        while (*list) {
                size_t n;

                list += strspn(list, ", \t");
                n = strcspn(list, ",");
                while (n > 0 && strchr(" \t", list[n - 1]))
                        n--;
                if (n == n_element && strncasecmp(list, element, n) == 0)
                        return true;
                list += strcspn(list, ",");
        }
        return false;
}

bool http1_header_has(const Http1 *h, const char *name, const char *element)
{
        for (size_t i = 0; i < h->n_headers; i++)
                if (strcasecmp(h->text.data + h->headers[i].name_at, name) == 0 &&
                    list_has(h->text.data + h->headers[i].value_at, element))
                        return true;
        return false;
}

const char *http1_body(const Http1 *h, size_t *ret_n_bytes)
{
        *ret_n_bytes = buf_len(&h->body);
        return *ret_n_bytes > 0 ? buf_bytes(&h->body) : "";
}
