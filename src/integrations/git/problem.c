#include "integrations/git/problem.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define DETAILS_BYTES_MAX 2000

void problem_deinit(Problem *p)
{
        free(p->message);
        free(p->details);
        free(p->repository);
        free(p->field);
        json_decref(p->more);
        *p = (Problem){0};
}

bool problem_set(Problem *p, const char *code, const char *format, ...)
{
        va_list ap;

        if (p->code)
                return false;
        p->code = code;
        va_start(ap, format);
        if (vasprintf(&p->message, format, ap) < 0)
                abort(); /* no memory */
        va_end(ap);
        return false;
}

bool problem_set_errno(Problem *p, int error, const char *doing)
{
        switch (error) {
        case ENOSPC:
        case EDQUOT:
        case EFBIG:
                return problem_set(p, "disk_full", "The disk is full: could not %s. Make room and try again.",
                                   doing);
        case EACCES:
        case EPERM:
        case EROFS:
                return problem_set(p, "permission",
                                   "Could not %s: %s. The gateway's user needs to be able to write there.",
                                   doing, strerror(error));
        default: return problem_set(p, "git_error", "Could not %s: %s.", doing, strerror(error));
        }
}

/* What git and its helpers say (LC_ALL=C), and what it means. The first match counts. */
static const struct {
        const char *says, *code, *next;
} meanings[] = {
        {"No space left on device", "disk_full", "The disk is full: make room and try again."},
        {"Disk quota exceeded", "disk_full", "The disk quota is used up: make room and try again."},
        {"File too large", "disk_full", "A file may not grow so large here."},
        /* Of a checkout git does not say why. */
        {"unable to write file", "disk_full", "A file could not be written: is the disk full?"},
        {".lock': File exists", "locked",
         "Another git is at work there, or one that crashed left its lock; if nobody is, remove the file."},
        {"could not lock config file", "locked",
         "Another git is at work there, or one that crashed left its lock."},
        {"cannot lock ref", "locked",
         "Another git holds this branch, or its name is in the way of another one's."},
        {"detected dubious ownership", "permission",
         "The repository belongs to another user; add it to git's safe.directory."},
        {"Permission denied (publickey", "auth", "The remote did not accept the gateway's key."},
        {"Host key verification failed", "auth", "The remote's host key is not known to the gateway's user."},
        {"Authentication failed", "auth", "The remote did not accept the gateway's credentials."},
        {"could not read Username", "auth",
         "The remote wants credentials, and the gateway's user has none for it."},
        {"could not read Password", "auth",
         "The remote wants credentials, and the gateway's user has none for it."},
        {"terminal prompts disabled", "auth",
         "The remote wants credentials, and the gateway's user has none for it."},
        {"returned error: 401", "auth", "The remote did not accept the gateway's credentials."},
        {"returned error: 403", "auth", "The remote does not let the gateway in."},
        {"Could not resolve host", "unreachable", "The remote's name is not known: is the network there?"},
        {"Connection refused", "unreachable", "The remote does not answer."},
        {"Connection timed out", "unreachable", "The remote does not answer."},
        {"Connection reset", "unreachable", "The connection to the remote broke."},
        {"Network is unreachable", "unreachable", "There is no network to the remote."},
        {"unable to access", "unreachable", "The remote could not be reached."},
        {"Repository not found", "unreachable",
         "The remote knows no such repository, or does not show it to the gateway."},
        {"Could not read from remote repository", "unreachable",
         "The remote could not be read: is the address right?"},
        {"does not appear to be a git repository", "unreachable", "There is no repository at that address."},
        {"unexpected disconnect", "unreachable", "The connection to the remote broke."},
        {"early EOF", "unreachable", "The connection to the remote broke."},
        {"already checked out at", "branch_exists", "Somebody works on that branch in another worktree."},
        {"already used by worktree", "branch_exists", "Somebody works on that branch in another worktree."},
        {"not a git repository", "not_a_repository", "There is no git repository."},
        {"Permission denied", "permission", "The gateway's user needs to be able to write there."},
        {"Read-only file system", "permission", "The file system is read-only."},
};

