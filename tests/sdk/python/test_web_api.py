"""Checks 16 to 19 with slack_sdk's WebClient."""

import asyncio
import json

from golden import read_corpus, run_golden
from localslack import BOT_TOKEN, GENERAL, Case
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry import RateLimitErrorRetryHandler
from slack_sdk.http_retry.builtin_handlers import ServerErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient


class Golden(Case):
    def run_with(self, make):
        self.slack.post("reset")
        web = WebClient(token=BOT_TOKEN, base_url=self.slack.api_url)

        def call(method, args, verb):
            try:
                return make(web, method, args, verb).data
            except SlackApiError as error:
                return error.response.data

        run_golden(read_corpus("web-api.json"), call)

    def test_json(self):
        """10.16 the golden calls as JSON, as Python sends chat.* and views.*, and as GET where Slack reads none"""

        def call(web, method, args, verb):
            if verb == "POST":
                return web.api_call(method, json=args)
            return web.api_call(method, http_verb="GET", params=args)

        self.run_with(call)

    def test_form(self):
        """10.16 the golden calls as forms with JSON inside"""

        def form(web, method, args, verb):
            data = {k: v if isinstance(v, str) else json.dumps(v) for k, v in args.items()}
            return web.api_call(method, data=data)

        self.run_with(form)

    def test_async(self):
        """10.16 the golden calls by AsyncWebClient, which is on aiohttp"""
        loop = asyncio.new_event_loop()
        web = AsyncWebClient(token=BOT_TOKEN, base_url=self.slack.api_url)

        def call(_, method, args, verb):
            if verb == "POST":
                return loop.run_until_complete(web.api_call(method, json=args))
            return loop.run_until_complete(web.api_call(method, http_verb="GET", params=args))

        try:
            self.run_with(call)
        finally:
            loop.close()


class Web(Case):
    def setUp(self):
        self.web = WebClient(token=BOT_TOKEN, base_url=self.slack.api_url)

    def test_methods(self):
        """10.16 the methods of WebClient by name"""
        posted = self.web.chat_postMessage(channel=GENERAL, text="hi", blocks=[{"type": "divider"}])
        self.web.chat_update(channel=GENERAL, ts=posted["ts"], text="ho", blocks=[])
        replies = self.web.conversations_replies(channel=GENERAL, ts=posted["ts"])
        self.assertEqual(replies["messages"][0]["text"], "ho")
        self.web.reactions_add(channel=GENERAL, timestamp=posted["ts"], name="eyes")
        with self.assertRaises(SlackApiError) as caught:
            self.web.users_info(user="U0NOBODY")
        self.assertEqual(caught.exception.response["error"], "user_not_found")
        self.assertEqual(caught.exception.response.status_code, 200)
        self.web.chat_delete(channel=GENERAL, ts=posted["ts"])

    def test_missing_scope(self):
        """10.16 missing_scope in Python"""
        self.slack.post("switches", {"scopes": "commands"})
        try:
            with self.assertRaises(SlackApiError) as caught:
                self.web.chat_postMessage(channel=GENERAL, text="x")
            response = caught.exception.response
            self.assertEqual((response["error"], response["needed"]), ("missing_scope", "chat:write"))
        finally:
            self.slack.post("switches", {"scopes": None})

    def test_rate_limit(self):
        """10.17 429 is an error with Retry-After, or is waited for by a retry handler"""
        self.slack.post("faults", [{"method": "chat.postMessage", "action": "rate_limit", "retry_after_s": 1, "times": 2}])
        with self.assertRaises(SlackApiError) as caught:
            self.web.chat_postMessage(channel=GENERAL, text="x")
        response = caught.exception.response
        self.assertEqual((response.status_code, response["error"]), (429, "ratelimited"))
        self.assertEqual(response.headers["Retry-After"], "1")
        self.web.retry_handlers.append(RateLimitErrorRetryHandler(max_retry_count=1))
        self.assertTrue(self.web.chat_postMessage(channel=GENERAL, text="waited")["ok"])

    def test_server_error(self):
        """10.25 a 500 after the effect, and a retry handler: the message is there twice"""
        self.slack.post("faults", [{"method": "chat.postMessage", "action": "http_500_after"}])
        self.web.retry_handlers.append(ServerErrorRetryHandler(max_retry_count=1))
        self.web.chat_postMessage(channel=GENERAL, text="doubled")
        self.assertEqual(sum(m["text"] == "doubled" for m in self.slack.messages()), 2)

    def test_pages(self):
        """10.18 the pages of a list by iteration"""
        channel = self.slack.post("channels", {"name": "pages", "members": ["U0ANN", "U0BOT"]})["id"]
        sent = [self.slack.say("ann", "pages", f"m{i}") for i in range(12)]
        seen = []
        pages = 0
        for page in self.web.conversations_history(channel=channel, limit=5):
            seen += [m["ts"] for m in page["messages"]]
            pages += 1
        self.assertEqual(seen, sent[::-1])
        self.assertEqual(pages, 3)

    def test_upload(self):
        """10.16 files_upload_v2: raw bytes to the upload address"""
        answer = self.web.files_upload_v2(channel=GENERAL, filename="run.log", content="línea 1\n", title="Log", initial_comment="here")
        self.assertEqual(answer["file"]["title"], "Log")
        shared = self.slack.wait_for_message(lambda m: m.get("files"))
        self.assertEqual((shared["text"], shared["files"][0]["name"]), ("here", "run.log"))

    def test_async_pages_and_upload(self):
        """10.18 AsyncWebClient: pages by iteration, and an upload"""
        channel = self.slack.post("channels", {"name": "async", "members": ["U0ANN", "U0BOT"]})["id"]
        sent = [self.slack.say("ann", "async", f"m{i}") for i in range(7)]

        async def read():
            web = AsyncWebClient(token=BOT_TOKEN, base_url=self.slack.api_url)
            seen = []
            async for page in await web.conversations_history(channel=channel, limit=3):
                seen += [m["ts"] for m in page["messages"]]
            uploaded = await web.files_upload_v2(channel=channel, filename="a.txt", content="bytes")
            return seen, uploaded["file"]["id"]

        seen, file_id = asyncio.run(read())
        self.assertEqual(seen, sent[::-1])
        self.assertEqual(self.web.files_info(file=file_id)["file"]["name"], "a.txt")
