// What the gateway asks for and hears, with the real OpenCode.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { messageId, World } from "../support/world.mjs";
import { until } from "../support/until.mjs";

let world, gateway, opencode, dir;

before(async () => {
  world = await World.start();
  ({ gateway, opencode } = world);
  dir = await world.directory("project");
  await gateway.event("reconcile");
});
after(() => world?.stop());
afterEach(() => assert.deepEqual(gateway.errors.splice(0), [], "frames follow the contract, without a gap"));

const idle = (session) => gateway.event("session.idle", (event) => event.session_id === session.id);
const asked = (type, session) => gateway.event(type, (event) => event.root_id === session.id);
const replyTo = (event, fields) =>
  gateway.ask("permission.reply", { directory: event.directory, permission_id: event.permission.id, ...fields });
const texts = async (session) =>
  (await gateway.ask("session.messages", { session_id: session.id })).messages.map((m) => m.text);

test("hello tells of the process, reconcile of an idle directory", async () => {
  const [hello] = gateway.hellos;
  assert.equal(hello.opencode_version, opencode.version);
  assert.equal(hello.next_seq, 1);
  assert.ok(hello.directories.includes(dir) || (await gateway.frame("directory.added", (f) => f.directory === dir)));
  const event = await gateway.event("reconcile", (e) => e.directories.some((d) => d.directory === dir));
  assert.deepEqual(event.directories.find((d) => d.directory === dir), { directory: dir, sessions: [], permissions: [], questions: [] });
});

test("session.create is idempotent by key, at once and later", async () => {
  const command = { directory: dir, title: "Mine", key: "flow-1", agent: "build", model: { provider_id: "scripted", model_id: "demo" } };
  const made = await Promise.all([1, 2, 3].map(() => gateway.ask("session.create", command)));
  made.push(await gateway.ask("session.create", command));
  assert.equal(new Set(made.map(({ session }) => session.id)).size, 1);
  const [{ session }] = made;
  assert.deepEqual([session.title, session.gateway_key, session.directory], ["Mine", "flow-1", dir]);
  const stored = await opencode.api("GET", `/session/${session.id}`);
  assert.deepEqual(stored.metadata, { gateway: { key: "flow-1" } });
  const created = await gateway.event("session.created", (e) => e.session_id === session.id);
  assert.equal(created.session.gateway_key, "flow-1");
  const bad = await gateway.command("session.create", { ...command, directory: path.join(dir, "absent") });
  assert.deepEqual([bad.error.code, bad.error.field], ["invalid", "directory"]);
});

test("a prompt: received with our key, streamed, idle once, readable, and not sent twice", async () => {
  const session = await world.session(dir);
  const id = await session.say("text:60:15", { author: { name: "Ann", source: "slack" } });
  const again = await gateway.ask("session.message", { session_id: session.id, message_id: id, text: "text:60:15", key: "other" });
  assert.deepEqual(again, { message_id: id, already: true });
  await idle(session);
  const { messages, status } = await gateway.ask("session.messages", { session_id: session.id });
  assert.deepEqual(messages.map((m) => [m.id === id, m.role]), [[true, "user"], [false, "assistant"]]);
  assert.equal(status.type, "idle");
  const [user, answer] = messages;
  assert.equal(user.text, "text:60:15", "the author's line is for the model only");
  assert.equal(answer.parent_id, id);
  assert.equal(answer.finish, "stop");
  assert.match(answer.text, /^w0 w1 .* w59/);
  const [received] = gateway.of("message.received", session.id);
  assert.deepEqual([received.message.id, received.message.gateway_key], [id, `m-${id}`]);
  const streamed = gateway.frames.filter((f) => f.type === "message.part.streamed" && f.session_id === session.id);
  const ran_ms = gateway.of("session.idle", session.id)[0].at_ms - gateway.of("session.active", session.id)[0].at_ms;
  assert.ok(streamed.length >= 2 && streamed.length <= ran_ms / 250 + 2, `${streamed.length} frames in ${ran_ms} ms`);
  assert.equal(streamed.at(-1).content.trim(), answer.text.trim());
  await session.say("say:second");
  await until("the second run", () => gateway.of("session.idle", session.id).length === 2);
  assert.equal(gateway.of("session.active", session.id).length, 2);
  const after_ = await gateway.ask("session.messages", { session_id: session.id, after: answer.id });
  assert.deepEqual(after_.messages.map((m) => m.text), ["say:second", "second"]);
  const prompts = (await world.model.requests({ bodies: true })).filter((r) => JSON.stringify(r).includes("text:60:15") && JSON.stringify(r).includes(session.id));
  assert.ok(JSON.stringify(prompts).includes("Message from Ann in Slack:"));
});

