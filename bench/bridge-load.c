/* Measures what a person feels, with localslack on one side and a played OpenCode on the other:
 *
 *   questions   question.asked on the bridge → the message in Slack; click in Slack → question.reply on the
 * bridge; while other sessions stream echo        a person's message in Slack → the app's message in Slack,
 * for an app that repeats "echo N" hold        sessions that exist and work, until SIGTERM; something else
 * measures
 *
 * All times are of this process's one clock. Samples are taken one after the other. The result is one line of
 * JSON on stdout. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "bridge-script.h"
#include "slack-feed.h"

#define SETUP_MS        60000 /* all sessions at work */
#define SAMPLE_MS       10000
#define SETTLE_MS       1000 /* after which what the start caused is over */
#define BEFORE_CLICK_MS 30
#define STREAM_EVERY_MS 10
#define HTTP_MS         15000
#define HTTP_BYTES_MAX  ((size_t) 1024 * 1024)
#define USER            "ann"

typedef enum Mode { MODE_QUESTIONS, MODE_ECHO, MODE_HOLD } Mode;

typedef struct Options {
        Mode mode;
        const char *slack_url, *gateway_url, *token, *directory;
        unsigned n_sessions, n_streaming, n_samples;
        double streams_per_second; /* of each streaming session */
        int64_t every_ms;          /* between two samples */
} Options;

/* The sample under way. */
typedef struct Sample {
        char *mark;         /* what its message contains */
        char *channel, *ts; /* of the message, once it is there */
        char *question_id;
        int64_t asked_us, shown_us, clicked_us, answered_us; /* 0 = not yet */
} Sample;

typedef struct Load {
        Options options;
        Loop *loop;
        HttpClient *http;
        SlackFeed *feed;
        BridgeScript *bridge;
        LoopTimer *deadline, *next, *click, *stream;
        LoopSignal *sigterm;
        unsigned n_opened, n_prompted, n_done, n_failed;
        Sample sample;
        json_t *shown_us, *answered_us; /* results */
        int64_t streaming_since_ms;
        uint64_t n_streamed;
        unsigned next_streaming;
        bool is_sampling;
        int exit_code;
} Load;

static void fail(Load *l, const char *why)
{
        fprintf(stderr, "bridge-load: %s\n", why);
        l->exit_code = 1;
        loop_stop(l->loop);
}

/* --- requests to localslack --- */

typedef struct Request {
        Load *load;
        void (*then)(Load *l); /* may be NULL */
} Request;

static void on_response(void *userdata, const HttpResult *result)
{
        Request *r = userdata;
        Load *l = r->load;
        void (*then)(Load * l) = r->then;

        free(r);
        if (result->fault < 0 || result->status != 200) {
                _cleanup_free_ char *why = mem_printf("localslack answers %u: %.500s", result->status,
                                                      result->fault < 0 ? result->error : result->body);

                fail(l, why);
        } else if (then)
                then(l);
}

static void post(Load *l, const char *path, json_t *body /* stolen */, void (*then)(Load *l))
{
        _cleanup_free_ char *url = mem_printf("%s/_local/%s", l->options.slack_url, path),
                            *text = json_dump(body);
        static const char *const headers[] = {"Content-Type: application/json", NULL};
        Request *r = mem_new(Request);

        *r = (Request){l, then};
        json_decref(body);
        if (http_client_send(l->http,
                             &(HttpCall){.method = "POST",
                                         .url = url,
                                         .headers = headers,
                                         .body = text,
                                         .n_body = strlen(text),
                                         .timeout_ms = HTTP_MS,
                                         .max_response_bytes = HTTP_BYTES_MAX},
                             on_response, r, NULL) < 0) {
                free(r);
                fail(l, "the address of localslack is malformed");
        }
}

/* --- samples --- */

static void sample_clear(Sample *s)
{
        free(s->mark);
        free(s->channel);
        free(s->ts);
        free(s->question_id);
        *s = (Sample){0};
}

/* A session's channel: each its own, so that Slack's limit of one message per second and channel is not what
 * is measured. */
