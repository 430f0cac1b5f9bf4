"""Check 20 with slack_sdk.models: the blocks that Python apps build are taken, and what is stored can be read again."""

import json
import urllib.parse
import urllib.request

from localslack import BOT_TOKEN, GENERAL, Case
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.models import blocks as b
from slack_sdk.models.views import View

IMAGE = "https://example.com/i.png"
CONFIRM = b.ConfirmObject(title="Sure?", text="It *is* final.", confirm="Yes", deny="No", style="danger")
OPTIONS = [b.Option(value=f"v{i}", label=f"Option {i}", description="more") for i in range(3)]


def section_of(text):
    return b.RichTextSectionElement(elements=[b.RichTextElementParts.Text(text=text)])


RICH = b.RichTextBlock(elements=[
    b.RichTextSectionElement(elements=[
        b.RichTextElementParts.Text(text="bold", style=b.RichTextElementParts.TextStyle(bold=True, code=True)),
        b.RichTextElementParts.Link(url="https://example.com", text="link"),
        b.RichTextElementParts.Emoji(name="wave"),
        b.RichTextElementParts.User(user_id="U0ANN"),
        b.RichTextElementParts.Channel(channel_id=GENERAL),
        b.RichTextElementParts.UserGroup(usergroup_id="S1"),
        b.RichTextElementParts.Broadcast(range="here"),
        b.RichTextElementParts.Date(timestamp=1720710212, format="{date_num}"),
        b.RichTextElementParts.Color(value="#ff0000")]),
    b.RichTextListElement(style="bullet", indent=0, elements=[section_of("one"), section_of("two")]),
    b.RichTextPreformattedElement(elements=[b.RichTextElementParts.Text(text="code")]),
    b.RichTextQuoteElement(elements=[b.RichTextElementParts.Text(text="quote")])])

MESSAGES = {
    "text and images": [
        b.HeaderBlock(text="Header"),
        b.SectionBlock(text="*text*", fields=["a", b.PlainTextObject(text="b")], accessory=b.ImageElement(image_url=IMAGE, alt_text="i")),
        b.ContextBlock(elements=[b.MarkdownTextObject(text="c"), b.ImageElement(image_url=IMAGE, alt_text="i")]),
        b.DividerBlock(),
        b.ImageBlock(image_url=IMAGE, alt_text="i", title="t"),
        b.MarkdownBlock(text="**md**"),
        b.VideoBlock(video_url="https://example.com/v", thumbnail_url=IMAGE, alt_text="v", title="t", title_url="https://example.com/t"),
        RICH],
    "actions": [
        b.ActionsBlock(elements=[
            b.ButtonElement(text="Go", action_id="a1", value="v", style="primary", confirm=CONFIRM),
            b.LinkButtonElement(text="Link", url="https://example.com", action_id="a2"),
            b.StaticSelectElement(placeholder="p", action_id="a3", options=OPTIONS, initial_option=OPTIONS[1], confirm=CONFIRM),
            b.ExternalDataSelectElement(placeholder="p", action_id="a4", min_query_length=2),
            b.UserSelectElement(placeholder="p", action_id="a5", initial_user="U0ANN"),
            b.ConversationSelectElement(placeholder="p", action_id="a6", filter=b.ConversationFilter(include=["im"], exclude_bot_users=True)),
            b.ChannelSelectElement(placeholder="p", action_id="a7"),
            b.OverflowMenuElement(options=OPTIONS, action_id="a8"),
            b.DatePickerElement(action_id="a9", initial_date="2026-02-28"),
            b.TimePickerElement(action_id="a10", initial_time="10:30"),
            b.DateTimePickerElement(action_id="a11", initial_date_time=1767225600),
            b.CheckboxesElement(action_id="a12", options=OPTIONS, initial_options=[OPTIONS[0]]),
            b.RadioButtonsElement(action_id="a13", options=OPTIONS)]),
        b.SectionBlock(text="multi", accessory=b.StaticMultiSelectElement(
            placeholder="p", action_id="m1", option_groups=[b.OptionGroup(label="g", options=OPTIONS)])),
        b.SectionBlock(text="multi", accessory=b.UserMultiSelectElement(placeholder="p", action_id="m2", max_selected_items=2)),
        b.SectionBlock(text="multi", accessory=b.ConversationMultiSelectElement(placeholder="p", action_id="m3")),
        b.SectionBlock(text="multi", accessory=b.ChannelMultiSelectElement(placeholder="p", action_id="m4")),
        b.SectionBlock(text="multi", accessory=b.ExternalDataMultiSelectElement(placeholder="p", action_id="m5"))],
    "what agents post": [
        b.PlanBlock(title="Plan", tasks=[
            b.TaskCardBlock(task_id="t1", title="Read", status="complete", output=b.RichTextBlock(elements=[section_of("done")])),
            b.TaskCardBlock(task_id="t2", title="Run", status="in_progress", sources=[b.UrlSourceElement(url="https://example.com", text="CI")])]),
        b.ContextActionsBlock(elements=[
            b.FeedbackButtonsElement(
                action_id="f", positive_button=b.FeedbackButtonObject(text="Good", value="up"),
                negative_button=b.FeedbackButtonObject(text="Bad", value="down", accessibility_label="Bad answer")),
            b.IconButtonElement(action_id="i", icon="trash", text="Delete", value="v")])],
    "a table": [b.TableBlock(
        rows=[[b.RawTextObject(text="a"), b.RawTextObject(text="b")], [b.RichTextBlock(elements=[section_of("1")]), b.RawNumberObject(value=2, text="2")]],
        column_settings=[b.TableBlockColumnSettings(is_wrapped=True), b.TableBlockColumnSettings(align="right")])],
    "cards": [
        b.CarouselBlock(elements=[
            b.CardBlock(title="One", subtitle="s", body="text", hero_image=b.ImageElement(image_url=IMAGE, alt_text="i"),
                        actions=[b.ButtonElement(text="Open", action_id="o1")]),
            b.CardBlock(title="Two", body="text")]),
        b.ContainerBlock(title="Log", is_collapsible=True, default_collapsed=True, width="wide", child_blocks=[b.SectionBlock(text="x")])],
}

