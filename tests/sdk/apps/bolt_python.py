"""A whole small app in Bolt for Python, the same as bolt-js.mjs."""

import os
import re
import threading

from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient

BASE_URL = os.environ["SLACK_API_URL"]
APP_TOKEN = os.environ["SLACK_APP_TOKEN"]
CITIES = ["Aachen", "Berlin", "Bremen"]

app = App(client=WebClient(token=os.environ["SLACK_BOT_TOKEN"], base_url=BASE_URL))


def plain(text):
    return {"type": "plain_text", "text": text}


def modal(channel):
    name = {"type": "plain_text_input", "action_id": "v"}
    city = {"type": "external_select", "action_id": "city", "min_query_length": 1}
    return {
        "type": "modal", "callback_id": "order", "title": plain("Order"), "submit": plain("Go"), "notify_on_close": True,
        "private_metadata": channel,
        "blocks": [
            {"type": "input", "block_id": "name", "label": plain("Name"), "element": name},
            {"type": "input", "block_id": "city", "label": plain("City"), "element": city},
        ],
    }


@app.command("/order")
def order(ack, command, client):
    if command["text"] == "help":
        return ack(response_type="ephemeral", text="Say /order")
    ack()
    client.views_open(trigger_id=command["trigger_id"], view=modal(command["channel_id"]))


@app.options("city")
def cities(ack, payload):
    found = [city for city in CITIES if city.startswith(payload["value"])]
    ack(options=[{"text": plain(city), "value": city.lower()} for city in found])


@app.view("order")
def submitted(ack, view, body, client):
    name = view["state"]["values"]["name"]["v"]["value"]
    city = view["state"]["values"]["city"]["city"]["selected_option"]["value"]
    if name == "nobody":
        return ack(response_action="errors", errors={"name": "Who?"})
    ack()
    client.chat_postMessage(
        channel=view["private_metadata"], text=f"Order of {name} for {city} by <@{body['user']['id']}>",
        blocks=[
            {"type": "section", "text": {"type": "mrkdwn", "text": f"*{name}*"}},
            {"type": "actions", "elements": [{"type": "button", "action_id": "confirm", "value": "o1", "text": plain("Confirm")}]},
        ])


@app.view_closed("order")
def closed(ack, view, client):
    ack()
    client.chat_postMessage(channel=view["private_metadata"], text="Order given up")


@app.action("confirm")
def confirm(ack, body, action, respond):
    ack()
    respond(replace_original=True, text=f"Confirmed {action['value']} by <@{body['user']['id']}>")


@app.event("app_mention")
def mention(event, client, context):
    stream = client.chat_stream(
        channel=event["channel"], thread_ts=event["ts"], recipient_user_id=event["user"], recipient_team_id=context["team_id"])
    stream.append(markdown_text="Working")
    stream.append(chunks=[{"type": "task_update", "id": "t1", "title": "Look", "status": "complete"}])
    stream.stop(markdown_text=" and done")


@app.message(re.compile("ping"))
def ping(say):
    say("pong")


@app.event("app_home_opened")
def home(event, client):
    client.views_publish(user_id=event["user"], view={"type": "home", "blocks": [{"type": "header", "text": plain("Welcome")}]})


@app.shortcut("new_order")
def shortcut(ack, shortcut, client):
    ack()
    client.views_open(trigger_id=shortcut["trigger_id"], view=modal("C0GENERAL"))


web_client = WebClient(token=APP_TOKEN, base_url=BASE_URL)
SocketModeHandler(app, APP_TOKEN, web_client=web_client, ping_interval=1).connect()
print("the app is up", flush=True)
threading.Event().wait()
