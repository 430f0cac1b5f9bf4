/* What a session does about messages that came while Slack could not be heard (core/catchup.h). */
#pragma once

#include "flow/flow.h"

/* A message of the history was taken: it is counted for the line that slack.caught_up brings. No-op for live
 * ones. */
void session_away_note(Flow *f, const FlowEvent *ev);
/* slack.withheld, slack.stale, slack.deleted, slack.caught_up. FLOW_IGNORE: the event is not such. */
FlowVerdict session_take_away_event(Flow *f, const FlowEvent *ev);
