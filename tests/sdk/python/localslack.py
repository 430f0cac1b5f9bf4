"""localslack for the tests in Python: started on a free port, driven over its control addresses."""

import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

BOT_TOKEN = "xoxb-right"
APP_TOKEN = "xapp-1-right"
GENERAL = "C0GENERAL"

ROOT = pathlib.Path(__file__).resolve().parents[3]
BINARY = os.environ.get("LOCALSLACK_BIN") or str(ROOT / "build/localslack/localslack")
SETPRIV = "/usr/bin/setpriv"
LOOK_AGAIN_S = 0.02


def until(what, predicate, timeout_s=10):
    """Waits until `predicate()` gives something true, and returns that."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"timed out after {timeout_s} s, waiting for {what}")
        time.sleep(LOOK_AGAIN_S)


class LocalSlack:
    def __init__(self, *args):
        argv = [BINARY, "--listen", "127.0.0.1:0", "--quiet", "--bot-token", BOT_TOKEN, "--app-token", APP_TOKEN,
                "--no-rate-limits", *args]
        if os.path.exists(SETPRIV):  # a test that is killed leaves no server behind
            argv = [SETPRIV, "--pdeathsig", "KILL", *argv]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        match = re.search(r"listening on (http:\S+)", line)
        if not match:
            raise RuntimeError(f"localslack did not start: {line}")
        self.url = match.group(1)
        self.api_url = self.url + "/api/"

    def stop(self):
        self.process.terminate()
        code = self.process.wait(10)
        self.process.stdout.close()
        if code != 0:
            raise RuntimeError(f"localslack ended with {code}")

    def _call(self, path, data=None):
        request = urllib.request.Request(f"{self.url}/_local/{path}", data=data, headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {error.read().decode()}") from error

    def get(self, path):
        return self._call(path)

    def post(self, path, body=None):
        return self._call(path, json.dumps({} if body is None else body).encode())

    def state(self):
        return self.get("state")

    def say(self, user, channel, text, **more):
        return self.post("message", {"user": user, "channel": channel, "text": text, **more})["ts"]

    def command(self, user, channel, command, text=""):
        return self.post("command", {"user": user, "channel": channel, "command": command, "text": text})

    def calls(self, method):
        return self.get("calls?" + urllib.parse.urlencode({"method": method}))

    def frames(self):
        return self.get("frames")

    def messages(self, channel="general"):
        return self.get("messages?" + urllib.parse.urlencode({"channel": channel}))["messages"]

    def wait_for_message(self, predicate, channel="general", what="a message"):
        return until(what, lambda: next((m for m in self.messages(channel) if predicate(m)), None))

    def wait_for_sockets(self, n):
        until(f"{n} live sockets", lambda: sum(s["state"] == "live" for s in self.state()["sockets"]) >= n)


class Case(unittest.TestCase):
    """One localslack for the tests of a class."""

    args = ()

    @classmethod
    def setUpClass(cls):
        cls.slack = LocalSlack(*cls.args)

    @classmethod
    def tearDownClass(cls):
        cls.slack.stop()


class OwnSlackCase(unittest.TestCase):
    """A localslack for each test. What a test leaves to be closed is closed while the next ones run: the Python
    client's reader looks up only every 3 s."""

    args = ()
    _enders = None

    @classmethod
    def setUpClass(cls):
        cls._enders = concurrent.futures.ThreadPoolExecutor()
        cls._ends = []

    @classmethod
    def tearDownClass(cls):
        for end in cls._ends:
            end.result()
        cls._enders.shutdown()

    def setUp(self):
        self.slack = LocalSlack(*self.args)
        self.closers = []

    def tearDown(self):
        self._ends.append(self._enders.submit(self._end, self.slack, self.closers))

    @staticmethod
    def _end(slack, closers):
        for close in closers:
            close()
        slack.stop()