static char *channel_of(unsigned session)
{
        return mem_printf("load-%u", session);
}

static void begin_sample(void *userdata)
{
        Load *l = userdata;
        unsigned n = l->n_done + l->n_failed;
        unsigned session = n % l->options.n_sessions;
        Sample *s = &l->sample;

        sample_clear(s);
        loop_timer_set(l->deadline, SAMPLE_MS);
        if (l->options.mode == MODE_ECHO) {
                _cleanup_free_ char *channel = channel_of(session);

                s->mark = mem_printf("echo %u.", n);
                post(l, "message",
                     json_pack("{s:s, s:s, s:s}", "channel", channel, "user", USER, "text", s->mark), NULL);
                return;
        }
        s->mark = mem_printf("Which way out of fork %u?", n);
        s->question_id = mem_printf("que_%u_%u", session, n);
        s->asked_us = clock_monotonic_us();
        bridge_script_ask(l->bridge, session, s->question_id, s->mark);
}

static void print_result(const Load *l)
{
        json_t *out =
                json_pack("{s:O, s:O, s:i, s:I}", "shown_us", l->shown_us, "answered_us", l->answered_us,
                          "failed", (int) l->n_failed, "streamed", (json_int_t) l->n_streamed);
        _cleanup_free_ char *text = json_dump(out);

        printf("%s\n", text);
        json_decref(out);
}

static void end_sample(Load *l, bool ok)
{
        const Sample *s = &l->sample;
        int64_t took_ms = SAMPLE_MS;

        loop_timer_clear(l->deadline);
        if (ok) {
                l->n_done++;
                took_ms = (clock_monotonic_us() - s->asked_us) / 1000;
                json_array_append_new(l->shown_us, json_integer(s->shown_us - s->asked_us));
                if (s->answered_us)
                        json_array_append_new(l->answered_us, json_integer(s->answered_us - s->clicked_us));
        } else
                l->n_failed++;
        if (l->n_done + l->n_failed >= l->options.n_samples) {
                print_result(l);
                loop_stop(l->loop);
        } else
                loop_timer_set(l->next, MAX2(l->options.every_ms - took_ms, (int64_t) 0));
}

static void on_deadline(void *userdata)
{
        Load *l = userdata;

        if (!l->is_sampling) {
                _cleanup_free_ char *why = mem_printf("only %u of %u sessions are at work", l->n_prompted,
                                                      l->options.n_sessions);

                fail(l, why);
                return;
        }
        fprintf(stderr, "bridge-load: sample %u: no %s\n", l->n_done + l->n_failed,
                l->sample.shown_us ? "answer" : "message");
        end_sample(l, false);
}

static void click(void *userdata)
{
        Load *l = userdata;
        Sample *s = &l->sample;

        s->clicked_us = clock_monotonic_us();
        post(l, "action",
             json_pack("{s:s, s:s, s:s, s:s}", "channel", s->channel, "user", USER, "ts", s->ts, "action_id",
                       "question.pick"),
             NULL);
}

static void on_answer(void *userdata, const char *question_id)
{
        Load *l = userdata;

        if (!str_equal(question_id, l->sample.question_id))
                return; /* of a sample that was given up */
        l->sample.answered_us = clock_monotonic_us();
        end_sample(l, true);
}

/* A message is in Slack. The person's own, when an echo is awaited, starts the time. */
static void on_slack_event(void *userdata, const char *event, const char *data)
{
        Load *l = userdata;
        Sample *s = &l->sample;
        int64_t now_us = clock_monotonic_us();
        _cleanup_json_ json_t *body = NULL;
        bool is_bot;

        if (!str_equal(event, "message") || !s->mark || s->shown_us || !strstr(data, s->mark))
                return;
        body = json_parse(data, strlen(data), NULL);
        is_bot = json_str(body, "message.bot_id");
        if (!is_bot && l->options.mode == MODE_ECHO)
                s->asked_us = now_us;
        if (!is_bot || !s->asked_us)
                return;
        s->shown_us = now_us;
        if (l->options.mode == MODE_ECHO) {
                end_sample(l, true);
                return;
        }
        s->channel = mem_strdup(json_str_or(body, "channel", ""));
        s->ts = mem_strdup(json_str_or(body, "message.ts", ""));
        loop_timer_set(l->click, BEFORE_CLICK_MS);
}

