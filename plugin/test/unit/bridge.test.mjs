// The whole bridge over a pretended client of OpenCode, for what the real one does too rarely.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import WebSocket from "ws";
import { Bridge } from "../../build/bridge.js";
import { bridgeUrl } from "../../build/connection.js";
import { Gateway } from "../support/gateway.mjs";
import { until } from "../support/until.mjs";

const FAST = { min_backoff_ms: 5, max_backoff_ms: 30, greeting_ms: 5000, silence_ms: 5000 };
let gateway;
let bridge;
let opencode;

beforeEach(async () => {
  gateway = await new Gateway().start();
  opencode = pretend();
});
afterEach(async () => {
  bridge?.stop();
  await gateway.stop();
  assert.deepEqual(gateway.errors, []);
});

/** Answers like OpenCode's routes; `routes` may be changed by a test, `calls` and `log` are what was asked. */
function pretend() {
  const it = { calls: [], log: [], routes: { "/global/health": { version: "1.18.33" }, "/session/status": {}, "/permission": [], "/question": [], "/session": [] } };
  it.client = {
    _client: {
      request: async ({ method, url, query, body }) => {
        if (url === "/log") {
          it.log.push(body.message);
          return { data: true, response: { status: 200 } };
        }
        it.calls.push(`${method} ${url} ${query.directory ?? ""}`.trim());
        const answer = it.routes[url];
        const data = typeof answer === "function" ? await answer(query) : answer;
        if (data instanceof Error) return { error: { message: data.message }, response: { status: 500 } };
        return data === undefined ? { error: { name: "NotFoundError" }, response: { status: 404 } } : { data, response: { status: 200 } };
      },
    },
  };
  return it;
}

function start(options = {}) {
  bridge = new Bridge({
    url: bridgeUrl(gateway.url), token: gateway.token, timing: FAST,
    dial: (url, headers) => new WebSocket(url.href, { headers }), ...options,
  });
  return bridge;
}

let serial = 0;
const event = (type, properties) => ({ id: `evt_b${++serial}`, type, properties });
const created = (id) => event("session.created", { sessionID: id, info: { id, title: "T", directory: "/d", time: {} } });
const status = (id, type) => event("session.status", { sessionID: id, status: { type } });
const types = () => gateway.events.map((e) => e.type);

test("a directory that comes between hello and welcome is told after the welcome, one that goes too", async () => {
  const first = start().register("/d", opencode.client);
  const receive = gateway.hellos.push.bind(gateway.hellos);
  gateway.hellos.push = (hello) => {
    bridge.register("/late", opencode.client);
    first.release();
    return receive(hello);
  };
  await gateway.frame("directory.added", (f) => f.directory === "/late");
  await gateway.frame("directory.removed", (f) => f.directory === "/d");
  assert.deepEqual(gateway.hellos[0].directories, ["/d"]);
  const { directories } = await gateway.event("reconcile");
  assert.deepEqual(directories.map((d) => d.directory).sort(), ["/d", "/late"]);
  assert.ok(!opencode.calls.includes("GET /permission /d"), "a disposed directory is not asked");
});

test("two initialisations of one directory are one; it is gone with the second release", async () => {
  const [one, two] = [start().register("/d", opencode.client), bridge.register("/d", opencode.client)];
  await gateway.event("reconcile");
  const same = created("ses_1");
  one.event(same);
  two.event(same);
  one.release();
  one.release();
  one.event(created("ses_unheard"));
  two.event(status("ses_1", "busy"));
  await gateway.event("session.active");
  assert.deepEqual(types(), ["reconcile", "session.created", "session.active"]);
  assert.equal(gateway.upgrades, 1);
  two.release();
  await gateway.frame("directory.removed");
  assert.equal((await gateway.event("session.idle")).session_id, "ses_1");
});

test("a gateway that does not acknowledge gets a window of events and no progress, then the rest", async () => {
  gateway.ackEvents = false;
  const { event: hear } = start({ outbox: { windowEvents: 5 } }).register("/d", opencode.client);
  await gateway.event("reconcile");
  for (let i = 0; i < 20; i++) hear(created(`ses_${i}`));
  hear(event("todo.updated", { sessionID: "ses_1", todos: [] }));
  await until("the window", () => gateway.events.length === 5);
  gateway.send({ type: "ping", nonce: "behind all that was sent" });
  await gateway.frame("pong");
  assert.equal(gateway.events.length, 5);
  assert.equal(gateway.frames.some((f) => f.type === "todo.updated"), false);
  gateway.ackEvents = true;
  gateway.ack(5);
  await until("the rest", () => gateway.events.length === 21);
  assert.deepEqual(gateway.events.map((e) => e.seq), Array.from({ length: 21 }, (_, i) => i + 1));
});

