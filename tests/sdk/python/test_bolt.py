"""Checks 7, 8, 19, 21 to 24 with Bolt for Python, over sockets and over HTTP."""

import http.server
import logging
import re
import threading
import time

from localslack import APP_TOKEN, BOT_TOKEN, GENERAL, Case, until
from slack_bolt import App, BoltRequest
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient
from slack_sdk.signature import SignatureVerifier
from slack_sdk.webhook import WebhookClient

SECRET = "the-signing-secret"
logging.getLogger("slack_bolt").setLevel(logging.CRITICAL)


def plain(text):
    return {"type": "plain_text", "text": text}


def button(action_id):
    return {"type": "button", "action_id": action_id, "value": "v", "text": plain(action_id)}


MODAL = {
    "type": "modal", "callback_id": "m", "title": plain("M"), "submit": plain("Go"), "notify_on_close": True,
    "blocks": [{"type": "input", "block_id": "i", "label": plain("L"), "element": {"type": "plain_text_input", "action_id": "v"}}],
}


def make_app(slack, heard, **options):
    app = App(client=WebClient(token=BOT_TOKEN, base_url=slack.api_url), logger=logging.getLogger("quiet"), **options)
    logging.getLogger("quiet").setLevel(logging.CRITICAL)

    @app.command(re.compile("/.*"))
    def command(ack, command, client, respond):
        if command["text"] == "silent":
            return
        if command["text"] == "modal":
            ack()
            client.views_open(trigger_id=command["trigger_id"], view=MODAL)
        elif command["text"] == "respond":
            ack()
            respond("for you")
            respond(text="for all", response_type="in_channel")
        elif command["text"] == "webhook":
            ack()
            heard.append(("response_url", command["response_url"]))
        elif command["text"] == "in_channel":
            ack(text="hello all", response_type="in_channel")
        else:
            ack("pong")

    app.shortcut("lazy")(ack=lambda ack: ack(), lazy=[lambda body: heard.append(("lazy", body["user"]["id"]))])

    @app.view("m")
    def submitted(ack, view):
        value = view["state"]["values"]["i"]["v"]["value"]
        if value == "bad":
            ack(response_action="errors", errors={"i": "No"})
        elif value == "more":
            ack(response_action="push", view={**MODAL, "title": plain("Two")})
        elif value == "clear":
            ack(response_action="clear")
        else:
            ack()

    @app.view_closed("m")
    def closed(ack, body):
        ack()
        heard.append(("closed", body["is_cleared"]))

    @app.action({"block_id": re.compile("b"), "action_id": "go"})
    def go(ack, respond):
        ack()
        respond(replace_original=True, text="clicked")

    @app.action("never")
    def never():
        pass

    @app.options("pick")
    def pick(ack, payload):
        ack(option_groups=[{"label": plain("G"), "options": [{"text": plain(payload["value"]), "value": "x"}]}])

    @app.shortcut("new")
    def global_shortcut(ack, shortcut):
        ack()
        heard.append(("shortcut", shortcut["user"]["id"]))

    @app.message_shortcut("send")
    def message_shortcut(ack, shortcut):
        ack()
        heard.append(("message", shortcut["message"]["text"]))

    @app.event("app_mention")
    def mention(event, say):
        heard.append(("mention", event["ts"]))
        say(text="yes?", thread_ts=event["ts"])

    @app.event({"type": "message", "subtype": "message_changed"})
    def changed(event):
        heard.append(("changed", event["message"]["text"], event["previous_message"]["text"]))

    @app.event("message")
    def message(event):
        heard.append(("message", event.get("text")))

    return app