/* --- streaming --- */

static void on_stream(void *userdata)
{
        Load *l = userdata;
        double elapsed_s = (double) (loop_now_ms(l->loop) - l->streaming_since_ms) / 1000;
        uint64_t due = (uint64_t) (elapsed_s * l->options.streams_per_second * l->options.n_streaming);

        for (; l->n_streamed < due; l->n_streamed++) {
                bridge_script_stream(l->bridge, l->next_streaming);
                l->next_streaming = (l->next_streaming + 1) % l->options.n_streaming;
        }
        loop_timer_set(l->stream, STREAM_EVERY_MS);
}

/* --- the start --- */

static void start_sampling(Load *l)
{
        l->is_sampling = true;
        loop_timer_clear(l->deadline);
        if (l->options.mode == MODE_HOLD) {
                printf("ready\n");
                fflush(stdout);
                return;
        }
        if (l->options.mode == MODE_QUESTIONS && l->options.n_streaming > 0) {
                l->streaming_since_ms = loop_now_ms(l->loop);
                loop_timer_set(l->stream, 0);
        }
        loop_timer_set(l->next, SETTLE_MS);
}

static void open_next(Load *l);

static void start_session(Load *l)
{
        _cleanup_free_ char *channel = channel_of(l->n_opened);
        _cleanup_free_ char *text = mem_printf("start " BRIDGE_SCRIPT_TITLE, l->n_opened);

        l->n_opened++;
        if (l->options.mode == MODE_ECHO)
                open_next(l);
        else
                post(l, "command",
                     json_pack("{s:s, s:s, s:s, s:s}", "channel", channel, "user", USER, "command",
                               "/opencode", "text", text),
                     open_next);
}

/* Channel and session one after the other: none is lost in a rate limit. */
static void open_next(Load *l)
{
        _cleanup_free_ char *channel = channel_of(l->n_opened);

        if (l->n_opened < l->options.n_sessions)
                post(l, "channels",
                     json_pack("{s:s, s:[s, s]}", "name", channel, "members", "U0ANN", "U0BOT"),
                     start_session);
        else if (l->options.mode == MODE_ECHO)
                start_sampling(l);
}

static void on_prompted(void *userdata, unsigned session)
{
        Load *l = userdata;

        (void) session;
        if (++l->n_prompted == l->options.n_sessions)
                start_sampling(l);
}

static void on_welcome(void *userdata)
{
        open_next(userdata);
}

static void on_bridge_end(void *userdata, const char *why)
{
        fail(userdata, why);
}

static int open_bridge(Load *l)
{
        static const BridgeScriptEvents events = {.on_welcome = on_welcome,
                                                  .on_prompted = on_prompted,
                                                  .on_answer = on_answer,
                                                  .on_end = on_bridge_end};

        return bridge_script_new(&l->bridge, l->loop, l->http, l->options.gateway_url, l->options.token,
                                 l->options.directory, &events, l);
}

static void on_feed_ready(void *userdata)
{
        Load *l = userdata;

        if (l->options.mode == MODE_ECHO)
                open_next(l);
        else if (open_bridge(l) < 0)
                fail(l, "the address of the gateway is malformed");
}

static void on_feed_end(void *userdata, const char *why)
{
        _cleanup_free_ char *text = mem_printf("localslack's feed: %s", why);

        fail(userdata, text);
}

static int start(Load *l)
{
        static const SlackFeedEvents events = {
                .on_ready = on_feed_ready, .on_event = on_slack_event, .on_end = on_feed_end};

        loop_timer_set(l->deadline, SETUP_MS);
        /* A watched localslack has more to do: without samples nobody needs to watch. */
        return l->options.mode == MODE_HOLD
                       ? open_bridge(l)
                       : slack_feed_open(&l->feed, l->loop, l->options.slack_url, &events, l);
}

