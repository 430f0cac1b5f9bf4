/* A session and its permissions and questions, each of which is a flow of its own. */
#pragma once

#include "flow/flow.h"

/* What the bridge, an HTTP caller or the requests themselves tell about a request. FLOW_IGNORE: the event is
 * not such. */
FlowVerdict session_take_request_event(Flow *f, const FlowEvent *ev);
/* After a (re)connection of the bridge (`oc.reconcile`): new requests get their cards, those that OpenCode
 * does not know any more are closed. */
void session_reconcile_requests(Flow *f, const FlowEvent *ev);
