// Recorded event streams of OpenCode 1.18.33 (test/recorded), and cases that no recording has.

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { DIRECTORY, mapping, play, recorded } from "../support/events.mjs";
import { until } from "../support/until.mjs";

const START = "session.created message.received session.active";
const THRICE = " session.retry session.active session.retry session.active session.retry";
const EXPECTED = {
  abort: `${START} session.error session.idle`,
  abort_bash: `${START} permission.asked permission.replied session.error session.idle`,
  badagent: "session.created session.error",
  badbody: "session.created",
  badmodel: `${START} session.error session.idle`,
  badprovider: `${START} session.error session.idle`,
  badtool: `${START} session.idle`,
  bash_allow: `${START} session.idle`,
  bash_ask: `${START} permission.asked permission.replied session.idle`,
  drop: `${START}${THRICE} session.idle`,
  edit_ask: `${START} permission.asked permission.replied session.idle`,
  err400: `${START}${THRICE} session.active session.retry session.active session.retry session.active session.error session.idle`,
  err401: `${START}${THRICE} session.idle`,
  err429: `${START}${THRICE} session.idle`,
  err500: `${START}${THRICE} session.idle`,
  hang: `${START} session.error session.idle`,
  noReply: "session.created message.received",
  planagent: `${START} session.idle`,
  question: `${START} question.asked question.replied session.idle`,
  question4: `${START} question.asked question.replied session.idle`,
  question_reject: `${START} question.asked question.rejected session.idle`,
  reason: `${START} session.idle`,
  subagentdirect: `${START} session.idle`,
  task: `${START} session.created session.active session.idle session.idle`,
  text: `${START} session.idle`,
  todo: `${START} session.idle`,
  write_reject: `${START} permission.asked permission.replied session.idle`,
  write_reject_msg: `${START} permission.asked permission.replied session.idle`,
};

test("there is an expectation for every recording", () => {
  const names = readdirSync(new URL("../recorded", import.meta.url)).map((name) => name.replace(/^s_|\.jsonl$/g, ""));
  assert.deepEqual(names.sort(), Object.keys(EXPECTED).sort());
});

for (const [name, types] of Object.entries(EXPECTED)) {
  test(`recording ${name}`, async () => {
    const { said, types: seen } = await play(name);
    assert.equal(seen().join(" "), types);
    assert.deepEqual(said.errors, [], "frames follow the contract");
    assert.deepEqual(said.rejected, []);
    assert.deepEqual(said.log, []);
  });

  test(`recording ${name}, every event twice as in a TUI`, async () => {
    const once = await play(name);
    const { events, said } = mapping();
    for (const event of recorded(name)) {
      events.handle(DIRECTORY, event);
      events.handle(DIRECTORY, event);
    }
    assert.deepEqual(said.durable, once.said.durable);
  });
}

const of = (said, type) => said.durable.filter((event) => event.type === type);

test("a user message carries its text, agent, model and no key when typed elsewhere", async () => {
  const { said } = await play("question4");
  const [{ message }] = of(said, "message.received");
  assert.deepEqual(message, {
    id: "msg_206928239001ex9dO1CdxuEZH3", role: "user", text: "question:4;;say:thanks", agent: "build",
    model: { provider_id: "mock", model_id: "mock-1" }, gateway_key: null,
  });
});

test("permission and question events carry what a card needs", async () => {
  const [asked] = of((await play("edit_ask")).said, "permission.asked");
  assert.equal(asked.permission.permission, "edit");
  assert.match(asked.permission.metadata.diff, /^Index: /);
  assert.equal(asked.permission.tool.call_id.startsWith("call_"), true);
  const [question] = of((await play("question4")).said, "question.asked");
  assert.equal(question.question.questions.length, 4);
  assert.deepEqual(question.question.questions[0].options[0], { label: "Yes", description: "say yes" });
  const [replied] = of((await play("question4")).said, "question.replied");
  assert.deepEqual(replied.answers, [["Yes"], ["No"], ["my free text answer"], []]);
});

