/* Which journal, and what to say when it cannot be had. */
#include "gateway/gateway.h"

#include <sys/stat.h>

#include "base/error.h"
#include "store/journal-postgres.h"
#include "store/journal-sqlite.h"
#include "store/salvage.h"

#define DATABASE_PATIENCE_MS 30000 /* a database that starts together with us */

/* A journal that is damaged on the disk: the gateway goes on with what can be read of it, and says so. */
static int salvage_journal(Gateway *g, const char *path)
{
        SalvageReport report;
        int r = journal_salvage(path, &report);

        if (r == 0) {
                log_error(
                        "gateway",
                        "the journal %s was damaged; %s is in use again (%lld rows, %lld flows), the damaged "
                        "file is kept as %s%s",
                        path, report.incomplete ? "what could be read of it" : "all of it",
                        (long long) report.n_rows, (long long) report.n_flows, report.kept_as,
                        report.keys_are_lost ? "; what Slack repeats of earlier inputs may be done twice"
                                             : "");
                metric_set(metrics_gauge(g->metrics, "journal_salvaged",
                                         "1: this start began with a damaged journal.", NULL),
                           1);
        }
        salvage_report_deinit(&report);
        return r;
}

static int open_sqlite(Gateway *g)
{
        static const char *const why[] = {
                [JOURNAL_SQLITE_E_LOCKED] = "another gateway is running on it",
                [JOURNAL_SQLITE_E_NEWER] = "it was written by a newer version of this program",
                [JOURNAL_SQLITE_E_DAMAGED] = "it is not a journal; move it away to start with an empty one",
        };
        const char *url = secret_reveal(&g->conf->gateway.database_url), *dir = g->conf->gateway.state_dir;
        _cleanup_free_ char *path = NULL;
        int r;

        if (str_starts_with(url, "sqlite:"))
                path = mem_strdup(url + strlen("sqlite:"));
        else if (str_empty(url)) {
                if (mkdir(dir, 0700) < 0 && errno != EEXIST) {
                        log_error("gateway", "cannot make the state directory %s: %s", dir, strerror(errno));
                        return error_origin(-errno);
                }
                path = mem_printf("%s/gateway.db", dir);
        }
        r = journal_sqlite_open(&g->journal, g->loop, &(JournalSqliteConfig){.path = path});
        if (r == JOURNAL_SQLITE_E_DAMAGED && path && salvage_journal(g, path) == 0)
                r = journal_sqlite_open(&g->journal, g->loop, &(JournalSqliteConfig){.path = path});
        if (r > 0) {
                log_error("gateway", "cannot use the journal %s: %s", path ? path : "in memory", why[r]);
                return error_origin(-EBUSY);
        }
        return error_trace(r);
}

static int open_postgres(Gateway *g)
{
        _cleanup_free_ char *error = NULL;
        int r = journal_postgres_open(
                &g->journal, g->loop,
                &(JournalPostgresConfig){.url = secret_reveal(&g->conf->gateway.database_url),
                                         .patience_ms = DATABASE_PATIENCE_MS},
                &error);

        if (r == 0)
                return 0;
        log_error("gateway", "cannot use the database of gateway.database_url: %s",
                  r == POSTGRES_E_NEWER ? "it was written by a newer version of this program"
                  : error               ? error
                                        : strerror(-r));
        return error_origin(-EBUSY);
}

bool gateway_shares_journal(const Gateway *g)
{
        return str_starts_with(secret_reveal(&g->conf->gateway.database_url), "postgres");
}

int gateway_open_journal(Gateway *g)
{
        return error_trace(gateway_shares_journal(g) ? open_postgres(g) : open_sqlite(g));
}