/* The last lines that begin as git's messages do; without such, the last line. */
static char *last_words(const char *text)
{
        size_t n = strlen(text);
        const char *best = NULL, *last = text, *end;

        while (n > 0 && isspace((unsigned char) text[n - 1]))
                n--;
        for (const char *at = text; at < text + n; at = end + 1) {
                end = at + strcspn(at, "\r\n");
                if (end > at)
                        last = at;
                if (str_starts_with(at, "fatal: ") || str_starts_with(at, "error: "))
                        best = at;
        }
        if (!best)
                best = last;
        end = best + MIN2(strcspn(best, "\r\n"), (size_t) 400);
        if (str_starts_with(best, "fatal: ") || str_starts_with(best, "error: "))
                best += 7;
        return mem_strndup(best, (size_t) (end - best));
}

static void set_failed(Problem *p, const Child *child, const char *doing)
{
        const char *err = buf_bytes(&child->err);
        _cleanup_free_ char *said = last_words(buf_len(&child->err) ? err : buf_bytes(&child->out));

        for (size_t i = 0; i < ELEMENTSOF(meanings); i++)
                if (strstr(err, meanings[i].says)) {
                        problem_set(p, meanings[i].code, "Could not %s. %s (%s)", doing, meanings[i].next,
                                    said);
                        return;
                }
        if (child->end == CHILD_SIGNALED)
                problem_set(p, "git_error", "Could not %s: the program was ended by signal %d.", doing,
                            child->status);
        else
                problem_set(p, "git_error", "Could not %s: %s", doing,
                            *said ? said : "the program failed without a word.");
}

bool problem_set_child(Problem *p, const Child *child, const char *program, const char *doing)
{
        if (p->code)
                return false;
        switch (child->end) {
        case CHILD_NOT_STARTED:
                if (child->status == ENOENT)
                        return problem_set(
                                p, str_equal(program, "git") ? "git_missing" : "maker_missing",
                                "Could not %s: there is no program %s here. Install it where the gateway runs.",
                                doing, program);
                return problem_set(p, "git_error", "Could not %s: %s cannot be started: %s.", doing, program,
                                   strerror(child->status));
        case CHILD_TIMED_OUT:
                problem_set(p, "timeout", "Could not %s within %lld seconds: it was given up.", doing,
                            (long long) (child->timeout_ms + 999) / 1000);
                break;
        case CHILD_CANCELLED: return problem_set(p, "cancelled", "The gateway is stopping.");
        case CHILD_EXITED:
        case CHILD_SIGNALED: set_failed(p, child, doing); break;
        }
        if (buf_len(&child->err) > 0) {
                size_t n = buf_len(&child->err), skip = n > DETAILS_BYTES_MAX ? n - DETAILS_BYTES_MAX : 0;

                while (skip > 0 && skip < n && ((unsigned char) buf_bytes(&child->err)[skip] & 0xC0) == 0x80)
                        skip++; /* not into the middle of a character */
                p->details = mem_strdup(buf_bytes(&child->err) + skip);
        }
        return false;
}

bool problem_is_temporary(const Problem *p)
{
        static const char *const temporary[] = {"busy",        "locked", "timeout",
                                                "unreachable", "auth",   "cancelled"};

        for (size_t i = 0; i < ELEMENTSOF(temporary); i++)
                if (str_equal(p->code, temporary[i]))
                        return true;
        return false;
}

/* Programs speak any encoding; JSON is UTF-8. */
static void put(json_t *obj, const char *key, const char *text)
{
        json_t *value;

        if (!text)
                return;
        value = json_string(text);
        if (!value) {
                _cleanup_free_ char *ascii = mem_strdup(text);

                for (unsigned char *s = (unsigned char *) ascii; *s; s++)
                        *s = *s < 0x80 ? *s : '?';
                value = json_string(ascii);
        }
        json_object_set_new(obj, key, value);
}

json_t *problem_to_json(const Problem *p)
{
        json_t *obj = p->more ? json_deep_copy(p->more) : json_object();

        put(obj, "error", p->code);
        put(obj, "message", p->message);
        put(obj, "details", p->details);
        put(obj, "repository", p->repository);
        put(obj, "field", p->field);
        return obj;
}