test("files travel with the prompt", async () => {
  const session = await world.session(dir);
  const files = [{ url: `data:text/plain;base64,${Buffer.from("the note").toString("base64")}`, mime: "text/plain", filename: "note.txt" }];
  await session.say("say:read it", { files });
  await idle(session);
  assert.deepEqual(await texts(session), ["say:read it", "read it"]);
  const parts = (await opencode.api("GET", `/session/${session.id}/message`))[0].parts;
  assert.ok(parts.some((part) => part.type === "file" && part.filename === "note.txt"));
});

test("permissions: once, always, reject, reject with a reason", async () => {
  const place = await world.directory("permissions");
  const once = await world.session(place);
  await once.say("bash:echo one > one.txt;;say:done");
  const first = await asked("permission.asked", once);
  assert.deepEqual([first.permission.permission, first.permission.metadata.command], ["bash", "echo one > one.txt"]);
  await replyTo(first, { reply: "once" });
  await idle(once);
  assert.equal(readFileSync(path.join(place, "one.txt"), "utf8"), "one\n");
  const late = await gateway.command("permission.reply", { directory: place, permission_id: first.permission.id, reply: "reject" });
  assert.equal(late.error.code, "not_found");

  const reject = await world.session(place);
  await reject.say("bash:touch two.txt;;say:never said");
  await replyTo(await asked("permission.asked", reject), { reply: "reject" });
  await idle(reject);
  assert.ok(!existsSync(path.join(place, "two.txt")));
  assert.deepEqual(gateway.of("permission.replied", reject.id).map((e) => e.reply), ["reject"]);

  const reason = await world.session(place);
  await reason.say("bash:touch three.txt;;say:understood");
  await replyTo(await asked("permission.asked", reason), { reply: "reject", message: "use four.txt" });
  await idle(reason);
  assert.equal((await texts(reason)).at(-1), "understood");

  const always = await world.session(place);
  await always.say("bash:echo a;;bash:echo b;;say:both");
  await replyTo(await asked("permission.asked", always), { reply: "always" });
  await idle(always);
  assert.equal(gateway.of("permission.asked", always.id).length, 1, "the second was allowed by the rule");
  assert.equal((await texts(always)).at(-1), "both");
});

test("commands do not see the bridge token", async () => {
  const place = await world.directory("shell");
  const session = await world.session(place);
  await session.say('bash:echo "token=<$GATEWAY_BRIDGE_TOKEN> url=<$GATEWAY_URL>" > env.txt;;say:done');
  await replyTo(await asked("permission.asked", session), { reply: "once" });
  await idle(session);
  assert.equal(readFileSync(path.join(place, "env.txt"), "utf8"), `token=<> url=<${gateway.url}>\n`);
});

test("questions: answered, dismissed, and too late", async () => {
  const session = await world.session(dir);
  await session.say("question:4;;say:thanks");
  const { question } = await asked("question.asked", session);
  assert.equal(question.questions.length, 4);
  assert.deepEqual(question.questions[0], { question: "Question number 1?", header: "Q1", multiple: false, custom: true,
    options: [{ label: "Yes", description: "say yes" }, { label: "No", description: "say no" }] });
  const answers = [["Yes"], ["No"], ["in my words"], []];
  await gateway.ask("question.reply", { directory: dir, question_id: question.id, answers });
  await idle(session);
  assert.deepEqual(gateway.of("question.replied", session.id).map((e) => e.answers), [answers]);
  const late = await gateway.command("question.reply", { directory: dir, question_id: question.id, answers });
  assert.equal(late.error.code, "not_found");

  const dismissed = await world.session(dir);
  await dismissed.say("question:1;;say:never said");
  const other = await asked("question.asked", dismissed);
  await gateway.ask("question.reject", { directory: dir, question_id: other.question.id });
  await idle(dismissed);
  assert.equal(gateway.of("question.rejected", dismissed.id).length, 1);
});

