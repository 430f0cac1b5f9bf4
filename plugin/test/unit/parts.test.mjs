// Streaming, reconciliation and commands, each against a stand-in for what lies below.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { Commands } from "../../build/commands.js";
import { OpenCode, OpenCodeError } from "../../build/opencode.js";
import { Reconciler } from "../../build/reconcile.js";
import { Streaming } from "../../build/streaming.js";
import { frameErrors } from "../support/contract.mjs";
import { until } from "../support/until.mjs";

// --- streaming

function streaming() {
  const clock = { now: 10_000 };
  const sent = [];
  const place = { directory: "/d", session_id: "ses_1", root_id: "ses_1" };
  const stream = new Streaming((_, body) => sent.push(body), () => clock.now, 30);
  return { clock, sent, place, stream };
}

test("streamed text: at once, then at most once per interval, then at the end", async () => {
  const { clock, sent, place, stream } = streaming();
  for (let i = 0; i < 10; i++) stream.append(place, "msg_1", "prt_1", "ab");
  assert.equal(sent.length, 1);
  await until("the trailing frame", () => sent.length === 2);
  assert.deepEqual([sent[1].content, sent[1].length, sent[1].kind], ["ab".repeat(10), 20, "text"]);
  clock.now += 100;
  stream.append(place, "msg_1", "prt_1", "c");
  stream.replace(place, "msg_1", "prt_1", "text", `${"ab".repeat(10)}c.`, true);
  assert.equal(sent.at(-1).content.slice(-2), "c.");
  assert.equal(stream.size, 0);
});

test("streamed text: the tail only, whole characters, and the length of all", () => {
  const { sent, place, stream } = streaming();
  stream.replace(place, "msg_1", "prt_1", "reasoning", `x${"🙂".repeat(1000)}`, true);
  assert.equal(sent[0].kind, "reasoning");
  assert.equal(sent[0].length, 2001);
  assert.ok(sent[0].content.length <= 1500 && !/^[\udc00-\udfff]/.test(sent[0].content));
});

test("streamed text: empty parts say nothing, an ended session nothing more, memory is bounded", async () => {
  const { clock, sent, place, stream } = streaming();
  stream.replace(place, "msg_1", "prt_0", "text", "", false);
  stream.replace(place, "msg_1", "prt_0", "text", "", true);
  assert.deepEqual(sent, []);
  stream.append(place, "msg_1", "prt_1", "a");
  stream.append(place, "msg_1", "prt_1", "b");
  stream.endSession("ses_1");
  assert.deepEqual([sent.length, stream.size], [1, 0]);
  clock.now += 1000;
  for (let i = 0; i < 3000; i++) stream.append(place, "msg_1", `prt_x${i}`, "a");
  assert.equal(stream.size, 2000);
  stream.endSession("ses_1");
});

// --- reconciliation

const permission = (id, sessionID) => ({ id, sessionID, permission: "bash", patterns: [], metadata: {}, always: [] });
const question = (id, sessionID) => ({ id, sessionID, questions: [{ question: "Q", header: "", options: [] }] });

function reconciler({ permissions = [], questions = [], statuses = {}, settled = new Set(), during = () => {} }) {
  const stale = [];
  const it = new Reconciler({
    opencode: {
      listPermissions: async () => permissions,
      listQuestions: async () => questions,
      statuses: async () => {
        during(it);
        return new Map(Object.entries(statuses));
      },
    },
    rootOf: async () => "ses_root",
    knownRoot: (id) => (id === "ses_child" ? "ses_root" : id),
    isSettled: (id) => settled.has(id),
    onStale: (kind, id, place) => stale.push([kind, id, place.root_id]),
  });
  const run = async () => {
    const reading = await it.read("/d");
    try {
      return reading.compose();
    } finally {
      reading.drop();
    }
  };
  return { run, stale };
}

const ids = (entry) => [...entry.permissions.map((p) => p.permission.id), ...entry.questions.map((q) => q.question.id)];

