/* A PostgreSQL of the test's own: made in a temporary directory, reached by a socket in it, gone with the
 * process. */
#pragma once

#include "base/macro.h"

/* Whether this run is to use it: TEST_DATABASE=postgres. */
bool postgres_server_wanted(void);

/* The address of an empty schema of its own, owned by the caller; NULL when there is no PostgreSQL on this
 * machine (said once on stderr). The server is started by the first call, and stopped when the process ends.
 * It refuses root, and so runs as the user `postgres`, or `nobody`. */
char *postgres_server_schema(void);

/* SIGINT (fast: cuts connections), SIGQUIT (immediate: as a crash does); up again when it returns. */
void postgres_server_restart(int signo);
/* Ends the connections whose application_name begins so. */
void postgres_server_cut(const char *application_name);
/* Runs SQL as the superuser in that schema and returns the first value, or NULL; owned. */
char *postgres_server_query(const char *url, const char *sql);
/* What the server answers on the connections that this process has now is lost; what is sent arrives. */
void postgres_server_deafen(void);
/* New connections are refused. */
void postgres_server_hide(bool hidden);
