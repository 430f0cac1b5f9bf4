"""Checks 3 to 6, 8, 12 and 14 with the other WebSocket clients of slack_sdk, and Bolt's AsyncApp on two of them.

Each client library has its own handshake, framing and close: what one forgives another does not.
"""

import asyncio
import threading

from localslack import APP_TOKEN, BOT_TOKEN, OwnSlackCase, until
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler as AiohttpHandler
from slack_bolt.adapter.socket_mode.websockets import AsyncSocketModeHandler as WebsocketsHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk import WebClient
from slack_sdk.socket_mode.aiohttp import SocketModeClient as AiohttpClient
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.socket_mode.websocket_client import SocketModeClient as WebsocketClient
from slack_sdk.socket_mode.websockets import SocketModeClient as WebsocketsClient
from slack_sdk.web.async_client import AsyncWebClient

TEXT = "ünïcode " * 10_000


class Behaviour:
    """What every client does; `start(heard, ack)` connects one, which keeps its requests in `heard`."""

    def test_events_and_commands(self):
        """events, large ones too, and a command with a payload"""
        heard = []
        self.start(heard)
        self.slack.wait_for_sockets(1)
        self.slack.say("ann", "general", "hello")
        self.slack.say("ann", "general", TEXT)
        report = self.slack.command("ann", "general", "/opencode", "x")
        self.assertEqual(report["response"], {"text": "hi there"})
        until("two events", lambda: sum(r.type == "events_api" for r in heard) == 2)
        self.assertEqual({r.payload["event"]["text"] for r in heard if r.type == "events_api"}, {"hello", TEXT})
        until("the acknowledgements", lambda: self.slack.state()["envelopes"]["pending"] == 0)

    def test_retries(self):
        """an event without acknowledgement comes again"""
        self.slack.post("switches", {"ack_timeout_ms": 200, "retry_scale": 0.001})
        heard = []
        self.start(heard, ack=lambda request: request.retry_attempt == 1)
        self.slack.wait_for_sockets(1)
        self.slack.say("ann", "general", "hello")
        until("the retry acknowledged", lambda: len(heard) == 2 and self.slack.state()["envelopes"]["pending"] == 0)
        self.assertEqual([r.retry_attempt for r in heard], [0, 1])

    def reconnects_after(self, action):
        heard = []
        self.start(heard)
        self.slack.wait_for_sockets(1)
        first = self.slack.state()["sockets"][0]["id"]
        self.slack.post("sockets", {"action": action})
        new = lambda: [s for s in self.slack.state()["sockets"] if s["id"] != first and s["state"] == "live"]
        until("another socket", new, timeout_s=30)
        ts = self.slack.say("ann", "general", "after")
        until("an event on it", lambda: any(r.payload["event"]["ts"] == ts for r in heard))

    def test_refresh(self):
        """refresh_requested: a new socket takes over"""
        self.reconnects_after("refresh")

    def test_killed(self):
        """a socket that is cut is replaced"""
        self.reconnects_after("kill")


class WithWebsocketClient(Behaviour, OwnSlackCase):
    def start(self, heard, ack=lambda request: True):
        web = WebClient(token=BOT_TOKEN, base_url=self.slack.api_url)
        client = WebsocketClient(app_token=APP_TOKEN, web_client=web, ping_interval=0.5)

        def on_request(c, request):
            heard.append(request)
            if ack(request):
                payload = {"text": "hi there"} if request.type == "slash_commands" else None
                c.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id, payload=payload))

        client.socket_mode_request_listeners.append(on_request)
        client.connect()
        self.closers.append(client.close)


class Asynchronous:
    """A loop of its own in a thread of its own, for as long as the test lasts."""

    def run_in_loop(self, make):
        """Awaits `make()`, which gives what to await at the end."""
        loop = asyncio.new_event_loop()
        threading.Thread(target=loop.run_forever, daemon=True).start()
        close = asyncio.run_coroutine_threadsafe(make(), loop).result(20)

        def end():
            asyncio.run_coroutine_threadsafe(close(), loop).result(20)
            loop.call_soon_threadsafe(loop.stop)

        self.closers.append(end)

    def start(self, heard, ack=lambda request: True):
        async def connect():
            web = AsyncWebClient(token=BOT_TOKEN, base_url=self.slack.api_url)
            client = self.client_class(app_token=APP_TOKEN, web_client=web, ping_interval=0.5)

            async def on_request(c, request):
                heard.append(request)
                if ack(request):
                    payload = {"text": "hi there"} if request.type == "slash_commands" else None
                    await c.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id, payload=payload))

            client.socket_mode_request_listeners.append(on_request)
            await client.connect()
            return client.close

        self.run_in_loop(connect)


class WithAiohttp(Asynchronous, Behaviour, OwnSlackCase):
    client_class = AiohttpClient


class WithWebsockets(Asynchronous, Behaviour, OwnSlackCase):
    client_class = WebsocketsClient


class AsyncBolt(Asynchronous, OwnSlackCase):
    def whole_app(self, handler_class):
        async def connect():
            app = AsyncApp(client=AsyncWebClient(token=BOT_TOKEN, base_url=self.slack.api_url))

            @app.command("/opencode")
            async def command(ack, respond):
                await ack("on it")
                await respond(text="done", response_type="in_channel")

            @app.event("app_mention")
            async def mention(event, say):
                await say(text="yes?", thread_ts=event["ts"])

            handler = handler_class(app, APP_TOKEN, web_client=AsyncWebClient(token=APP_TOKEN, base_url=self.slack.api_url))
            await handler.connect_async()
            return handler.close_async

        self.run_in_loop(connect)
        self.slack.wait_for_sockets(1)
        report = self.slack.command("ann", "general", "/opencode", "x")
        self.assertEqual(report["response"]["text"], "on it")
        self.slack.wait_for_message(lambda m: m["text"] == "done")
        ts = self.slack.say("ann", "general", "<@U0BOT> hi")
        reply = self.slack.wait_for_message(lambda m: m["text"] == "yes?")
        self.assertEqual(reply["thread_ts"], ts)

    def test_aiohttp(self):
        """AsyncApp on aiohttp"""
        self.whole_app(AiohttpHandler)

    def test_websockets(self):
        """AsyncApp on websockets"""
        self.whole_app(WebsocketsHandler)