test("reconcile tells what runs and what waits, with roots", async () => {
  const { run, stale } = reconciler({
    permissions: [permission("per_1", "ses_child")], questions: [question("que_1", "ses_a")],
    statuses: { ses_child: { type: "busy" }, ses_a: { type: "retry", attempt: 1, message: "m", next: 9 } },
  });
  const entry = await run();
  assert.deepEqual(entry.sessions, [
    { session_id: "ses_child", root_id: "ses_root", status: { type: "busy" } },
    { session_id: "ses_a", root_id: "ses_a", status: { type: "retry", attempt: 1, message: "m", next_ms: 9 } },
  ]);
  assert.deepEqual(ids(entry), ["per_1", "que_1"]);
  assert.equal(entry.permissions[0].root_id, "ses_root");
  assert.deepEqual(stale, []);
  assert.deepEqual(frameErrors("to-gateway", { type: "reconcile", seq: 1, at_ms: 1, directory: "/d", directories: [entry] }), []);
});

test("reconcile: requests of idle sessions are stale, settled ones are not told", async () => {
  const { run, stale } = reconciler({
    permissions: [permission("per_1", "ses_child"), permission("per_2", "ses_a")], questions: [question("que_1", "ses_a")],
    statuses: { ses_a: { type: "busy" } }, settled: new Set(["per_2"]),
  });
  assert.deepEqual(ids(await run()), ["que_1"]);
  assert.deepEqual(stale, [["permission", "per_1", "ses_root"]]);
});

test("reconcile: what is observed during the reading is laid over it", async () => {
  const { run, stale } = reconciler({
    permissions: [permission("per_1", "ses_a")], statuses: { ses_a: { type: "busy" }, ses_b: { type: "busy" } },
    during: (it) => {
      it.observed("/d", { kind: "permission", id: "per_1", session_id: "ses_a", request: null });
      it.observed("/d", { kind: "question", id: "que_2", session_id: "ses_child", request: question("que_2", "ses_child") });
      it.observed("/d", { kind: "status", session_id: "ses_child", status: { type: "busy" } });
      it.observed("/d", { kind: "status", session_id: "ses_b", status: { type: "idle" } });
      it.observed("/other", { kind: "status", session_id: "ses_z", status: { type: "busy" } });
    },
  });
  const entry = await run();
  assert.deepEqual(ids(entry), ["que_2"]);
  assert.equal(entry.questions[0].root_id, "ses_root");
  assert.deepEqual(entry.sessions.map((s) => s.session_id), ["ses_a", "ses_child"]);
  assert.deepEqual(stale, []);
});

// --- commands

const directory = mkdtempSync(path.join(tmpdir(), "bridge-"));
after(() => rmSync(directory, { recursive: true }));

const AGENTS = [
  { name: "build", mode: "primary" }, { name: "title", mode: "primary", hidden: true }, { name: "explore", mode: "subagent" },
  { name: "reviewer", mode: "all", model: { providerID: "p", modelID: "review" } },
];

/** Commands over a pretended OpenCode; `over` replaces single calls. */
function commands(over = {}, options = {}) {
  const calls = [];
  const store = { sessions: [], messages: new Set(), prompts: [] };
  const session = { id: "ses_1", title: "T", directory, time: { created: 1, updated: 1 } };
  const waiters = new Map();
  const opencode = {
    getSession: async (id) => {
      if (id !== "ses_1") throw new OpenCodeError(404, `Session not found: ${id}`);
      return session;
    },
    listSessions: async () => store.sessions,
    createSession: async (dir, { title, key }) => {
      calls.push("create");
      await new Promise((resolve) => setImmediate(resolve));
      const made = { id: `ses_n${store.sessions.length}`, title, directory: dir, metadata: { gateway: { key } }, time: {} };
      store.sessions.push(made);
      return made;
    },
    hasMessage: async (_, id) => store.messages.has(id),
    prompt: async (_, body) => {
      store.prompts.push(body);
      store.messages.add(body.messageID);
      waiters.get(body.messageID)?.();
    },
    listAgents: async () => AGENTS,
    config: async () => ({ model: "p/default/with/slash" }),
    defaultModels: async () => ({ q: "first" }),
    listCommands: async () => [{ name: "bmad-agent-pm", description: "A manager", template: "x" }, { name: "" }],
    listSkills: async () => [{ name: "review" }],
    listProviders: async () => [{ id: "p", models: { "default/with/slash": {}, m: {} } }, { id: "" }],
    statuses: async () => new Map(),
    abortSession: async () => calls.push("abort"),
    listMessages: async () => [],
    replyPermission: async () => calls.push("permission"),
    replyQuestion: async () => calls.push("question"),
    rejectQuestion: async () => calls.push("reject"),
    ...over,
  };
  const replies = [];
  const it = new Commands({
    opencode,
    directories: () => [directory],
    reconcile: () => calls.push("reconcile"),
    onceStored: (id) => ({ stored: new Promise((resolve) => waiters.set(id, resolve)), cancel: () => waiters.delete(id) }),
    send: (reply) => replies.push(reply),
    ...options,
  });
  let serial = 0;
  const ask = async (type, fields = {}) => {
    const request_id = `r${++serial}`;
    await it.handle({ type, request_id, ...fields });
    const reply = replies.find((each) => each.request_id === request_id);
    assert.deepEqual(frameErrors("to-gateway", reply), []);
    if (reply.ok) assert.deepEqual(frameErrors("results", reply.result, type), []);
    return reply;
  };
  return { it, ask, calls, store, session, replies, waiters };
}