test("a sub-agent's events name its parent as root, and its prompt is no user message", async () => {
  const { said } = await play("task");
  const [parent, child] = of(said, "session.created");
  assert.equal(child.session.parent_id, parent.session_id);
  for (const event of [...said.durable, ...said.volatile]) assert.equal(event.root_id, parent.session_id);
  assert.equal(of(said, "message.received").length, 1);
  const idle = of(said, "session.idle").map((event) => event.session_id);
  assert.deepEqual(idle, [child.session_id, parent.session_id]);
});

test("tools are told at each change of status, texts whole at their end", async () => {
  const { said } = await play("bash_ask");
  const tools = said.volatile.filter((event) => event.type === "tool.executed");
  assert.deepEqual(tools.map((event) => event.status), ["pending", "running", "completed"]);
  assert.equal(tools[1].input.command, "ls -la && sleep 1 && ls");
  const { said: text } = await play("text");
  const last = text.volatile.filter((event) => event.type === "message.part.streamed").at(-1);
  assert.equal(last.length, last.content.length);
  assert.match(last.content, /^w0 w1 .*/);
});

// --- what no recording has

let serial = 0;
const event = (type, properties) => ({ id: `evt_${++serial}`, type, properties });
const session = (id, extra = {}) => ({ id, title: "T", directory: DIRECTORY, time: { created: 1000, updated: 1000 }, ...extra });
const created = (id, extra) => event("session.created", { sessionID: id, info: session(id, extra) });
const status = (id, type) => event("session.status", { sessionID: id, status: { type } });
const asks = (id, per) => event("permission.asked", { id: per, sessionID: id, permission: "bash", patterns: ["ls"], metadata: {}, always: [] });
const asksQuestion = (id, que) => event("question.asked", { id: que, sessionID: id, questions: [{ question: "Q?", header: "Q", options: [] }] });
const userMessage = (id, msg, at = 2000) => event("message.updated", { sessionID: id, info: { id: msg, role: "user", time: { created: at }, agent: "build", model: {} } });
const part = (id, msg, prt, fields) => event("message.part.updated", { sessionID: id, part: { id: prt, messageID: msg, sessionID: id, ...fields } });

function feed(map, ...events) {
  for (const each of events) map.events.handle(DIRECTORY, each);
  return map;
}

test("a run that ends with requests pending: they are rejected in OpenCode and towards the gateway", async () => {
  const map = feed(mapping(), created("ses_1"), status("ses_1", "busy"), asks("ses_1", "per_1"), asksQuestion("ses_1", "que_1"),
    event("session.error", { sessionID: "ses_1", error: { name: "MessageAbortedError", data: { message: "Aborted" } } }),
    status("ses_1", "idle"), event("session.idle", { sessionID: "ses_1" }), status("ses_1", "idle"));
  await until("rejections", () => map.types().length === 8);
  assert.deepEqual(map.said.rejected, [{ directory: DIRECTORY, id: "per_1", reply: "reject" }, { directory: DIRECTORY, id: "que_1" }]);
  assert.deepEqual(map.types().slice(2), ["permission.asked", "question.asked", "session.error", "session.idle", "permission.replied", "question.rejected"]);
  assert.equal(of(map.said, "permission.replied")[0].reply, "reject");
  assert.equal(map.pending.size, 0);
});

test("OpenCode's own event about that rejection is not told again", async () => {
  let map;
  const replyPermission = (id) => feed(map, event("permission.replied", { sessionID: "ses_1", requestID: id, reply: "reject" }));
  map = feed(mapping({ replyPermission }), created("ses_1"), status("ses_1", "busy"), asks("ses_1", "per_1"));
  feed(map, status("ses_1", "idle"));
  await until("the rejection", () => map.pending.size === 0);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(of(map.said, "permission.replied").length, 1);
});

test("other sessions' requests stay, a deleted session's do not, and failure to reject is no obstacle", async () => {
  const rejectQuestion = async () => {
    throw new Error("socket closed");
  };
  const map = feed(mapping({ rejectQuestion }), created("ses_1"), created("ses_2"), status("ses_1", "busy"), status("ses_2", "busy"),
    asks("ses_2", "per_2"), asksQuestion("ses_1", "que_1"), event("session.deleted", { sessionID: "ses_1", info: session("ses_1") }));
  await until("the rejection", () => of(map.said, "question.rejected").length === 1);
  assert.equal(map.pending.size, 1);
  assert.equal(of(map.said, "permission.replied").length, 0);
  assert.match(map.said.log.join("\n"), /warn cannot reject question que_1/);
});