test("events beyond the buffer are counted as lost, and the reconcile comes behind the replay", async () => {
  const { event: hear } = start({ outbox: { maxEvents: 10 } }).register("/d", opencode.client);
  await gateway.event("reconcile");
  const { port } = gateway;
  await gateway.stop();
  for (let i = 0; i < 30; i++) hear(created(`ses_${i}`));
  opencode.routes["/session/status"] = { ses_29: { type: "busy" } };
  const frames = gateway.frames.length;
  // The gap is the point here, so the gateway's own check of it is put aside.
  await gateway.start(port);
  await until("hello", () => gateway.hellos.length === 2);
  assert.deepEqual([gateway.hellos[1].next_seq, gateway.hellos[1].lost], [22, 20]);
  await until("the reconcile", () => gateway.frames.slice(frames).some((f) => f.type === "reconcile"));
  const seqs = gateway.frames.slice(frames).filter((f) => f.seq).map((f) => f.seq);
  assert.deepEqual(seqs, Array.from({ length: 11 }, (_, i) => i + 22));
  assert.deepEqual(gateway.events.at(-1).directories[0].sessions, [{ session_id: "ses_29", root_id: "ses_29", status: { type: "busy" } }]);
  assert.deepEqual(gateway.errors.splice(0), ["gap: 1 → 22"]);
});

test("a directory whose state cannot be read does not hold up the others and is read again", async () => {
  let broken = true;
  opencode.routes["/permission"] = ({ directory }) => (directory === "/bad" && broken ? new Error("starting") : []);
  start({ reconcileRetry_ms: 30 }).register("/good", opencode.client);
  bridge.register("/bad", opencode.client);
  const first = await gateway.event("reconcile");
  assert.deepEqual(first.directories.map((d) => d.directory), ["/good"]);
  broken = false;
  const second = await gateway.event("reconcile", (e) => e.seq > first.seq);
  assert.deepEqual(second.directories.map((d) => d.directory), ["/bad"]);
  assert.match(opencode.log.join("\n"), /cannot read the state of \/bad: OpenCodeError: starting; trying again/);
});

test("what waited before the plugin was loaded is told by reconcile, and its end is heard", async () => {
  opencode.routes["/session/status"] = { ses_1: { type: "busy" } };
  opencode.routes["/session/ses_1"] = { id: "ses_1", title: "T", directory: "/d", parentID: "ses_0" };
  opencode.routes["/session/ses_0"] = { id: "ses_0", title: "P", directory: "/d" };
  opencode.routes["/question"] = [{ id: "que_1", sessionID: "ses_1", questions: [{ question: "Q", header: "", options: [] }] }];
  opencode.routes["/question/que_1/reject"] = true;
  const { event: hear } = start().register("/d", opencode.client);
  const { directories } = await gateway.event("reconcile");
  assert.deepEqual([directories[0].questions[0].root_id, directories[0].sessions[0].status.type], ["ses_0", "busy"]);
  hear(status("ses_1", "idle"));
  const rejected = await gateway.event("question.rejected");
  assert.deepEqual([rejected.question_id, rejected.session_id, rejected.root_id], ["que_1", "ses_1", "ses_0"]);
  assert.ok(opencode.calls.includes("POST /question/que_1/reject /d"));
});

test("the token is kept out of the log even when it is part of a message", async () => {
  start().register("/d", opencode.client);
  await gateway.event("reconcile");
  gateway.send({ type: "error", code: "bad_field", message: `you sent ${gateway.token}` });
  await until("the line", () => opencode.log.some((line) => line.includes("you sent")));
  assert.ok(opencode.log.every((line) => !line.includes(gateway.token)));
});

test("an OpenCode that answers nothing at all is no obstacle to events", async () => {
  opencode.client._client.request = async () => {
    throw new Error("no");
  };
  const { event: hear } = start().register("/d", opencode.client);
  await until("hello", () => gateway.hellos.length === 1);
  assert.equal(gateway.hellos[0].opencode_version, null);
  hear(created("ses_1"));
  await gateway.event("session.created");
  const reply = await gateway.command("session.get", { session_id: "ses_1" });
  assert.equal(reply.error.code, "unavailable");
});