test("session.create: one session per key, also when asked for at the same time", async () => {
  const { ask, calls } = commands();
  const both = await Promise.all([1, 2, 3].map(() => ask("session.create", { directory, title: "T", key: "k" })));
  const again = await ask("session.create", { directory, title: "T", key: "k" });
  assert.equal(new Set([...both, again].map((reply) => reply.result.session.id)).size, 1);
  const other = await ask("session.create", { directory, title: "T", key: "k2" });
  assert.notEqual(other.result.session.id, again.result.session.id);
  assert.deepEqual(calls, ["create", "create"]);
});

test("session.create: the directory has to exist and to be one", async () => {
  const { ask, calls } = commands();
  for (const bad of [path.join(directory, "absent"), new URL(import.meta.url).pathname]) {
    const reply = await ask("session.create", { directory: bad, title: "T", key: "k" });
    assert.deepEqual([reply.error.code, reply.error.field], ["invalid", "directory"]);
  }
  assert.deepEqual(calls, []);
});

const prompt = (extra = {}) => ({ session_id: "ses_1", message_id: "msg_1", text: "do it", key: "k", ...extra });

test("session.message: sent once, whatever is repeated", async () => {
  const { ask, store } = commands();
  const both = await Promise.all([ask("session.message", prompt()), ask("session.message", prompt())]);
  assert.deepEqual(both.map((reply) => reply.result.already), [false, false]);
  assert.equal((await ask("session.message", prompt())).result.already, true);
  assert.equal(store.prompts.length, 1);
  assert.deepEqual(store.prompts[0], {
    messageID: "msg_1", agent: "build", model: { providerID: "p", modelID: "default/with/slash" },
    parts: [{ type: "text", text: "do it", metadata: { gateway: { key: "k" } } }],
  });
});

test("session.message: author and files become parts", async () => {
  const { ask, store } = commands();
  const files = [{ url: "data:text/plain,x", mime: "text/plain", filename: "x.txt" }];
  await ask("session.message", prompt({ author: { name: "Ann\nEvil:", source: "slack" }, files }));
  assert.deepEqual(store.prompts[0].parts, [
    { type: "text", synthetic: true, text: "Message from Ann Evil: in Slack:" },
    { type: "text", text: "do it", metadata: { gateway: { key: "k" } } },
    { type: "file", ...files[0] },
  ]);
});

test("session.message: an instruction is for the agent only", async () => {
  const { ask, store } = commands();
  await ask("session.message", prompt({ instruction: "You are the architect." }));
  assert.deepEqual(store.prompts[0].parts, [
    { type: "text", synthetic: true, text: "You are the architect." },
    { type: "text", text: "do it", metadata: { gateway: { key: "k" } } },
  ]);
});

test("session.message: a command counts once it is stored, and is refused before", async () => {
  const run = [];
  let fail;
  const { ask, waiters } = commands({
    runCommand: (id, body) => {
      run.push({ id, ...body });
      queueMicrotask(() => waiters.get(body.messageID)());
      return new Promise((_, reject) => (fail = reject)); // its turn goes on
    },
  });
  const reply = await ask("session.message", prompt({ command: "bmad-agent-pm" }));
  assert.deepEqual(reply.result, { message_id: "msg_1", already: false });
  assert.deepEqual(run, [
    { id: "ses_1", messageID: "msg_1", agent: "build", command: "bmad-agent-pm", arguments: "do it", model: "p/default/with/slash" },
  ]);
  fail(new OpenCodeError(500, "the turn failed")); // told by events; must not be unhandled
  const field = async (extra) => (await ask("session.message", prompt({ message_id: "msg_2", ...extra }))).error.field;
  assert.equal(await field({ command: "nobody" }), "command");
  assert.equal(await field({ command: "bmad-agent-pm", files: [{ url: "data:,x", mime: "text/plain", filename: "x" }] }), "files");
  const refusing = commands({ runCommand: async () => { throw new OpenCodeError(400, "no"); } });
  assert.equal((await refusing.ask("session.message", prompt({ command: "bmad-agent-pm" }))).error.code, "invalid");
  assert.equal(run.length, 1);
});

