#include "core/cards-away.h"

#include <time.h>

#include "connectors/slack/block-kit.h"
#include "core/cards-internal.h"

#define SAID_CHARS      300
#define WITHOUT_DATE_MS (12LL * 3600 * 1000) /* a clock time alone says enough for so long */

/* https://docs.slack.dev/messaging/formatting-message-text#date-formatting; mrkdwn. Owned. */
static char *when(int64_t at_ms, int64_t now_ms, bool plain)
{
        time_t s = (time_t) (at_ms / 1000);
        bool dated = now_ms - at_ms > WITHOUT_DATE_MS;
        char text[64];
        struct tm tm;

        gmtime_r(&s, &tm);
        strftime(text, sizeof(text), dated ? "%d %b %H:%M UTC" : "%H:%M UTC", &tm);
        return plain ? mem_strdup(text)
                     : mem_printf("<!date^%lld^%s{time}|%s>", (long long) s,
                                  dated ? "{date_short_pretty} " : "", text);
}

static char *span(const AwayCard *m, bool plain)
{
        _cleanup_free_ char *first = when(m->first_ms, m->now_ms, plain),
                            *last = when(m->last_ms, m->now_ms, plain);

        return str_equal(first, last) ? take(first) : mem_printf("%s–%s", first, last);
}

static char *away_text(const AwayCard *m, bool plain)
{
        _cleanup_free_ char *times = span(m, plain), *stale = when(m->stale_ms, m->now_ms, plain);
        _cleanup_free_ char *taken = NULL, *left = NULL;

        if (m->n > 0)
                taken = mem_printf("%u %s came while I was away (%s); I am going through %s now.", m->n,
                                   m->n == 1 ? "message" : "messages", times, m->n == 1 ? "it" : "them");
        if (m->n_stale > 0)
                left = mem_printf(
                        "%u older %s, the last one of %s, came too long ago: not taken. Send %s again "
                        "if still wanted.",
                        m->n_stale, m->n_stale == 1 ? "message" : "messages", stale,
                        m->n_stale == 1 ? "it" : "them");
        return mem_printf("%s%s%s", taken ? taken : "", taken && left ? " " : "", left ? left : "");
}

json_t *card_away(const AwayCard *m)
{
        _cleanup_free_ char *text = away_text(m, true), *mrkdwn = away_text(m, false);

        return slack_message(text, json_pack("[o]", block_context(mrkdwn)));
}

json_t *card_offer(const OfferCard *m)
{
        _cleanup_free_ char *at = when(m->said_ms, m->now_ms, false), *author = card_mention(m->user);
        _cleanup_free_ char *head = mem_printf("%s at %s:", author ? author : "Said", at);
        _cleanup_free_ char *cut = slack_cut(m->said, SAID_CHARS);
        _cleanup_free_ char *fallback = mem_printf("Not done: “%s”. %s", cut, m->why),
                            *by = card_mention(m->taken_by);
        _cleanup_free_ char *end = NULL;
        json_t *quote = json_pack(
                "[o]", json_pack("{s:s, s:[o*]}", "type", "rich_text_quote", "elements", rich_text(cut, 0)));
        json_t *blocks =
                json_pack("[o, o, o]", block_context(head), block_rich_text(quote), block_context(m->why));

        if (by)
                end = mem_printf("Done now, on the word of %s.", by);
        if (end || m->expired)
                json_array_append_new(
                        blocks, block_context(end ? end : "Not done. Say it again if it is still wanted."));
        else
                json_array_append_new(
                        blocks, block_actions(NULL, json_pack("[o]", element_button("offer.take", m->label,
                                                                                    m->ref, BUTTON_PLAIN))));
        return slack_message(fallback, blocks);
}
