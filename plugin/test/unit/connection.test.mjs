// The connection against a real WebSocket server; `ws` stands in for Bun's client, which takes the same headers.

import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";
import WebSocket from "ws";
import { backoffDelay, bridgeUrl, Connection, probeHttp, TIMING } from "../../build/connection.js";
import { Gateway } from "../support/gateway.mjs";
import { until } from "../support/until.mjs";

const FAST = { min_backoff_ms: 5, max_backoff_ms: 60, greeting_ms: 400, silence_ms: 200 };
const running = [];
let gateway;

beforeEach(async () => {
  await stopAll();
  gateway = await new Gateway().start();
});
after(stopAll);

async function stopAll() {
  for (const each of running.splice(0)) each.stop();
  await gateway?.stop();
}

function connect({ url = gateway.url, token = gateway.token, timing = FAST } = {}) {
  const seen = { welcomes: [], frames: [], refused: [], log: [], dials: 0 };
  const connection = new Connection({
    url: bridgeUrl(url),
    token,
    timing,
    dial: (target, headers) => {
      seen.dials++;
      return new WebSocket(target.href, { headers });
    },
    probe: probeHttp,
    hello: () => ({ type: "hello", protocol: 1, bridge_id: "0b9d3c52-9f0e-4b8f-9f43-0a6a2f2f5f01", plugin_version: "0.1.0",
      opencode_version: null, pid: 1, directories: [], next_seq: 1, lost: 0 }),
    onWelcome: (welcome) => seen.welcomes.push(welcome),
    onFrame: (frame) => seen.frames.push(frame),
    onRefused: (refusal) => seen.refused.push(refusal),
    log: (level, message) => seen.log.push(`${level} ${message}`),
  });
  running.push(connection);
  connection.start();
  return { connection, seen };
}

test("backoff grows to the maximum, with full jitter, never below the minimum", () => {
  for (let attempt = 0; attempt < 2000; attempt++) {
    const low = backoffDelay(attempt, () => 0);
    const high = backoffDelay(attempt, () => 0.999999);
    assert.equal(low, 250);
    assert.equal(high, Math.min(15_000, 250 * 2 ** Math.min(attempt + 1, 10)), `attempt ${attempt}`);
  }
  assert.deepEqual([TIMING.min_backoff_ms, TIMING.max_backoff_ms, TIMING.silence_ms], [250, 15_000, 30_000]);
});

test("the bridge's URL follows from the gateway's", () => {
  assert.equal(bridgeUrl("http://127.0.0.1:8000").href, "ws://127.0.0.1:8000/api/opencode/bridge");
  assert.equal(bridgeUrl("https://user:pw@gw.example/base/?x=1").href, "wss://gw.example/base/api/opencode/bridge");
  assert.equal(bridgeUrl("ws://gw.example/").href, "ws://gw.example/api/opencode/bridge");
  assert.throws(() => bridgeUrl("ftp://gw.example"), /scheme/);
  assert.throws(() => bridgeUrl("nonsense"));
});

test("hello, welcome, ping and pong", async () => {
  const { connection, seen } = connect();
  assert.equal(connection.send("{}"), false);
  await until("open", () => connection.isOpen);
  assert.equal(seen.welcomes[0].ack, 0);
  gateway.send({ type: "ping", nonce: "abc" });
  assert.equal((await gateway.frame("pong")).nonce, "abc");
  gateway.send({ type: "ack", seq: 3 });
  await until("the ack", () => seen.frames.length === 1);
  assert.deepEqual(seen.frames, [{ type: "ack", seq: 3 }]);
  assert.deepEqual(gateway.errors, []);
});

test("a cut connection is dialled again, and again after a restart of the gateway", async () => {
  const { connection, seen } = connect();
  await until("open", () => connection.isOpen);
  for (let i = 0; i < 3; i++) {
    gateway.cut();
    await until("the loss", () => !connection.isOpen);
    await until("open again", () => connection.isOpen);
  }
  const { port } = gateway;
  await gateway.stop();
  await until("the loss", () => !connection.isOpen);
  const complaints = () => seen.log.filter((line) => line.includes("cannot reach")).length;
  await until("it is said", () => complaints() > 0);
  const before = seen.dials;
  await until("attempts", () => seen.dials >= before + 4);
  await gateway.start(port);
  await until("open again", () => connection.isOpen);
  assert.equal(complaints(), 1, "an outage is said once");
});

test("silence ends the connection, pings keep it", async () => {
  gateway.pingEvery_ms = 50;
  const { connection, seen } = connect();
  await until("many pings", () => gateway.frames.filter((frame) => frame.type === "pong").length >= 10);
  assert.equal(seen.dials, 1);
  gateway.pingEvery_ms = 0;
  gateway.cut();
  await until("open again", () => seen.welcomes.length === 2);
  await until("the silence is noticed", () => seen.log.some((line) => line.includes("silence")));
  await until("open again", () => connection.isOpen);
});

test("a gateway that never says welcome is left", async () => {
  const { connection, seen } = connect({ timing: { ...FAST, greeting_ms: 50 } });
  await until("open", () => connection.isOpen);
  gateway.deaf = true;
  gateway.cut();
  await until("left twice", () => seen.log.filter((line) => line.includes("no welcome in time")).length >= 2);
  gateway.deaf = false;
  await until("open", () => connection.isOpen);
});

test("a wrong token is said once and tried slowly", async () => {
  const timing = { ...FAST, max_backoff_ms: 400 };
  const { connection, seen } = connect({ token: "wrong", timing });
  await until("the second attempt", () => seen.dials >= 2);
  await until("the third attempt", () => seen.dials >= 3);
  const said = seen.log.filter((line) => line.includes("GATEWAY_BRIDGE_TOKEN"));
  assert.deepEqual(said, ["error the gateway refused the bridge token; set GATEWAY_BRIDGE_TOKEN"]);
  assert.ok(seen.log.every((line) => !line.includes("wrong")));
  assert.equal(connection.isOpen, false);
  gateway.token = "wrong";
  await until("open", () => connection.isOpen);
});

test("bad frames are refused and the connection goes on; another protocol ends it", async () => {
  const { connection, seen } = connect();
  await until("open", () => connection.isOpen);
  gateway.send("no json");
  gateway.send({ type: "session.get", request_id: "r1" });
  gateway.socket.send(Buffer.from([1, 2, 3]));
  gateway.send("x".repeat(1_048_577));
  await until("four refusals", () => seen.refused.length === 4);
  assert.deepEqual(seen.refused.map((refusal) => refusal.code), ["bad_frame", "bad_field", "bad_frame", "too_large"]);
  assert.equal(connection.isOpen, true);
  gateway.send({ type: "welcome", protocol: 2, gateway_version: "9", ack: 0 });
  await until("the loss", () => seen.log.some((line) => line.includes("another protocol")));
});

test("stop is for good", async () => {
  const { connection, seen } = connect();
  await until("open", () => connection.isOpen);
  connection.stop();
  await until("the close", () => gateway.connections === 0);
  assert.equal(connection.state, "stopped");
  assert.equal(seen.dials, 1);
});