test("session.message: files alone get a line of text, nothing at all is refused", async () => {
  const { ask, store } = commands();
  const file = (filename) => ({ url: "data:text/plain,x", mime: "text/plain", filename });
  await ask("session.message", prompt({ text: " ", files: [file("a.txt"), file("b\n.txt")] }));
  assert.deepEqual(store.prompts[0].parts[0], { type: "text", text: "Attached: a.txt, b .txt", metadata: { gateway: { key: "k" } } });
  const empty = await ask("session.message", prompt({ text: "", message_id: "msg_2" }));
  assert.deepEqual([empty.error.code, empty.error.field], ["invalid", "text"]);
});

test("session.message: agent and model are always named, by the rule", async () => {
  const chosen = async (last, given, over) => {
    const { ask, store, session } = commands(over);
    Object.assign(session, last);
    const reply = await ask("session.message", prompt(given));
    if (!reply.ok) return `${reply.error.code} ${reply.error.field}`;
    const { agent, model } = store.prompts[0];
    return `${agent} ${model?.providerID}/${model?.modelID}`;
  };
  const last = { agent: "build", model: { providerID: "l", id: "last" } };
  assert.equal(await chosen({}, {}), "build p/default/with/slash");
  assert.equal(await chosen(last, {}), "build l/last");
  assert.equal(await chosen(last, { model: { provider_id: "g", model_id: "given" } }), "build g/given");
  assert.equal(await chosen(last, { agent: "reviewer" }), "reviewer p/review");
  assert.equal(await chosen({ ...last, agent: "reviewer" }, {}), "reviewer l/last");
  assert.equal(await chosen({ agent: "removed" }, {}), "build p/default/with/slash");
  assert.equal(await chosen(last, { agent: "nobody" }), "invalid agent");
  assert.equal(await chosen({}, {}, { config: async () => ({}) }), "build q/first");
  assert.equal(await chosen({}, {}, { config: async () => ({ default_agent: "reviewer" }) }), "reviewer p/review");
  assert.equal(await chosen({}, {}, { config: async () => ({}), defaultModels: async () => ({}) }), "build undefined/undefined");
});

test("errors of OpenCode get the contract's codes", async () => {
  const failing = (status) => ({
    replyPermission: async () => {
      throw new OpenCodeError(status, "text");
    },
  });
  const code = async (status) => {
    const reply = await commands(failing(status)).ask("permission.reply", { directory, permission_id: "per_1", reply: "once" });
    return reply.error.code;
  };
  assert.deepEqual([await code(404), await code(400), await code(500), await code(0)], ["not_found", "invalid", "opencode_error", "unavailable"]);
  assert.equal((await commands().ask("session.get", { session_id: "ses_9" })).error.code, "not_found");
  assert.equal((await commands().ask("session.abort", { session_id: "ses_9" })).error.code, "not_found");
  const odd = commands({ statuses: async () => { throw new TypeError("our mistake"); } });
  assert.equal((await odd.ask("session.get", { session_id: "ses_1" })).error.code, "opencode_error");
});

test("an answer repeated with its request_id is reported again and given once", async () => {
  const { it, replies, calls } = commands();
  const command = { type: "permission.reply", request_id: "same", directory, permission_id: "per_1", reply: "once" };
  await it.handle(command);
  await it.handle(command);
  assert.deepEqual(calls, ["permission"]);
  assert.deepEqual(replies.map((reply) => reply.ok), [true, true]);
});

test("a command at work that comes again is answered once", async () => {
  let release;
  const gate = new Promise((resolve) => (release = resolve));
  const { it, replies } = commands({ abortSession: () => gate });
  const command = { type: "session.abort", request_id: "same", session_id: "ses_1" };
  const first = it.handle(command);
  const second = it.handle(command);
  release();
  await Promise.all([first, second]);
  assert.equal(replies.length, 1);
});