test("abort with a permission and a question pending settles both on both sides", async () => {
  const session = await world.session(dir);
  await session.say('parallel:["bash:sleep 60","question:1"];;say:never said');
  const permission = await asked("permission.asked", session);
  const question = await asked("question.asked", session);
  await gateway.ask("session.abort", { session_id: session.id });
  const replied = await gateway.event("permission.replied", (e) => e.permission_id === permission.permission.id);
  assert.equal(replied.reply, "reject");
  await gateway.event("question.rejected", (e) => e.question_id === question.question.id);
  assert.equal(gateway.of("session.error", session.id)[0].error.name, "MessageAbortedError");
  await until("OpenCode's lists to be empty", async () =>
    (await opencode.api("GET", "/permission", undefined, { directory: dir })).length === 0 &&
    (await opencode.api("GET", "/question", undefined, { directory: dir })).length === 0);
  assert.equal(gateway.of("session.idle", session.id).length, 1);
  assert.equal(gateway.of("permission.replied", session.id).length, 1);
  assert.equal(gateway.of("question.rejected", session.id).length, 1);
  await gateway.ask("session.abort", { session_id: session.id });
});

test("a session deleted while it asks settles too", async () => {
  const session = await world.session(dir);
  await session.say("question:1;;say:x");
  const { question } = await asked("question.asked", session);
  await opencode.api("DELETE", `/session/${session.id}`);
  await gateway.event("session.deleted", (e) => e.session_id === session.id);
  await gateway.event("question.rejected", (e) => e.question_id === question.id);
  assert.equal((await gateway.command("session.get", { session_id: session.id })).error.code, "not_found");
});

test("what other UIs do is heard: prompts without our key, answers, titles", async () => {
  const made = await opencode.session(dir, { title: "In the web UI" });
  await opencode.prompt(made.id, "question:1;;say:ok");
  const session = { id: made.id };
  const { message } = await gateway.event("message.received", (e) => e.session_id === made.id);
  assert.deepEqual([message.text, message.gateway_key, message.agent], ["question:1;;say:ok", null, "build"]);
  const { question } = await asked("question.asked", session);
  await opencode.api("POST", `/question/${question.id}/reply`, { answers: [["No"]] }, { directory: dir });
  assert.deepEqual((await asked("question.replied", session)).answers, [["No"]]);
  await idle(session);
  await opencode.api("PATCH", `/session/${made.id}`, { title: "Renamed" });
  assert.equal((await gateway.event("session.updated", (e) => e.session_id === made.id)).session.title, "Renamed");
  const { sessions } = await gateway.ask("session.list", { directory: dir });
  assert.ok(sessions.some((s) => s.id === made.id && s.title === "Renamed" && s.gateway_key === null));
});

test("a fork is a session of its own and its copied messages are not received again", async () => {
  const session = await world.session(dir);
  await session.say("say:original");
  await idle(session);
  const fork = await opencode.api("POST", `/session/${session.id}/fork`, {});
  await gateway.event("session.created", (e) => e.session_id === fork.id);
  await opencode.prompt(fork.id, "say:in the fork");
  await idle(fork);
  assert.deepEqual(gateway.of("message.received", fork.id).map((e) => e.message.text), ["say:in the fork"]);
});

test("a sub-agent's permission belongs to the parent's thread", async () => {
  const session = await world.session(dir);
  await session.say("task:general:bash:echo child;;say:parent done");
  const event = await asked("permission.asked", session);
  assert.notEqual(event.session_id, session.id);
  const created = gateway.of("session.created", event.session_id)[0];
  assert.deepEqual([created.session.parent_id, created.root_id], [session.id, session.id]);
  const running = await gateway.ask("session.get", { session_id: session.id });
  assert.equal(running.status.type, "busy");
  await replyTo(event, { reply: "once" });
  await idle(session);
  assert.deepEqual(gateway.of("message.received").filter((e) => e.session_id === event.session_id), []);
});

