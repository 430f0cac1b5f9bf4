// What happens when parts of the whole go away, with the real OpenCode.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { readFileSync } from "node:fs";
import path from "node:path";
import { messageId, PLUGIN, World } from "../support/world.mjs";
import { Gateway } from "../support/gateway.mjs";
import { until } from "../support/until.mjs";

let world, gateway, dir;

before(async () => {
  world = await World.start();
  gateway = world.gateway;
  dir = await world.directory("project");
  await gateway.event("reconcile");
});
after(() => world?.stop());
afterEach(() => assert.deepEqual(gateway.errors.splice(0), [], "frames follow the contract, without a gap"));

const idle = (session) => gateway.event("session.idle", (event) => event.session_id === session.id);
const asked = (type, session) => gateway.event(type, (event) => event.root_id === session.id);
const seqs = (bridge_id) => gateway.events.filter((e) => e.bridge_id === bridge_id).map((e) => e.seq).sort((a, b) => a - b);
const isGapless = (list) => list.every((seq, i) => seq === list[0] + i);
const log = () => readFileSync(path.join(world.home, ".local/share/opencode/log/opencode.log"), "utf8");

test("two directories, each woken twice, are one socket", async () => {
  const other = await world.directory("other");
  await world.directory("project");
  await world.directory("other/inner");
  await gateway.frame("directory.added", (f) => f.directory === other);
  await gateway.frame("directory.added", (f) => f.directory === path.join(other, "inner"));
  const [here, there] = [await world.session(dir), await world.session(other)];
  await Promise.all([here.say("bash:pwd;;say:here"), there.say("bash:pwd;;say:there")]);
  for (const session of [here, there]) {
    const { directory, permission } = await asked("permission.asked", session);
    assert.equal(directory, session.directory);
    await gateway.ask("permission.reply", { directory, permission_id: permission.id, reply: "once" });
    await idle(session);
  }
  assert.equal(gateway.upgrades, 1);
  const { sessions } = await gateway.ask("session.list", {});
  assert.ok([here, there].every((session) => sessions.some((s) => s.id === session.id)));
});

test("a cut connection: unacknowledged events come again, in order and unchanged", async () => {
  gateway.ackEvents = false;
  const session = await world.session(dir);
  await session.say("say:one");
  await idle(session);
  const before = gateway.frames.length;
  const sent = gateway.events.filter((e) => e.session_id === session.id).map((e) => e.seq);
  const held = Math.min(...sent);
  gateway.cut();
  await until("the replay", () => gateway.frames.slice(before).filter((f) => sent.includes(f.seq)).length === sent.length);
  const replayed = gateway.frames.slice(before).filter((f) => f.seq !== undefined);
  assert.ok(isGapless(replayed.map((f) => f.seq)));
  for (const frame of replayed.filter((f) => sent.includes(f.seq))) {
    const { bridge_id, ...first } = gateway.events.find((e) => e.seq === frame.seq && e.bridge_id === gateway.bridgeId);
    assert.deepEqual(frame, first);
    assert.equal(bridge_id, gateway.bridgeId);
  }
  assert.ok(gateway.hellos.at(-1).next_seq <= held);
  await until("the reconcile after the replay", () => gateway.frames.slice(before).some((f) => f.type === "reconcile" && f.seq > Math.max(...sent)));
  gateway.ackEvents = true;
  gateway.ack(gateway.lastSeq(gateway.bridgeId));
  gateway.cut();
  await until("hello", () => gateway.hellos.at(-1).next_seq > Math.max(...sent));
});

test("a gateway that restarts misses nothing of what ran meanwhile", async () => {
  const session = await world.session(dir);
  await session.say("gate:away;;bash:echo hi;;say:end");
  await world.model.waitGate("away");
  const { port } = gateway;
  await gateway.stop();
  await world.model.release("away");
  await until("OpenCode asks", async () => (await world.opencode.api("GET", "/permission", undefined, { directory: dir })).length === 1);
  const known = gateway.lastSeq(gateway.bridgeId);
  await gateway.start(port);
  const { seq, permission } = await asked("permission.asked", session);
  assert.ok(seq > known);
  const reconcile = await gateway.event("reconcile", (e) => e.seq > seq && e.directories.some((d) => d.permissions.length > 0));
  const entry = reconcile.directories.find((d) => d.directory === dir);
  assert.deepEqual(entry.permissions, [{ session_id: session.id, root_id: session.id, permission }]);
  assert.deepEqual(entry.sessions, [{ session_id: session.id, root_id: session.id, status: { type: "busy" } }]);
  await gateway.ask("permission.reply", { directory: dir, permission_id: permission.id, reply: "once" });
  await idle(session);
  assert.ok(isGapless(seqs(gateway.bridgeId)));
});

test("a message whose reply was lost is found and not sent again", async () => {
  const session = await world.session(dir);
  const message_id = messageId();
  const command = { type: "session.message", request_id: "lost-1", session_id: session.id, message_id, text: "say:once", key: "k" };
  gateway.send(command);
  await gateway.event("message.received", (e) => e.message.id === message_id);
  gateway.cut();
  await until("the loss", () => gateway.connections === 0);
  const reply = await gateway.command("session.message", command, { request_id: "lost-1" });
  assert.deepEqual(reply.result, { message_id, already: true });
  await idle(session);
  assert.deepEqual((await gateway.ask("session.messages", { session_id: session.id })).messages.map((m) => m.role), ["user", "assistant"]);
});

