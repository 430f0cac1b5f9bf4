/* The bridge: the plugin's numbered events and the gateway's commands over one connection that can be cut. In
 * each direction order is kept; what is under way when it is cut is gone, and the plugin says again what was
 * not acknowledged. The end of the connection may be noticed much later than it happens, and by the two ends
 * at different times. */
#include "sim-world.h"

#include <stdarg.h>
#include <stdio.h>

#include "integrations/opencode/bridge-internal.h"

typedef struct Held {
        int64_t seq;
        json_t *frame;
} Held;

typedef struct Plugin {
        char bridge_id[40];
        int64_t last_seq;
        Held *held; /* not acknowledged */
        size_t n_held, size_held;
        char **in_flight; /* request_ids at work */
        size_t n_in_flight;
        char **answered; /* request_ids of answers that were given */
        size_t n_answered;
} Plugin;

static Plugin plugin;
static unsigned connection;          /* grows with each */
static bool is_wired;                /* the connection works */
static bool plugin_knows;            /* … or the plugin thinks so */
static bool gateway_knows;           /* … or the gateway */
static int64_t up_at_ms, down_at_ms; /* when the last frame of each direction arrives */

static void connect_soon(int64_t after_ms);

static void print_bridge_id(char out[40], unsigned life)
{
        snprintf(out, 40, "00000000-0000-4000-8000-%012u", life);
}

/* ---- frames on the wire ---- */

typedef struct Frame {
        unsigned connection, life; /* of OpenCode's process, by which it is named */
        json_t *json;
} Frame;

static void frame_drop(void *userdata)
{
        Frame *f = userdata;

        json_decref(f->json);
        free(f);
}

static void put_on_wire(SimOwner owner, int64_t *last_ms, LoopFn fn, json_t *json /* stolen */)
{
        int64_t arrives_ms = sim_now_ms() + sim_draw_ms(DRAW_NET, 1, 25);
        Frame *f = mem_new(Frame);

        *f = (Frame){connection, oc.life, json};
        /* One after the other: two frames never arrive in the same millisecond, so that chance cannot turn
         * them. */
        *last_ms = MAX2(*last_ms + 1, arrives_ms);
        sim_after(owner, *last_ms - sim_now_ms(), fn, frame_drop, f);
}

static void on_at_gateway(void *userdata)
{
        Frame *f = userdata;

        if (f->connection == connection && gateway_knows) {
                const char *why, *field = sim->checks_frames ? bridge_frame_check(f->json, &why) : NULL;

                if (field)
                        sim_fail("frame against the contract", "%s: %s %s", json_str_or(f->json, "type", "?"),
                                 field, why);
                if (str_equal(json_str(f->json, "type"), "reply"))
                        process_take_reply(f->json);
                else {
                        char bridge_id[40];

                        print_bridge_id(bridge_id, f->life);
                        process_take_frame(bridge_id, f->json);
                }
        }
        frame_drop(f);
}

static void to_gateway(json_t *json /* stolen */)
{
        if (is_wired)
                put_on_wire(OWNER_GATEWAY, &up_at_ms, on_at_gateway, json);
        else
                json_decref(json);
}

/* ---- events ---- */

static json_t *frame_of(const char *type, const char *session_id, const char *root_id, int64_t seq,
                        const char *format, va_list ap)
{
        char more[4000];
        _cleanup_free_ char *text = NULL;
        json_t *frame;
        char *error = NULL;

        vsnprintf(more, sizeof(more), format, ap);
        for (char *p = more; *p; p++)
                *p = *p == '\'' ? '"' : *p;
        if (seq)
                text = mem_printf("{\"type\":\"%s\",\"seq\":%lld,\"at_ms\":%lld,\"directory\":\"" DIRECTORY
                                  "\",\"session_id\":\"%s\",\"root_id\":\"%s\"%s}",
                                  type, (long long) seq, (long long) sim_true_ms(), session_id, root_id,
                                  more);
        else
                text = mem_printf("{\"type\":\"%s\",\"directory\":\"" DIRECTORY
                                  "\",\"session_id\":\"%s\",\"root_id\":\"%s\"%s}",
                                  type, session_id, root_id, more);
        frame = json_parse(text, strlen(text), &error);
        if (!frame)
                sim_fail("bad frame of the simulation", "%s in %.300s", error, text);
        free(error);
        return frame;
}

static void hold_and_send(json_t *frame /* stolen */, int64_t seq)
{
        if (plugin.n_held == plugin.size_held) {
                plugin.size_held = plugin.size_held ? plugin.size_held * 2 : 32;
                plugin.held = mem_resize(plugin.held, plugin.size_held * sizeof(*plugin.held));
        }
        plugin.held[plugin.n_held++] = (Held){seq, frame};
        if (plugin_knows)
                to_gateway(json_incref(frame));
}