static void on_sigterm(void *userdata)
{
        loop_stop(userdata);
}

static int run(const Options *options)
{
        Load l = {.options = *options, .shown_us = json_array(), .answered_us = json_array()};
        int r = loop_new(&l.loop);

        if (r < 0 || http_client_new(&l.http, l.loop, "bridge-load") < 0)
                return 1;
        l.deadline = loop_timer_new(l.loop, on_deadline, &l);
        l.next = loop_timer_new(l.loop, begin_sample, &l);
        l.click = loop_timer_new(l.loop, click, &l);
        l.stream = loop_timer_new(l.loop, on_stream, &l);
        l.sigterm = loop_signal_new(l.loop, SIGTERM, on_sigterm, l.loop);
        if (start(&l) < 0)
                fail(&l, "an address is malformed");
        else
                loop_run(l.loop);
        bridge_script_free(l.bridge);
        slack_feed_free(l.feed);
        http_client_free(l.http);
        loop_timer_free(l.deadline);
        loop_timer_free(l.next);
        loop_timer_free(l.click);
        loop_timer_free(l.stream);
        loop_signal_free(l.sigterm);
        sample_clear(&l.sample);
        json_decref(l.shown_us);
        json_decref(l.answered_us);
        loop_free(l.loop);
        return l.exit_code;
}

static const char usage[] =
        "Usage: bridge-load questions|echo|hold --slack URL [--gateway URL --token TOKEN --directory DIR]\n"
        "                   [--sessions N] [--streaming N] [--streams-per-second N] [--samples N] [--every-ms N]\n";

static bool read_mode(const char *word, Mode *ret)
{
        static const char *const words[] = {
                [MODE_QUESTIONS] = "questions", [MODE_ECHO] = "echo", [MODE_HOLD] = "hold"};

        for (size_t i = 0; word && i < ELEMENTSOF(words); i++)
                if (str_equal(words[i], word)) {
                        *ret = (Mode) i;
                        return true;
                }
        return false;
}

static bool read_options(int argc, char **argv, Options *o)
{
        static const struct option known[] = {
                {"slack", required_argument, NULL, 's'},
                {"gateway", required_argument, NULL, 'g'},
                {"token", required_argument, NULL, 't'},
                {"directory", required_argument, NULL, 'd'},
                {"sessions", required_argument, NULL, 'n'},
                {"streaming", required_argument, NULL, 'm'},
                {"streams-per-second", required_argument, NULL, 'r'},
                {"samples", required_argument, NULL, 'k'},
                {"every-ms", required_argument, NULL, 'e'},
                {0},
        };
        int option;

        *o = (Options){.directory = "/load",
                       .n_sessions = 1,
                       .n_samples = 100,
                       .streams_per_second = 20,
                       .every_ms = 100};
        while ((option = getopt_long(argc, argv, "", known, NULL)) != -1)
                switch (option) {
                case 's': o->slack_url = optarg; break;
                case 'g': o->gateway_url = optarg; break;
                case 't': o->token = optarg; break;
                case 'd': o->directory = optarg; break;
                case 'n': o->n_sessions = (unsigned) strtoul(optarg, NULL, 10); break;
                case 'm': o->n_streaming = (unsigned) strtoul(optarg, NULL, 10); break;
                case 'r': o->streams_per_second = strtod(optarg, NULL); break;
                case 'k': o->n_samples = (unsigned) strtoul(optarg, NULL, 10); break;
                case 'e': o->every_ms = strtoll(optarg, NULL, 10); break;
                default: return false;
                }
        return read_mode(argv[optind], &o->mode) && o->slack_url && o->n_sessions > 0 && o->n_samples > 0 &&
               o->n_streaming <= o->n_sessions && (o->mode == MODE_ECHO || (o->gateway_url && o->token));
}

int main(int argc, char **argv)
{
        Options options;

        if (!read_options(argc, argv, &options)) {
                fputs(usage, stderr);
                return 2;
        }
        json_setup();
        signal(SIGPIPE, SIG_IGN);
        log_set_level(LOG_WARN);
        return run(&options);
}
