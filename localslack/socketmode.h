/* The sockets of the app: tickets, hello, pings, the end of their life, and the faults of §1.12 that a test
 * can call up. Which socket gets an envelope is arbitrary, as in Slack: one of those that are live. */
#pragma once

#include "local.h"

#define SOCKETS_MAX         10
#define SOCKETS_TICKETS_MAX 256

Socketmode *socketmode_new(Local *l);
void socketmode_free(Socketmode *sm);

/* An owned address for one connection: "ws://<host>/link/?ticket=…&app_id=…". */
char *socketmode_make_url(Socketmode *sm, const char *host);
/* Answers GET /link/. */
void socketmode_accept(Socketmode *sm, HttpRequest *req);

/* One text frame to one live socket, whose number is returned; 0 when there is none. A frozen socket and a
 * ghost count as live, and swallow. */
int64_t socketmode_send(Socketmode *sm, const char *text, size_t n_bytes);
/* A binary frame to the oldest live socket; false when there is none. */
bool socketmode_send_binary(Socketmode *sm, const void *data, size_t n_bytes);
size_t socketmode_count_live(const Socketmode *sm);
/* Could the app have had and answered what went to this socket? Not when a test keeps it from that. */
bool socketmode_is_sound(const Socketmode *sm, int64_t id);

/* What of the switches concerns sockets that are up already. */
void socketmode_apply_switches(Socketmode *sm);

/* For socket number `which`, or for all (which < 0): "warning", "refresh", "link_disabled" (the disconnect
 * messages), "close" (a close frame), "kill" (without one), "reset" or "rst" (TCP RST), "freeze" and "thaw"
 * (half-open), "ghost" (the connection goes, the registration stays), "mute" and "unmute" (acknowledgements
 * are ignored), "deafen" and "undeafen" (pings are answered, envelopes lost). Returns how many it concerned;
 * -1: no such action. */
int socketmode_act(Socketmode *sm, const char *action, int64_t which);
/* [{"id", "state", "opened_ms", "queued_bytes"}] */
json_t *socketmode_render(const Socketmode *sm);