class Both:
    """What holds for both ways of delivery."""

    def setUp(self):
        self.heard.clear()
        self.slack.post("reset")

    def hear(self, what):
        until(f"{what} in {self.heard}", lambda: what in self.heard)

    def modal(self):
        self.assertTrue(self.slack.command("ann", "general", "/opencode", "modal")["acked"])
        return until("the modal", lambda: self.slack.state()["views"])[0]["view"]

    def submit(self, view, value):
        return self.slack.post("view_submit", {"user": "ann", "view_id": view["id"], "values": {"i": {"v": value}}})

    def titles(self):
        return [v["view"]["title"]["text"] for v in self.slack.state()["views"]]

    def test_commands(self):
        """commands: ack with a text, in_channel, respond()"""
        self.assertTrue(self.slack.command("ann", "general", "/opencode", "x")["acked"])
        self.slack.command("ann", "general", "/opencode", "in_channel")
        self.slack.command("ann", "general", "/opencode", "respond")
        self.slack.wait_for_message(lambda m: m["text"] == "hello all")
        self.slack.wait_for_message(lambda m: m["text"] == "for all")
        private = [e["message"]["text"] for e in self.slack.state()["ephemerals"] if e["user"] == "U0ANN"]
        self.assertEqual(private, ["pong", "for you"])

    def test_modal(self):
        """a modal: errors, push, clear, view_closed"""
        view = self.modal()
        self.assertEqual(self.submit(view, "bad")["errors"], {"i": "No"})
        self.submit(view, "more")
        self.assertEqual(self.titles(), ["M", "Two"])
        top = self.slack.state()["views"][-1]["view"]
        self.slack.post("view_close", {"user": "ann", "view_id": top["id"]})
        self.hear(("closed", False))
        self.submit(view, "clear")
        self.assertEqual(self.titles(), [])

    def test_clicks(self):
        """clicks, options, shortcuts"""
        external = {"type": "external_select", "action_id": "pick", "min_query_length": 1}
        web = WebClient(token=BOT_TOKEN, base_url=self.slack.api_url)
        ts = web.chat_postMessage(
            channel=GENERAL, text="card", blocks=[{"type": "actions", "block_id": "b1", "elements": [button("go"), external]}])["ts"]
        at = {"user": "ann", "channel": "general", "ts": ts}
        groups = self.slack.post("suggest", {**at, "block_id": "b1", "action_id": "pick", "value": "q"})["option_groups"]
        self.assertEqual(groups[0]["options"][0]["text"]["text"], "q")
        self.assertTrue(self.slack.post("action", {**at, "action_id": "go"})["acked"])
        self.slack.wait_for_message(lambda m: m["ts"] == ts and m["text"] == "clicked")
        self.slack.post("shortcut", {"user": "bob", "callback_id": "new"})
        self.slack.post("shortcut", {**at, "callback_id": "send"})
        self.hear(("shortcut", "U0BOB"))
        self.hear(("message", "clicked"))

    def test_events(self):
        """a mention is answered in its thread; edits are seen; its own messages are not"""
        ts = self.slack.say("ann", "general", "<@U0BOT> hi")
        reply = self.slack.wait_for_message(lambda m: m["text"] == "yes?")
        self.assertEqual(reply["thread_ts"], ts)
        self.slack.post("edit", {"channel": "general", "ts": ts, "text": "edited"})
        self.hear(("changed", "edited", "<@U0BOT> hi"))
        self.slack.say("bob", "general", "last")
        self.hear(("message", "last"))
        self.assertNotIn(("message", "yes?"), self.heard)

    def test_webhook_client(self):
        """10.21 a response_url by WebhookClient: five times, then no more"""
        self.slack.command("ann", "general", "/opencode", "webhook")
        hook = WebhookClient(next(one[1] for one in self.heard if one[0] == "response_url"))
        for i in range(5):
            answer = hook.send(text=f"n{i}", response_type="in_channel")
            self.assertEqual((answer.status_code, answer.body), (200, "ok"))
        self.assertEqual(hook.send(text="n5").status_code, 404)
        self.assertEqual([m["text"] for m in self.slack.messages()], [f"n{i}" for i in range(5)])

    def test_lazy(self):
        """a lazy listener: acknowledged by one function, done by another"""
        self.assertTrue(self.slack.post("shortcut", {"user": "bob", "callback_id": "lazy"})["acked"])
        self.hear(("lazy", "U0BOB"))

    def test_unacknowledged(self):
        """a command without ack() fails once, and is not sent again"""
        self.slack.post("switches", {"ack_timeout_ms": 300})
        report = self.slack.command("ann", "general", "/opencode", "silent")
        self.slack.post("switches", {"ack_timeout_ms": 3000})
        self.assertFalse(report["acked"])