INPUTS = [
    b.InputBlock(label="L", hint="h", optional=True, element=b.PlainTextInputElement(action_id="a", multiline=True, min_length=1, max_length=3000)),
    b.InputBlock(label="L", element=b.EmailInputElement(action_id="a")),
    b.InputBlock(label="L", element=b.UrlInputElement(action_id="a")),
    b.InputBlock(label="L", element=b.NumberInputElement(action_id="a", is_decimal_allowed=True, min_value="1", max_value="9")),
    b.InputBlock(label="L", element=b.RichTextInputElement(action_id="a")),
    b.InputBlock(label="L", element=b.CheckboxesElement(action_id="a", options=OPTIONS)),
    b.InputBlock(label="L", element=b.DatePickerElement(action_id="a")),
    b.InputBlock(label="L", element=b.StaticSelectElement(placeholder="p", action_id="a", options=OPTIONS), dispatch_action=True),
    b.AlertBlock(text="Careful", level="warning"),
]


class Models(Case):
    def validate(self, **what):
        body = urllib.parse.urlencode({k: json.dumps(v) for k, v in what.items()}).encode()
        with urllib.request.urlopen(self.slack.api_url + "blocks.validate", body, timeout=10) as response:
            return json.load(response)

    def test_messages(self):
        """10.20 messages of slack_sdk.models are taken, and read again"""
        web = WebClient(token=BOT_TOKEN, base_url=self.slack.api_url)
        for name, blocks in MESSAGES.items():
            with self.subTest(name):
                posted = web.chat_postMessage(channel=GENERAL, text=name, blocks=blocks)
                stored = posted["message"]["blocks"]
                self.assertTrue(self.validate(blocks=[one.to_dict() for one in blocks])["ok"])
                for parsed, one in zip(b.Block.parse_all(stored), stored):
                    self.assertIsNotNone(parsed, one["type"])
                    parsed.validate_json()
                    self.assertEqual(parsed.block_id, one["block_id"])

    def test_views(self):
        """10.20 views of slack_sdk.models are taken"""
        modal = View(type="modal", title="T", submit="Go", close="No", callback_id="c", private_metadata="p", blocks=INPUTS, clear_on_close=True)
        answer = self.validate(view=modal.to_dict())
        self.assertTrue(answer["ok"], answer)
        web = WebClient(token=BOT_TOKEN, base_url=self.slack.api_url)
        home = View(type="home", blocks=[b.SectionBlock(text="hi"), *MESSAGES["actions"]])
        view = View(**web.views_publish(user_id="U0ANN", view=home)["view"])
        self.assertEqual((view.type, view.app_id, len(view.blocks)), ("home", "A0LOCAL", 7))

    def test_refused(self):
        """10.20 what the models cannot see is refused, with its place"""
        web = WebClient(token=BOT_TOKEN, base_url=self.slack.api_url)
        with self.assertRaises(SlackApiError) as caught:
            web.chat_postMessage(channel=GENERAL, text="x", blocks=[b.DividerBlock(block_id="same"), b.DividerBlock(block_id="same")])
        self.assertEqual(caught.exception.response["error"], "invalid_blocks")
        self.assertTrue(caught.exception.response["response_metadata"]["messages"])