void bridge_emit(const char *type, const char *session_id, const char *root_id, const char *format, ...)
{
        int64_t seq = ++plugin.last_seq;
        json_t *frame;
        va_list ap;

        va_start(ap, format);
        frame = frame_of(type, session_id, root_id, seq, format, ap);
        va_end(ap);
        sim_trace("bridge: event %lld %s of %s", (long long) seq, type, session_id);
        hold_and_send(frame, seq);
}

void bridge_emit_volatile(const char *type, const char *session_id, const char *format, ...)
{
        json_t *frame;
        va_list ap;

        if (!plugin_knows)
                return;
        va_start(ap, format);
        frame = frame_of(type, session_id, session_id, 0, format, ap);
        va_end(ap);
        to_gateway(frame);
}

static void on_reconcile(void *userdata)
{
        Buf text = {0};
        json_t *frame;

        if (connection != (unsigned) (size_t) userdata || !plugin_knows)
                return;
        buf_printf(&text,
                   "{\"type\":\"reconcile\",\"seq\":%lld,\"at_ms\":%lld,\"directory\":\"" DIRECTORY
                   "\",\"directories\":",
                   (long long) ++plugin.last_seq, (long long) sim_true_ms());
        opencode_reconcile_part(&text);
        buf_append_char(&text, '}');
        frame = json_parse(buf_bytes(&text), buf_len(&text), NULL);
        sim_trace("bridge: reconcile: %s", buf_bytes(&text) + 60);
        buf_deinit(&text);
        hold_and_send(frame, plugin.last_seq);
}

void bridge_say_reconcile(void)
{
        sim_after(OWNER_OPENCODE, sim_draw_ms(DRAW_NET, 5, 400), on_reconcile, NULL,
                  (void *) (size_t) connection);
}

/* ---- acknowledgements ---- */

static void on_acked(void *userdata)
{
        Frame *f = userdata;
        int64_t up_to = json_integer_value(f->json);
        size_t n = 0;

        if (f->connection == connection && f->life == oc.life) {
                while (n < plugin.n_held && plugin.held[n].seq <= up_to)
                        json_decref(plugin.held[n++].frame);
                if (n > 0)
                        memmove(plugin.held, plugin.held + n, (plugin.n_held - n) * sizeof(*plugin.held));
                plugin.n_held -= n;
        }
        frame_drop(f);
}

void bridge_ack(int64_t durable);
void bridge_ack(int64_t durable)
{
        if (is_wired)
                put_on_wire(OWNER_WORLD, &down_at_ms, on_acked, json_integer(durable));
}

/* ---- commands ---- */

static bool list_has(char **list, size_t n, const char *id)
{
        for (size_t i = 0; i < n; i++)
                if (str_equal(list[i], id))
                        return true;
        return false;
}

static void list_add(char ***list, size_t *n, const char *id)
{
        *list = mem_resize(*list, (*n + 1) * sizeof(**list));
        (*list)[(*n)++] = mem_strdup(id);
}

static void list_remove_id(char **list, size_t *n, const char *id)
{
        for (size_t i = 0; i < *n; i++)
                if (str_equal(list[i], id)) {
                        free(list[i]);
                        list[i] = list[--*n];
                        return;
                }
}

static bool is_answer(const char *type)
{
        return str_starts_with(type, "permission.") || str_starts_with(type, "question.");
}

static void command_drop(void *userdata)
{
        oc.n_commands--;
        json_decref(userdata);
}

/* The command has its effect now, and its reply goes out on whatever connection there is. */
static void on_perform(void *userdata)
{
        json_t *command = userdata, *result, *reply;
        const char *id = json_str_or(command, "request_id", ""), *code = NULL;

        if (is_answer(json_str_or(command, "type", "")) && list_has(plugin.answered, plugin.n_answered, id))
                result = json_object();
        else
                result = opencode_perform(command, &code);
        list_remove_id(plugin.in_flight, &plugin.n_in_flight, id);
        if (result && is_answer(json_str_or(command, "type", "")))
                list_add(&plugin.answered, &plugin.n_answered, id);
        reply = json_pack("{s:s, s:s, s:b}", "type", "reply", "request_id", id, "ok", result != NULL);
        if (result)
                json_object_set_new(reply, "result", result);
        else
                json_object_set_new(reply, "error",
                                    json_pack("{s:s, s:s}", "code", code, "message", "refused"));
        if (plugin_knows)
                to_gateway(reply);
        else
                json_decref(reply);
        command_drop(command);
}

