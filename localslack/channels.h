/* What it means to make, join, rename or archive a channel, and to pin in it: the store, the page's feed,
 * what Slack says in the channel, and the app's events together. Everything that a person or the app does to
 * channels goes through here; whether they may is asked before. */
#pragma once

#include "local.h"

/* NULL: the workspace is full, or the name taken. */
Channel *channels_create(Local *l, const char *name, ChannelKind kind, const char *creator);
/* `inviter` may be NULL. The person is not in the channel yet. */
void channels_join(Local *l, Channel *c, const char *user, const char *inviter);
/* `kicker` may be NULL: left of their own will. */
void channels_leave(Local *l, Channel *c, const char *user, const char *kicker);
void channels_archive(Local *l, Channel *c, const char *user, bool archive);
void channels_rename(Local *l, Channel *c, const char *name, const char *user);
void channels_set_topic(Local *l, Channel *c, const char *topic, const char *user);
void channels_set_purpose(Local *l, Channel *c, const char *purpose, const char *user);
/* False: it is pinned already (or was not), or there are STATE_PINS_MAX. */
bool channels_pin(Local *l, Channel *c, Message *m, const char *user, bool pin);

/* Somebody new, and somebody whose profile changed: team_join and user_change. */
void channels_announce_user(Local *l, const User *u, bool is_new);
/* Slack's user object; the e-mail address only `with_email`. */
json_t *channels_render_user(const User *u, bool with_email);
/* Slack's channel object for `viewer`. */
json_t *channels_render(const Channel *c, const char *viewer);
