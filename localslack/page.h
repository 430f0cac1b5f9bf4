/* The page, from the files of web/ that are built into the program. */
#pragma once

#include "net/http-server.h"

/* Answers GET of /, /app.js …; false when there is no such file (not answered then). */
bool page_handle(HttpRequest *req);