class BySocket(Both, Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.heard = []
        cls.app = make_app(cls.slack, cls.heard)
        cls.handler = SocketModeHandler(cls.app, APP_TOKEN, web_client=WebClient(token=APP_TOKEN, base_url=cls.slack.api_url))
        cls.handler.connect()
        cls.slack.wait_for_sockets(1)

    @classmethod
    def tearDownClass(cls):
        cls.handler.close()
        super().tearDownClass()


class ByHttp(Both, Case):
    """Bolt behind http.server: its own middleware checks the signatures."""

    args = ("--signing-secret", SECRET)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.heard = []
        cls.statuses = statuses = []
        app = cls.app = make_app(cls.slack, cls.heard, signing_secret=SECRET)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                headers = {name.lower(): [value] for name, value in self.headers.items()}
                answer = app.dispatch(BoltRequest(body=body, headers=headers))
                statuses.append(answer.status)
                self.send_response(answer.status)
                for name, values in answer.headers.items():
                    for value in values:
                        self.send_header(name, value)
                data = answer.body.encode()
                self.send_header("Content-Length", str(len(data)))
                try:
                    self.end_headers()
                    self.wfile.write(data)
                except BrokenPipeError:  # after 3 s nobody waits for the answer
                    self.close_connection = True

            def log_message(self, *args):
                pass

        cls.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=cls.server.serve_forever, daemon=True).start()
        cls.url = f"http://127.0.0.1:{cls.server.server_port}/"
        cls.slack.post("http", {"events": cls.url, "interactive": cls.url, "commands": cls.url})
        until("url_verification", lambda: cls.slack.get("http")["events"]["verified"])

    @classmethod
    def tearDownClass(cls):
        cls.server.shutdown()
        cls.server.server_close()
        super().tearDownClass()

    def test_signature(self):
        """10.24 url_verification and ssl_check; SignatureVerifier takes what is signed, and nothing else"""
        self.slack.post("http", {"ssl_check": True})
        until("ssl_check", lambda: self.slack.get("http")["commands"].get("ssl_check") == 200)
        self.slack.post("http", {"signing_secret": "another", "events": self.url})
        until("the refusal", lambda: "401" in (self.slack.get("http")["events"].get("error") or ""))
        self.slack.post("http", {"signing_secret": SECRET, "events": self.url})
        until("url_verification", lambda: self.slack.get("http")["events"]["verified"])
        now = str(int(time.time()))
        signature = SignatureVerifier(SECRET).generate_signature(timestamp=now, body="x")
        self.assertTrue(SignatureVerifier(SECRET).is_valid("x", now, signature))
        self.assertFalse(SignatureVerifier(SECRET).is_valid("y", now, signature))


class Streams(Case):
    def test_chat_stream(self):
        """10.22 chat_stream(): buffered text, tasks, blocks at the end"""
        web = WebClient(token=BOT_TOKEN, base_url=self.slack.api_url)
        ts = self.slack.say("ann", "general", "go")
        stream = web.chat_stream(channel=GENERAL, thread_ts=ts, recipient_user_id="U0ANN", recipient_team_id="T0LOCAL", buffer_size=8)
        self.assertIsNone(stream.append(markdown_text="**a** "))
        stream.append(markdown_text="more than eight")
        stream.append(chunks=[{"type": "task_update", "id": "t1", "title": "T", "status": "in_progress"}])
        answer = stream.stop(blocks=[{"type": "divider"}], metadata={"event_type": "e", "event_payload": {"n": 1}})
        message = next(m for m in self.slack.messages() if m["ts"] == answer["ts"])
        self.assertEqual(message["streaming_state"], "completed")
        self.assertEqual([b["type"] for b in message["blocks"]][-2:], ["task_card", "divider"])
        self.assertEqual(message["metadata"]["event_payload"], {"n": 1})
        self.assertIn("more than eight", message["text"])
