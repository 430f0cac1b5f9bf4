/* Commands to a plugin and their answers, matched by request_id.
 *
 * A command ends when its reply comes, when its deadline passes or when its connection goes; a reply after
 * that finds nobody and is dropped. Sending the same command again is harmless by its request_id
 * (contract/README.md, "A command may come twice"), so nothing here tries to find out what became of an
 * unanswered one. */
#include "integrations/opencode/bridge-internal.h"

#include "base/log.h"

/* Ends a command that is no longer in any list. `done` may start the next command. */
static void finish(Bridge *b, BridgeCommand *cmd, const BridgeReply *reply)
{
        if (!reply->frame)
                metric_add(b->metrics.commands_unanswered, 1);
        else
                metric_add(json_bool(reply->frame, "ok") ? b->metrics.commands_ok
                                                         : b->metrics.commands_failed,
                           1);
        cmd->done(cmd->userdata, reply);
        free(cmd->request_id);
        free(cmd);
}

static BridgeCommand *take_command(List *node)
{
        list_remove(node);
        return list_entry(node, BridgeCommand, link);
}

void bridge_command(Bridge *b, const BridgeTarget *target, json_t *frame, BridgeReplyFn done, void *userdata)
{
        _cleanup_json_ json_t *owned = frame;
        _cleanup_free_ char *text = json_dump(owned);
        BridgeConnection *c = bridge_choose(b, target);
        BridgeCommand *cmd = mem_new(BridgeCommand);

        list_init(&cmd->link);
        cmd->request_id = mem_strdup(json_str_or(owned, "request_id", ""));
        cmd->done = done;
        cmd->userdata = userdata;
        if (strlen(text) > BRIDGE_FRAME_MAX_BYTES) {
                finish(b, cmd,
                       &(BridgeReply){.code = "invalid", .message = "the command is larger than 1 MiB"});
                return;
        }
        if (!c) {
                finish(b, cmd, &(BridgeReply){.code = "unavailable", .message = "OpenCode is not connected"});
                return;
        }
        if (ws_peer_queued_bytes(c->peer) > QUEUED_MAX_BYTES) {
                /* It takes nothing any more; a new connection starts with an empty queue. */
                finish(b, cmd, &(BridgeReply){.code = "unavailable", .message = "OpenCode does not read"});
                bridge_connection_close(c, 1013, "does not read");
                return;
        }
        cmd->due_ms = loop_now_ms(b->loop) + b->timing.command_ms;
        list_append(&c->commands, &cmd->link);
        ws_peer_send_text(c->peer, text, strlen(text));
        bridge_connection_schedule(c);
}

void bridge_command_others(Bridge *b, const BridgeTarget *target, const json_t *frame)
{
        _cleanup_free_ char *text = json_dump(frame);
        BridgeConnection *chosen = bridge_choose(b, target);

        list_for_each (node, &b->connections) {
                BridgeConnection *c = list_entry(node, BridgeConnection, link);

                if (c != chosen && c->state == CONNECTION_LIVE)
                        ws_peer_send_text(c->peer, text, strlen(text));
        }
}

void bridge_commands_reply(BridgeConnection *c, const json_t *frame)
{
        const char *request_id = json_str(frame, "request_id");

        list_for_each_safe (node, &c->commands) {
                if (!str_equal(list_entry(node, BridgeCommand, link)->request_id, request_id))
                        continue;
                finish(c->bridge, take_command(node),
                       &(BridgeReply){.frame = frame, .sent = true, .from = c});
                return;
        }
        log_debug(COMPONENT, "reply to %s, which nobody waits for (any more)", request_id);
}

void bridge_commands_expire(BridgeConnection *c, int64_t now_ms)
{
        List expired;

        list_init(&expired);
        list_for_each_safe (node, &c->commands) {
                if (list_entry(node, BridgeCommand, link)->due_ms > now_ms)
                        break; /* all have the same time: the list is in the order of deadlines */
                list_remove(node);
                list_append(&expired, node);
        }
        while (!list_empty(&expired))
                finish(c->bridge, take_command(expired.next),
                       &(BridgeReply){.sent = true,
                                      .code = "timeout",
                                      .message = "OpenCode did not answer in time"});
}

void bridge_commands_fail(BridgeConnection *c, const char *message)
{
        while (!list_empty(&c->commands))
                finish(c->bridge, take_command(c->commands.next),
                       &(BridgeReply){.sent = true, .code = "unavailable", .message = message});
}

void bridge_commands_forget(BridgeConnection *c)
{
        while (!list_empty(&c->commands)) {
                BridgeCommand *cmd = take_command(c->commands.next);

                free(cmd->request_id);
                free(cmd);
        }
}

int64_t bridge_commands_due_ms(const BridgeConnection *c)
{
        return list_empty(&c->commands) ? INT64_MAX
                                        : list_entry(c->commands.next, BridgeCommand, link)->due_ms;
}