test("a deadline ends what takes too long, and its request", async () => {
  let aborted = false;
  const never = (_, signal) => new Promise(() => signal.addEventListener("abort", () => (aborted = true)));
  const { ask } = commands({ abortSession: never }, { deadline_ms: 20 });
  assert.equal((await ask("session.abort", { session_id: "ses_1" })).error.code, "timeout");
  assert.equal(aborted, true);
});

test("too many commands at once are refused, not queued", async () => {
  const { it, replies } = commands({ abortSession: () => new Promise(() => {}) }, { deadline_ms: 50 });
  const all = Array.from({ length: 300 }, (_, i) => it.handle({ type: "session.abort", request_id: `r${i}`, session_id: "ses_1" }));
  await Promise.all(all);
  assert.equal(replies.length, 300);
  assert.equal(replies.filter((reply) => reply.error.code === "unavailable").length, 44);
});

const stored = (n) => ({ info: { id: `msg_${n}`, role: "assistant", time: { created: n } }, parts: [{ type: "text", text: `t${n}` }] });

test("session.messages: the newest, or what follows `after`", async () => {
  const all = Array.from({ length: 50 }, (_, i) => stored(i + 1));
  const listMessages = async (_, limit) => (limit === 0 ? all : all.slice(-limit));
  const { ask } = commands({ listMessages });
  const read = async (fields) => (await ask("session.messages", { session_id: "ses_1", ...fields })).result.messages.map((m) => Number(m.id.slice(4)));
  assert.equal((await read({})).length, 50);
  assert.deepEqual(await read({ limit: 2 }), [49, 50]);
  assert.deepEqual(await read({ after: "msg_48" }), [49, 50]);
  assert.deepEqual(await read({ after: "msg_48", limit: 1 }), [49]);
  assert.deepEqual(await read({ after: "msg_3", limit: 2 }), [4, 5]);
  assert.deepEqual(await read({ after: "msg_50", limit: 2 }), []);
  assert.deepEqual(await read({ after: "msg_reverted", limit: 2 }), [49, 50]);
});

test("session.list: newest first; agents.list: without hidden ones; reconcile is passed on", async () => {
  const listSessions = async () => [1, 3, 2].map((n) => ({ id: `ses_${n}`, directory, time: { updated: n } }));
  const { ask, calls } = commands({ listSessions });
  assert.deepEqual((await ask("session.list")).result.sessions.map((s) => s.id), ["ses_3", "ses_2", "ses_1"]);
  const { agents, default_agent, commands: offered, skills } = (await ask("agents.list", { directory })).result;
  assert.deepEqual([agents.map((a) => a.name), default_agent], [["build", "explore", "reviewer"], "build"]);
  assert.deepEqual([offered, skills], [[{ name: "bmad-agent-pm", description: "A manager" }], [{ name: "review", description: "" }]]);
  const { providers } = (await ask("providers.list", { directory })).result;
  assert.deepEqual(providers, [{ id: "p", models: ["default/with/slash", "m"] }]);
  await ask("reconcile");
  assert.deepEqual(calls, ["reconcile"]);
});

// --- the adapter

test("the adapter names its errors, encodes ids and needs a client", async () => {
  const asked = [];
  const answer = (result) => new OpenCode(() => ({ _client: { request: async (options) => (asked.push(options), result) } }));
  const is = (status, message) => (error) => error instanceof OpenCodeError && error.status === status && message.test(error.message);
  await assert.rejects(new OpenCode(() => undefined).getSession("ses_1"), is(0, /no OpenCode instance/));
  const notFound = { error: { name: "NotFoundError", data: { message: "Session not found" } }, response: { status: 404 } };
  await assert.rejects(answer(notFound).getSession("ses_1"), is(404, /Session not found/));
  await assert.rejects(answer({ error: {}, response: { status: 500 } }).getSession("ses_1"), is(500, /no reason/));
  await assert.rejects(answer({ data: "<!doctype html>", response: { status: 200 } }).config("/d"), is(404, /no such route/));
  const broken = new OpenCode(() => ({ _client: { request: async () => { throw new Error("fetch failed"); } } }));
  await assert.rejects(broken.statuses("/d"), is(0, /fetch failed/));
  await answer({ data: {}, response: { status: 200 } }).replyPermission("/d x", "a/../b", "reject", "why");
  assert.equal(asked.at(-1).url, "/permission/a%2F..%2Fb/reply");
  assert.deepEqual([asked.at(-1).query, asked.at(-1).body], [{ directory: "/d x" }, { reply: "reject", message: "why" }]);
});
