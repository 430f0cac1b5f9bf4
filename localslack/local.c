#include "local.h"

struct LateAnswer {
        HttpRequest *req; /* NULL once the client has gone */
};

void switches_init(Switches *s)
{
        *s = (Switches){
                .retry_scale = 1,
                .ack_timeout_ms = 3000,
                .client_msg_id = true,
                .twins = true,
                .own_messages = true,
                .message_events = true,
                .record_frames = true,
        };
}

void switches_deinit(Switches *s)
{
        free(s->scopes);
        *s = (Switches){0};
}

LateAnswer *late_answer_new(HttpRequest *req)
{
        LateAnswer *late = mem_new(LateAnswer);

        late->req = req;
        http_request_set_userdata(req, late);
        return late;
}

void late_answer_send(LateAnswer *late, unsigned status, json_t *body)
{
        if (late->req)
                http_respond_json(late->req, status, body);
        else
                json_decref(body);
        free(late);
}

HttpRequest *late_answer_take(LateAnswer *late)
{
        HttpRequest *req = late->req;

        if (req)
                http_request_set_userdata(req, NULL);
        free(late);
        return req;
}

void late_answer_abort(HttpRequest *req)
{
        LateAnswer *late = http_request_userdata(req);

        if (late)
                late->req = NULL;
}