test("busy again and idle again are periods of their own, retry is between", () => {
  const map = feed(mapping(), created("ses_1"), status("ses_1", "busy"), status("ses_1", "busy"), status("ses_1", "idle"),
    status("ses_1", "busy"), event("session.status", { sessionID: "ses_1", status: { type: "retry", attempt: 1, message: "429", next: 5 } }),
    status("ses_1", "busy"), status("ses_1", "idle"));
  assert.deepEqual(map.types().slice(1), ["session.active", "session.idle", "session.active", "session.retry", "session.active", "session.idle"]);
});

test("only a changed title is a session.updated", () => {
  const updated = (title) => event("session.updated", { sessionID: "ses_1", info: session("ses_1", { title }) });
  const map = feed(mapping(), created("ses_1"), updated("T"), updated("U"), updated("U"), updated("T"));
  assert.deepEqual(of(map.said, "session.updated").map((e) => e.session.title), ["U", "T"]);
});

test("the gateway's mark comes back, the author's line does not show", () => {
  const map = feed(mapping(), created("ses_1"), userMessage("ses_1", "msg_1"),
    part("ses_1", "msg_1", "prt_1", { type: "text", text: "Message from Ann in Slack:", synthetic: true }),
    part("ses_1", "msg_1", "prt_2", { type: "text", text: "do it", metadata: { gateway: { key: "k1" } } }),
    part("ses_1", "msg_1", "prt_3", { type: "file", url: "file:///a", mime: "text/plain" }),
    part("ses_1", "msg_1", "prt_4", { type: "text", text: "and that" }),
    status("ses_1", "busy"));
  const [{ message }] = of(map.said, "message.received");
  assert.equal(message.gateway_key, "k1");
  assert.equal(message.text, "do it\n\nand that");
  assert.deepEqual(map.types(), ["session.created", "message.received", "session.active"]);
});

test("synthetic, compaction and copied messages are not received, later changes not received again", () => {
  const map = feed(mapping(), created("ses_1"),
    userMessage("ses_1", "msg_1"), part("ses_1", "msg_1", "prt_1", { type: "text", text: "Continue", synthetic: true }),
    userMessage("ses_1", "msg_2"), part("ses_1", "msg_2", "prt_2", { type: "compaction", auto: true }),
    userMessage("ses_1", "msg_3", 500), part("ses_1", "msg_3", "prt_3", { type: "text", text: "said before the fork" }),
    userMessage("ses_1", "msg_4"), part("ses_1", "msg_4", "prt_4", { type: "text", text: "real" }),
    status("ses_1", "idle"), userMessage("ses_1", "msg_4"), status("ses_1", "busy"));
  assert.deepEqual(of(map.said, "message.received").map((e) => e.message.id), ["msg_4"]);
});

test("a prompt into a running session is complete although the run goes on between its parts", () => {
  const delta = (text) => event("message.part.delta", { sessionID: "ses_1", messageID: "msg_a", partID: "prt_a", field: "text", delta: text });
  const map = feed(mapping(), created("ses_1"), status("ses_1", "busy"), delta("w0 "), userMessage("ses_1", "msg_1"), delta("w1 "),
    status("ses_1", "busy"),
    part("ses_1", "msg_1", "prt_1", { type: "text", text: "From Ann:", synthetic: true }), delta("w2 "),
    part("ses_1", "msg_1", "prt_2", { type: "text", text: "one" }), delta("w3 "),
    part("ses_1", "msg_1", "prt_3", { type: "text", text: "two" }), status("ses_1", "busy"));
  assert.deepEqual(of(map.said, "message.received").map((e) => e.message.text), ["one\n\ntwo"]);
});

test("a message that nothing follows is told after a moment", async () => {
  const map = feed(mapping(), created("ses_1"), userMessage("ses_1", "msg_1"), part("ses_1", "msg_1", "prt_1", { type: "text", text: "hi" }));
  assert.equal(of(map.said, "message.received").length, 0);
  await until("the message", () => of(map.said, "message.received").length === 1, 2000);
});