test("to-dos, milestones and tools", async () => {
  const session = await world.session(dir);
  await session.say("todo:[>] read|[ ] write;;todo:[x] read|[>] write;;say:ok");
  await idle(session);
  const of = (type) => gateway.frames.filter((f) => f.type === type && f.session_id === session.id);
  assert.deepEqual(of("agent.milestone").map((f) => f.text), ["read"]);
  assert.deepEqual(of("todo.updated").at(-1).todos.map((t) => t.status), ["completed", "in_progress"]);
  assert.deepEqual(of("tool.executed").map((f) => f.status), ["pending", "running", "completed", "pending", "running", "completed"]);
});

test("changed files are in the messages", async () => {
  const session = await world.session(dir);
  await session.say("write:made.txt:one\\ntwo\\n;;say:written");
  await idle(session);
  const { messages } = await gateway.ask("session.messages", { session_id: session.id });
  const writing = messages.find((m) => m.tools.some((t) => t.tool === "write"));
  assert.deepEqual(writing.files.map((f) => [path.basename(f.file), f.additions, f.deletions]), [["made.txt", 2, 0]]);
});

test("errors of the model: retries, and an error that ends the run", async () => {
  const session = await world.session(dir);
  await session.say("err:429:1;;say:recovered");
  const retry = await gateway.event("session.retry", (e) => e.session_id === session.id);
  assert.equal(retry.attempt, 1);
  await idle(session);
  assert.equal(gateway.of("session.active", session.id).length, 2);
  const failing = await world.session(dir);
  await failing.say("err:404");
  const { error } = await gateway.event("session.error", (e) => e.session_id === failing.id);
  assert.equal(error.name, "APIError");
  await idle(failing);
  const { messages } = await gateway.ask("session.messages", { session_id: failing.id });
  assert.equal(messages.at(-1).error.name, "APIError");
});

test("an unknown agent is refused before anything is sent, an unknown model fails as an event", async () => {
  const session = await world.session(dir);
  const fields = { session_id: session.id, message_id: messageId(), text: "say:x", key: "k" };
  const refused = await gateway.command("session.message", { ...fields, agent: "nobody" });
  assert.deepEqual([refused.error.code, refused.error.field], ["invalid", "agent"]);
  assert.equal((await gateway.ask("session.messages", { session_id: session.id })).messages.length, 0);
  const sent = await gateway.ask("session.message", { ...fields, model: { provider_id: "no", model_id: "such" } });
  assert.equal(sent.already, false);
  const { error } = await gateway.event("session.error", (e) => e.session_id === session.id);
  assert.match(error.message, /Model not found/);
});

test("bad commands are answered with the field, and nothing breaks", async () => {
  const send = (frame) => gateway.command(frame.type, frame);
  const bad = await send({ type: "session.message", session_id: "ses_x", message_id: "nope", text: "t", key: "k" });
  assert.deepEqual([bad.error.code, bad.error.field], ["invalid", "message_id"]);
  const unknown = await send({ type: "session.explode" });
  assert.deepEqual([unknown.error.code, unknown.error.field], ["invalid", "type"]);
  gateway.send("{not json");
  gateway.send(JSON.stringify([1]));
  gateway.send({ type: "error", code: "bad_field", message: "a test", field: "x.y", seq: 1 });
  assert.deepEqual(await gateway.ask("reconcile"), {});
  const absent = await send({ type: "session.get", session_id: "ses_absent" });
  assert.equal(absent.error.code, "not_found");
});

test("the log names the bridge and never the token", async () => {
  const log = path.join(world.home, ".local/share/opencode/log/opencode.log");
  await until("the log", () => readFileSync(log, "utf8").includes("a test"));
  const text = readFileSync(log, "utf8");
  assert.match(text, /slack-bridge: connected to gateway 0\.0\.0-test/);
  assert.match(text, /slack-bridge: a frame from the gateway was refused: bad_frame/);
  assert.ok(!text.includes(gateway.token));
});
