/* What the page needs beyond the addresses that tests use: files of a person, and the messages before the
 * ones that `GET /_local/state` shows. */
#pragma once

#include "local.h"
#include "net/http-server.h"
#include "net/url.h"

#define CONTROL_HISTORY_MAX 500 /* messages of one answer */

/* Answers `POST files` and `GET history`; false when `path` is neither, and nothing was done. */
bool control_page_handle(Local *l, HttpRequest *req, const char *path, const json_t *in, const Form *query);

/* The file object of an uploaded file that `user` attaches to a message; it is complete with this. NULL:
 * there is none, its bytes are missing, or it is somebody else's. */
json_t *control_page_attach(Local *l, const char *base_url, const char *user, const char *file_id);
