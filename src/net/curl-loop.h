/* A libcurl multi handle driven by our loop (curl's multi_socket interface). Private to src/net. */
#pragma once

#include <curl/curl.h>

#include "loop/loop.h"

typedef struct CurlLoop CurlLoop;

/* `on_done` is called for each transfer that ended, outside of curl, so that it may add and remove transfers
 * and free the CurlLoop; the easy handle is still added then. */
int curl_loop_new(CurlLoop **ret, Loop *loop, void (*on_done)(void *userdata, CURL *easy, CURLcode code),
                  void *userdata);
/* `on_progress` is called after curl has moved bytes, outside of curl, before the transfers that ended. */
void curl_loop_set_on_progress(CurlLoop *c, void (*on_progress)(void *userdata));
/* Every easy handle must have been removed. */
void curl_loop_free(CurlLoop *c);
CURLM *curl_loop_multi(CurlLoop *c);

/* What every connection of ours has in common: no signals, verified certificates (`ca_file` instead of the
 * system's when not NULL), keepalive, TCP_USER_TIMEOUT, HTTP/1.1 only, the time limit.
 * < 0: curl refused one. */
int curl_setup_easy(CURL *easy, const char *url, const char *ca_file, int64_t timeout_ms, char *error_buffer);
/* Seconds or a date (RFC 9110 §10.2.3) as milliseconds from now; -1 for NULL and for nonsense. */
int64_t retry_after_ms(const char *value);
/* Whether a "Name: value" line can be sent without becoming two. */
bool header_line_is_valid(const char *line);
