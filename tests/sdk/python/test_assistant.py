"""Check 23 with Bolt for Python: its Assistant class."""

from localslack import APP_TOKEN, BOT_TOKEN, Case, until
from slack_bolt import App, Assistant
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient


class Agents(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        app = App(client=WebClient(token=BOT_TOKEN, base_url=cls.slack.api_url))
        assistant = Assistant()

        @assistant.thread_started
        def started(say, set_suggested_prompts):
            say("How can I help?")
            set_suggested_prompts(prompts=[{"title": "Fix", "message": "Fix it"}], title="Try")

        @assistant.user_message
        def user_message(payload, say, set_status, set_title, get_thread_context):
            set_title(payload["text"])
            set_status("is typing...")
            say(f"You were in {get_thread_context()['channel_id']}")

        app.use(assistant)
        cls.handler = SocketModeHandler(app, APP_TOKEN, web_client=WebClient(token=APP_TOKEN, base_url=cls.slack.api_url))
        cls.handler.connect()
        cls.slack.wait_for_sockets(1)

    @classmethod
    def tearDownClass(cls):
        cls.handler.close()
        super().tearDownClass()

    def test_assistant(self):
        """10.23 Bolt's Assistant in Python: greeting, prompts, title, context"""
        opened = self.slack.post("assistant_open", {"user": "ann", "context_channel": "general"})
        channel, root = opened["channel"], opened["thread_ts"]
        self.slack.wait_for_message(lambda m: m["text"] == "How can I help?" and m["thread_ts"] == root, channel)
        until("the prompts", lambda: self.slack.state()["prompts"])
        self.slack.say("ann", channel, "fix it", thread_ts=root)
        self.slack.wait_for_message(lambda m: m["text"] == "You were in C0GENERAL", channel)
        self.assertEqual([t["title"] for t in self.slack.state()["titles"]], ["fix it"])
