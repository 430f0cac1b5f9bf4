"""The same app as ../bolt/app.mjs in Bolt for Python, as its documentation starts one: events and clicks are acknowledged,
nothing is kept, "echo N" is answered with a message."""

import os
import re
import threading

from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient

api_url = os.environ["SLACK_API_URL"]
app = App(client=WebClient(token=os.environ["SLACK_BOT_TOKEN"], base_url=api_url))


@app.event("message")
def on_message(event, client):
    text = event.get("text") or ""
    if text.startswith("echo "):
        client.chat_postMessage(channel=event["channel"], text=text)


@app.action(re.compile(".*"))
def on_action(ack):
    ack()


app_token = os.environ["SLACK_APP_TOKEN"]
SocketModeHandler(app, app_token, web_client=WebClient(token=app_token, base_url=api_url)).connect()
print("bolt is connected", flush=True)
threading.Event().wait()
