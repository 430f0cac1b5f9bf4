#include "page.h"

#include "web-files.h"

#define CSP                                                                                                   \
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " \
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

bool page_handle(HttpRequest *req)
{
        const char *path = http_request_path(req), *name = str_equal(path, "/") ? "index.html" : path + 1;

        for (size_t i = 0; i < n_web_files; i++) {
                HttpHeader headers[] = {{"Content-Type", web_files[i].type},
                                        {"Content-Security-Policy", CSP},
                                        {"X-Content-Type-Options", "nosniff"},
                                        {"Referrer-Policy", "no-referrer"},
                                        {"Cache-Control", "no-cache"}};

                if (!str_equal(web_files[i].name, name))
                        continue;
                http_respond(req, 200, headers, ELEMENTSOF(headers), web_files[i].data, web_files[i].n_bytes);
                return true;
        }
        return false;
}