static void on_at_plugin(void *userdata)
{
        Frame *f = userdata;
        const char *id = json_str_or(f->json, "request_id", "");
        int64_t after_ms = sim_draw_ms(DRAW_AGENT, 1, 40);

        if (f->connection == connection && oc.is_up && !list_has(plugin.in_flight, plugin.n_in_flight, id)) {
                list_add(&plugin.in_flight, &plugin.n_in_flight, id);
                oc.n_commands++;
                /* OpenCode accepts a prompt and stores it later; the plugin waits for that. */
                if (opencode_store_prompt(f->json))
                        after_ms = fault_hits(FAULT_STORED_LATE) ? sim_draw_ms(DRAW_AGENT, 500, 4900)
                                                                 : sim_draw_ms(DRAW_AGENT, 10, 60);
                sim_after(OWNER_OPENCODE, after_ms, on_perform, command_drop, json_incref(f->json));
        }
        frame_drop(f);
}

void bridge_send_command(json_t *frame);
void bridge_send_command(json_t *frame /* stolen */)
{
        if (is_wired)
                put_on_wire(OWNER_WORLD, &down_at_ms, on_at_plugin, frame);
        else
                json_decref(frame);
}

/* ---- the connection ---- */

static void on_connect(void *userdata)
{
        if (connection != (unsigned) (size_t) userdata || plugin_knows)
                return;
        if (!oc.is_up || !process_is_up()) {
                connect_soon(sim_draw_ms(DRAW_NET, 300, 2500));
                return;
        }
        connection++;
        if (gateway_knows) /* it has not noticed the end of the one before */
                process_bridge_connected(plugin.bridge_id, false);
        is_wired = plugin_knows = gateway_knows = true;
        up_at_ms = down_at_ms = sim_now_ms();
        sim_trace("bridge: connected (%s)", plugin.bridge_id);
        process_bridge_connected(plugin.bridge_id, true);
        for (size_t i = 0; i < plugin.n_held; i++)
                to_gateway(json_incref(plugin.held[i].frame));
        bridge_say_reconcile();
}

static void connect_soon(int64_t after_ms)
{
        sim_after(OWNER_WORLD, after_ms, on_connect, NULL, (void *) (size_t) connection);
}

static void on_plugin_notices(void *userdata)
{
        if (connection != (unsigned) (size_t) userdata || !plugin_knows || is_wired)
                return;
        plugin_knows = false;
        connect_soon(sim_draw_ms(DRAW_NET, 100, 3000));
}

static void on_gateway_notices(void *userdata)
{
        if (connection != (unsigned) (size_t) userdata || !gateway_knows || is_wired)
                return;
        gateway_knows = false;
        process_bridge_connected(plugin.bridge_id, false);
}

static int64_t notice_ms(void)
{
        return sim_draw(DRAW_NET, 2) ? sim_draw_ms(DRAW_NET, 0, 100) : sim_draw_ms(DRAW_NET, 1000, 25000);
}

void bridge_cut(void)
{
        if (!is_wired)
                return;
        sim_trace("bridge: cut");
        is_wired = false;
        sim_after(OWNER_WORLD, notice_ms(), on_plugin_notices, NULL, (void *) (size_t) connection);
        sim_after(OWNER_GATEWAY, notice_ms(), on_gateway_notices, NULL, (void *) (size_t) connection);
}

static void forget_plugin(void)
{
        for (size_t i = 0; i < plugin.n_held; i++)
                json_decref(plugin.held[i].frame);
        for (size_t i = 0; i < plugin.n_in_flight; i++)
                free(plugin.in_flight[i]);
        for (size_t i = 0; i < plugin.n_answered; i++)
                free(plugin.answered[i]);
        free(plugin.held);
        free(plugin.in_flight);
        free(plugin.answered);
        plugin = (Plugin){0};
        print_bridge_id(plugin.bridge_id, oc.life);
}

void bridge_opencode_down(void)
{
        is_wired = plugin_knows = false;
        forget_plugin();
        if (gateway_knows)
                sim_after(OWNER_GATEWAY, sim_draw_ms(DRAW_NET, 0, 50), on_gateway_notices, NULL,
                          (void *) (size_t) connection);
}

void bridge_opencode_up(void)
{
        connect_soon(sim_draw_ms(DRAW_NET, 100, 2000));
}

void bridge_process_down(void)
{
        bool had = plugin_knows;

        is_wired = gateway_knows = false;
        if (had)
                sim_after(OWNER_WORLD, sim_draw_ms(DRAW_NET, 0, 100), on_plugin_notices, NULL,
                          (void *) (size_t) connection);
}

void bridge_process_up(void)
{
        if (!plugin_knows)
                connect_soon(sim_draw_ms(DRAW_NET, 50, 1500));
}

bool bridge_is_settled(void)
{
        return is_wired && plugin.n_held == 0 && oc.n_commands == 0;
}

void bridge_world_init(void)
{
        plugin = (Plugin){0};
        print_bridge_id(plugin.bridge_id, 0);
        connection = 0;
        is_wired = plugin_knows = gateway_knows = false;
}

void bridge_world_deinit(void)
{
        forget_plugin();
}
