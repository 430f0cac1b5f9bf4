"""Checks 1 to 6, 12 and 14 with slack_sdk's built-in Socket Mode client."""

import json
import threading
import time

from localslack import APP_TOKEN, BOT_TOKEN, OwnSlackCase, until
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.builtin import SocketModeClient
from slack_sdk.socket_mode.response import SocketModeResponse


class SocketMode(OwnSlackCase):
    def client(self, **options):
        web = WebClient(token=BOT_TOKEN, base_url=self.slack.api_url)
        options = {"ping_interval": 0.3, **options}
        client = SocketModeClient(app_token=APP_TOKEN, web_client=web, **options)
        self.closers.append(client.close)
        return client

    def listen(self, client, payload_of=lambda request: None, ack=lambda request: True):
        """The requests that the client is given; acknowledged with payload_of(request) where ack(request)."""
        heard = []

        def on_request(c, request):
            heard.append(request)
            if ack(request):
                c.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id, payload=payload_of(request)))

        client.socket_mode_request_listeners.append(on_request)
        return heard

    def acked_frames(self):
        return [f["text"] for f in self.slack.frames() if f["direction"].startswith("in")]

    def test_connect(self):
        """10.3 the built-in client connects, without a port in Host, and hears hello"""
        client = self.client()
        hello = []
        client.message_listeners.append(lambda c, message, raw: hello.append(message))
        client.connect()
        until("hello", lambda: any(m.get("type") == "hello" for m in hello))
        self.assertTrue(client.is_connected())
        first = next(m for m in hello if m["type"] == "hello")
        self.assertEqual(first["num_connections"], 1)
        self.assertEqual(first["connection_info"]["app_id"], "A0LOCAL")
        self.assertEqual(len(self.slack.calls("apps.connections.open")), 1)

    def test_bot_token_cannot_open(self):
        """10.1 a bot token opens no socket: not_allowed_token_type"""
        web = WebClient(token=BOT_TOKEN, base_url=self.slack.api_url)
        with self.assertRaises(SlackApiError) as caught:
            web.apps_connections_open(app_token=BOT_TOKEN)
        self.assertEqual(caught.exception.response["error"], "not_allowed_token_type")

    def test_open_ratelimited(self):
        """10.2 apps.connections.open answers 429: the client waits Retry-After and calls again"""
        self.slack.post("faults", [{"method": "apps.connections.open", "action": "rate_limit", "retry_after_s": 1}])
        client = self.client()
        client.connect()
        self.slack.wait_for_sockets(1)
        first, second = self.slack.calls("apps.connections.open")
        self.assertEqual(first["status"], 429)
        self.assertGreaterEqual(second["at_ms"] - first["at_ms"], 950)

    def test_envelopes(self):
        """10.4 the three kinds of envelopes reach the listener"""
        client = self.client()
        heard = self.listen(client)
        client.connect()
        self.slack.wait_for_sockets(1)
        ts = self.slack.say("ann", "general", "hello")
        self.assertTrue(self.slack.command("ann", "general", "/opencode", "x")["acked"])
        self.assertTrue(self.slack.post("shortcut", {"user": "ann", "callback_id": "new"})["acked"])
        until("three requests", lambda: len(heard) == 3)
        by_type = {r.type: r for r in heard}
        self.assertEqual(set(by_type), {"events_api", "slash_commands", "interactive"})
        event = by_type["events_api"]
        self.assertEqual(event.payload["event"]["ts"], ts)
        self.assertEqual((event.accepts_response_payload, event.retry_attempt, event.retry_reason), (False, 0, ""))
        self.assertTrue(by_type["slash_commands"].accepts_response_payload)
        self.assertEqual(by_type["interactive"].payload["callback_id"], "new")

    def test_acknowledgements(self):
        """10.6 acknowledgements as Python writes them: without a payload, and with spaces"""
        client = self.client()
        self.listen(client, payload_of=lambda r: {"text": "hi there"} if r.type == "slash_commands" else None)
        client.connect()
        self.slack.wait_for_sockets(1)
        report = self.slack.command("ann", "general", "/opencode", "x")
        self.assertEqual(report["response"], {"text": "hi there"})
        self.slack.say("ann", "general", "hello")
        until("both acknowledgements", lambda: len(self.acked_frames()) == 2)
        with_payload, bare = self.acked_frames()
        self.assertIn('": "', with_payload)
        self.assertEqual(list(json.loads(bare)), ["envelope_id"])
        until("nothing pending", lambda: self.slack.state()["envelopes"]["pending"] == 0)

    def large_envelopes(self, buffer_bytes, n_characters):
        client = self.client(receive_buffer_size=buffer_bytes)
        heard = self.listen(client)
        client.connect()
        self.slack.wait_for_sockets(1)
        text = "ünïcode " * (n_characters // 8)
        for one in ("before", text, "after"):
            self.slack.say("ann", "general", one)
        until("three events", lambda: len(heard) == 3)
        self.assertEqual({r.payload["event"]["text"] for r in heard}, {"before", text, "after"})

    # The client reads recursively: 1000 reads in a row are more than Python allows.

    def test_buffer_of_16(self):
        """10.5 a read buffer of 16 bytes"""
        self.large_envelopes(16, 1000)

    def test_buffer_of_125(self):
        """10.5 a read buffer of 125 bytes"""
        self.large_envelopes(125, 16_000)

    def test_buffer_of_1024(self):
        """10.5 a read buffer of 1024 bytes, an envelope with a 64-bit length"""
        self.large_envelopes(1024, 80_000)

    def test_buffer_of_9000(self):
        """10.5 a read buffer of 9000 bytes, an envelope with a 64-bit length"""
        self.large_envelopes(9000, 80_000)

    def test_ping_payload(self):
        """10.14 pings come back as they were sent: the client reads its own time out of the pong"""
        client = self.client()
        client.connect()
        until("a pong", lambda: client.current_session.last_ping_pong_time is not None)
        self.assertLess(abs(client.current_session.last_ping_pong_time - time.time()), 10)

    def test_retries(self):
        """10.8 an event without acknowledgement comes again, with the same event_id"""
        self.slack.post("switches", {"ack_timeout_ms": 200, "retry_scale": 0.001})
        client = self.client()
        heard = self.listen(client, ack=lambda r: r.retry_attempt == 2)
        client.connect()
        self.slack.wait_for_sockets(1)
        self.slack.say("ann", "general", "hello")
        until("the second retry acknowledged", lambda: len(heard) == 3 and self.slack.state()["envelopes"]["pending"] == 0)
        self.assertEqual([r.retry_attempt for r in heard], [0, 1, 2])
        self.assertEqual([r.retry_reason for r in heard], ["", "timeout", "timeout"])
        self.assertEqual(len({r.envelope_id for r in heard}), 3)
        self.assertEqual(len({r.payload["event_id"] for r in heard}), 1)

    def reconnects_after(self, act):
        client = self.client()
        heard = self.listen(client)
        client.connect()
        self.slack.wait_for_sockets(1)
        first = self.slack.state()["sockets"][0]["id"]
        act()
        until("another socket", lambda: any(s["id"] != first and s["state"] == "live" for s in self.slack.state()["sockets"]))
        ts = self.slack.say("ann", "general", "after")
        until("an event on it", lambda: any(r.payload["event"]["ts"] == ts for r in heard))

    def test_refresh(self):
        """10.12 refresh_requested: a new socket takes over"""
        self.reconnects_after(lambda: self.slack.post("sockets", {"action": "refresh"}))

    def test_killed(self):
        """10.14 a socket cut without a close frame is replaced by the monitor"""
        self.reconnects_after(lambda: self.slack.post("sockets", {"action": "kill"}))

    def test_close(self):
        """10.14 a socket that Slack closes is replaced"""
        self.reconnects_after(lambda: self.slack.post("sockets", {"action": "close"}))

    def test_one_of_many(self):
        """10.10 three clients share the envelopes, each goes to one"""
        clients = [self.client() for _ in range(3)]
        heard = [self.listen(client) for client in clients]
        for client in clients:
            client.connect()
        self.slack.wait_for_sockets(3)
        for i in range(24):
            self.slack.say("ann", "general", f"m{i}")
        until("24 events", lambda: sum(map(len, heard)) >= 24)
        until("nothing pending", lambda: self.slack.state()["envelopes"]["pending"] == 0)
        seen = [r.payload["event"]["text"] for one in heard for r in one]
        self.assertEqual(sorted(seen), sorted(f"m{i}" for i in range(24)))

    def test_listener_threads(self):
        """10.6 acknowledgements from several threads at once"""
        client = self.client(concurrency=8)
        barrier = threading.Barrier(4, timeout=10)
        self.listen(client, ack=lambda r: barrier.wait() is not None)
        client.connect()
        self.slack.wait_for_sockets(1)
        acked = self.slack.state()["envelopes"]["acked"]
        for i in range(4):
            self.slack.say("ann", "general", f"m{i}")
        until("four acknowledgements", lambda: self.slack.state()["envelopes"]["acked"] == acked + 4)