test("events of an unknown session wait for its look-up, in order, and find the root through two levels", async () => {
  const answers = { ses_c: session("ses_c", { parentID: "ses_b" }), ses_b: session("ses_b", { parentID: "ses_a" }), ses_a: session("ses_a") };
  const asked = [];
  const map = mapping({
    lookUp: async (id) => {
      asked.push(id);
      await new Promise((resolve) => setImmediate(resolve));
      return answers[id];
    },
  });
  feed(map, status("ses_c", "busy"), asks("ses_c", "per_1"), event("permission.replied", { sessionID: "ses_c", requestID: "per_1", reply: "once" }), status("ses_c", "idle"));
  assert.deepEqual(map.types(), []);
  await until("all", () => map.types().length === 4);
  assert.deepEqual(map.types(), ["session.active", "permission.asked", "permission.replied", "session.idle"]);
  assert.deepEqual(asked, ["ses_c", "ses_b", "ses_a"]);
  assert.ok(map.said.durable.every((e) => e.root_id === "ses_a" && e.session_id === "ses_c"));
});

test("a session that cannot be read counts as a root", async () => {
  const map = feed(mapping(), status("ses_x", "busy"));
  await until("the event", () => map.types().length === 1);
  assert.equal(map.said.durable[0].root_id, "ses_x");
  assert.match(map.said.log[0], /cannot read session ses_x/);
});

test("milestones are to-dos completed since the last list", () => {
  const todos = (...list) => event("todo.updated", { sessionID: "ses_1", todos: list.map(([content, s]) => ({ content, status: s, priority: "high" })) });
  const map = feed(mapping(), created("ses_1"), todos(["old", "completed"], ["a", "pending"]), todos(["old", "completed"], ["a", "in_progress"]),
    todos(["old", "completed"], ["a", "completed"], ["b", "completed"]), todos(["a", "completed"]));
  assert.deepEqual(map.said.volatile.filter((e) => e.type === "agent.milestone").map((e) => e.text), ["a", "b"]);
  const long = feed(mapping(), created("ses_1"), todos(...Array.from({ length: 80 }, (_, i) => [`${i}`.padEnd(400, "x"), "pending"])));
  assert.deepEqual([long.said.volatile[0].todos.length, long.said.volatile[0].todos[0].content.length], [50, 200]);
  assert.deepEqual(long.said.errors, []);
});

test("a disposed directory: runs stop, requests are settled without asking OpenCode", () => {
  const map = feed(mapping(), created("ses_1"), status("ses_1", "busy"), asks("ses_1", "per_1"));
  map.events.directoryGone(DIRECTORY);
  assert.deepEqual(map.types().slice(2), ["permission.asked", "permission.replied", "session.idle"]);
  assert.deepEqual(map.said.rejected, []);
});

test("whoever waits for a stored message is told; nothing is kept of those who gave up", async () => {
  const map = feed(mapping(), created("ses_1"));
  const first = map.events.onceStored("msg_1");
  const second = map.events.onceStored("msg_1");
  map.events.onceStored("msg_2").cancel();
  feed(map, userMessage("ses_1", "msg_1"));
  await Promise.all([first.stored, second.stored]);
  first.cancel();
  second.cancel();
});

test("odd events are passed over", () => {
  const map = mapping();
  for (const odd of [undefined, null, 7, {}, { type: 7 }, { type: "toString", properties: {} }, { type: "session.idle" },
    { type: "session.idle", properties: { sessionID: "../x" } }, { type: "session.error", properties: { error: {} } },
    { type: "plugin.added", properties: { sessionID: "ses_1" } }]) map.events.handle(DIRECTORY, odd);
  feed(map, created("ses_1"),
    event("permission.asked", { sessionID: "ses_1" }), event("permission.replied", { sessionID: "ses_1", requestID: "per_1", reply: "perhaps" }),
    event("question.asked", { sessionID: "ses_1", id: "que_1", questions: [] }), event("message.part.updated", { sessionID: "ses_1", part: { type: "tool" } }),
    event("message.part.delta", { sessionID: "ses_1", messageID: "msg_1", partID: "prt_1", field: "output", delta: "x" }));
  assert.deepEqual(map.types(), ["session.created"]);
  assert.deepEqual(map.said.volatile, []);
});