test("a reloaded directory: removed, settled, told as empty, added again, on the same socket", async () => {
  const place = await world.directory("reloaded");
  const session = await world.session(place);
  await session.say("bash:sleep 60;;say:x");
  const { permission } = await asked("permission.asked", session);
  const { upgrades } = gateway;
  const feed = await world.opencode.events();
  await world.opencode.api("POST", "/instance/dispose", undefined, { directory: place });
  await gateway.frame("directory.removed", (f) => f.directory === place);
  await gateway.event("permission.replied", (e) => e.permission_id === permission.id && e.reply === "reject");
  const stopped = await idle(session);
  const told = await gateway.event("reconcile", (e) => e.seq > stopped.seq && e.directories.some((d) => d.directory === place));
  assert.deepEqual(told.directories.find((d) => d.directory === place), { directory: place, sessions: [], permissions: [], questions: [] });
  const added = () => gateway.frames.filter((f) => f.type === "directory.added" && f.directory === place).length;
  assert.equal(added(), 1, "telling so did not load it again");
  // OpenCode answers before it has finished; a run begun meanwhile would hear the old one's last "idle".
  await feed.wait("server.instance.disposed", (_, { directory }) => directory === place);
  await feed.close();
  // The next command for a session there does.
  const id = await session.say("say:back");
  await until("loaded again", () => added() === 2);
  await until("the answer", async () =>
    (await gateway.ask("session.messages", { session_id: session.id, after: id })).messages.some((m) => m.text === "back"));
  await until("idle again", () => gateway.of("session.idle", session.id).length === 2);
  assert.equal(gateway.of("session.active", session.id).length, 2);
  assert.equal(gateway.upgrades, upgrades);
});

test("with every directory disposed the gateway's next command still works", async () => {
  const session = await world.session(dir);
  await world.opencode.api("POST", "/global/dispose");
  await gateway.frame("directory.removed", (f) => f.directory === dir);
  await session.say("say:awake");
  await idle(session);
  assert.equal((await gateway.ask("session.messages", { session_id: session.id })).messages.at(-1).text, "awake");
});

test("OpenCode killed and started again: a new bridge, and what ran is told as idle", async () => {
  const session = await world.session(dir);
  await session.say("question:1;;say:x");
  const { question } = await asked("question.asked", session);
  const first = gateway.bridgeId;
  await world.opencode.kill9();
  await until("the loss", () => gateway.connections === 0);
  await world.startOpenCode();
  await world.directory("project");
  await until("a new bridge", () => gateway.hellos.at(-1).bridge_id !== first);
  assert.deepEqual([gateway.hellos.at(-1).next_seq, gateway.hellos.at(-1).lost], [1, 0]);
  const reconcile = await gateway.event("reconcile", (e) => e.bridge_id !== first && e.directories.some((d) => d.directory === dir));
  assert.equal(reconcile.seq, 1);
  assert.deepEqual(reconcile.directories, [{ directory: dir, sessions: [], permissions: [], questions: [] }]);
  const late = await gateway.command("question.reply", { directory: dir, question_id: question.id, answers: [["Yes"]] });
  assert.equal(late.error.code, "not_found");
  await session.say("say:alive again");
  await gateway.event("session.idle", (e) => e.session_id === session.id && e.bridge_id !== first);
  assert.equal((await gateway.ask("session.messages", { session_id: session.id })).messages.at(-1).text, "alive again");
  assert.ok(isGapless(seqs(gateway.bridgeId)) && seqs(gateway.bridgeId)[0] === 1);
});

test("a wrong token is said once, and OpenCode works on", async () => {
  await world.opencode.stop();
  const strict = await new Gateway({ token: "another" }).start();
  try {
    await world.startOpenCode({ gatewayUrl: strict.url, bridgeToken: "wrong-token-value" });
    await world.directory("project");
    await until("the message in the log", () => log().includes("the gateway refused the bridge token; set GATEWAY_BRIDGE_TOKEN"));
    const made = await world.opencode.session(dir);
    await world.opencode.prompt(made.id, "say:works");
    const messages = await world.opencode.idle(made.id, { directory: dir });
    assert.equal(messages.at(-1).parts.find((p) => p.type === "text").text, "works");
    assert.equal(strict.connections, 0);
    assert.ok(!log().includes("wrong-token-value"));
  } finally {
    await strict.stop();
  }
});

test("options override the environment, and a password on OpenCode's server is no obstacle", async () => {
  await world.opencode.stop();
  const { hellos } = gateway;
  const count = hellos.length;
  await world.startOpenCode({
    gatewayUrl: "http://127.0.0.1:9", bridgeToken: "unused", password: "pw",
    pluginPath: undefined, config: { plugin: [[PLUGIN, { gatewayUrl: gateway.url, token: gateway.token }]] },
  });
  await world.directory("project");
  await until("hello", () => hellos.length > count);
  const session = await world.session(dir);
  await session.say("say:with password");
  await gateway.event("session.idle", (e) => e.session_id === session.id);
});

test("without GATEWAY_URL, or with a senseless one, the plugin says so in one line and does nothing", async () => {
  const { upgrades } = gateway;
  const cases = [[undefined, "GATEWAY_URL is not set: the Slack bridge is off"], ["ftp://x", "the Slack bridge is off: GATEWAY_URL has the scheme ftp:"]];
  for (const [gatewayUrl, line] of cases) {
    await world.opencode.stop();
    await world.startOpenCode({ gatewayUrl });
    await world.directory("project");
    await until(line, () => log().includes(line));
    const made = await world.opencode.session(dir);
    await world.opencode.prompt(made.id, "say:works");
    await world.opencode.idle(made.id, { directory: dir });
    assert.equal(log().split(line).length - 1, 1);
  }
  assert.equal(gateway.upgrades, upgrades);
});
