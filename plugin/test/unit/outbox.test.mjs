import assert from "node:assert/strict";
import { test } from "node:test";
import { Outbox } from "../../build/outbox.js";
import { encodeFrame } from "../../build/frame.js";

const idle = (n) => ({ type: "session.idle", directory: "/d", session_id: `ses_${n}`, root_id: `ses_${n}` });

/** Sends all that is unsent; returns the seqs. */
function drain(outbox) {
  const seqs = [];
  for (let text = outbox.takeUnsent(); text !== undefined; text = outbox.takeUnsent()) seqs.push(JSON.parse(text).seq);
  return seqs;
}

function filled(count, limits) {
  const outbox = new Outbox(limits);
  for (let i = 1; i <= count; i++) outbox.append(idle(i), 1000 + i);
  return outbox;
}

test("events are numbered from 1 without a gap and sent once, in order", () => {
  const outbox = filled(3);
  assert.deepEqual(JSON.parse(outbox.takeUnsent()), { ...idle(1), seq: 1, at_ms: 1001 });
  assert.deepEqual(drain(outbox), [2, 3]);
  assert.deepEqual(drain(outbox), []);
  assert.equal(outbox.append(idle(4), 0), 4);
  assert.deepEqual(drain(outbox), [4]);
  assert.equal(outbox.size, 4);
});

test("what is acknowledged is forgotten, the rest comes again after a rewind", () => {
  const outbox = filled(5);
  drain(outbox);
  outbox.acknowledge(3);
  assert.equal(outbox.size, 2);
  assert.equal(outbox.nextSeq, 4);
  assert.deepEqual(drain(outbox), []);
  outbox.rewind();
  assert.deepEqual(drain(outbox), [4, 5]);
});

test("an acknowledgement before the sending, twice, or beyond what exists does no harm", () => {
  const outbox = filled(5);
  outbox.acknowledge(2);
  assert.deepEqual(drain(outbox), [3, 4, 5]);
  outbox.acknowledge(2);
  outbox.acknowledge(100);
  assert.equal(outbox.size, 0);
  assert.equal(outbox.bytes, 0);
  assert.equal(outbox.nextSeq, 6);
  assert.equal(outbox.append(idle(6), 0), 6);
  assert.deepEqual(drain(outbox), [6]);
});

test("a rewind in the middle of the sending starts with the oldest that is held", () => {
  const outbox = filled(4);
  outbox.takeUnsent();
  outbox.rewind();
  assert.deepEqual(drain(outbox), [1, 2, 3, 4]);
});

test("beyond the number of events the oldest are dropped and counted", () => {
  const outbox = filled(7, { maxEvents: 4, maxBytes: 1 << 20 });
  assert.deepEqual([outbox.size, outbox.lost, outbox.nextSeq], [4, 3, 4]);
  assert.deepEqual(drain(outbox), [4, 5, 6, 7]);
});

test("beyond the bytes too, but the newest event stays", () => {
  const bytes = filled(1).bytes;
  const outbox = filled(6, { maxEvents: 100, maxBytes: bytes * 3 });
  assert.deepEqual([outbox.size, outbox.lost], [3, 3]);
  assert.ok(outbox.bytes <= bytes * 3);
  const tiny = filled(2, { maxEvents: 100, maxBytes: 1 });
  assert.deepEqual([tiny.size, tiny.lost, tiny.nextSeq], [1, 1, 2]);
});

test("events dropped while the sending is behind are skipped, none is sent twice", () => {
  const outbox = filled(4, { maxEvents: 4, maxBytes: 1 << 20 });
  assert.equal(JSON.parse(outbox.takeUnsent()).seq, 1);
  for (let i = 5; i <= 7; i++) outbox.append(idle(i), 0);
  assert.deepEqual(drain(outbox), [4, 5, 6, 7]);
});

test("it stays right over many rounds", () => {
  const outbox = new Outbox({ maxEvents: 5000 });
  let next = 1;
  for (let round = 0; round < 200; round++) {
    for (let i = 0; i < 37; i++) outbox.append(idle(next), 0);
    const seqs = drain(outbox);
    assert.equal(seqs[0], next);
    assert.equal(seqs.at(-1), next + 36);
    next += 37;
    outbox.acknowledge(next - 10);
    assert.equal(outbox.size, 9);
  }
  assert.equal(outbox.lost, 0);
});

test("no more is sent ahead of the acknowledgements than the window allows, in events or bytes", () => {
  const outbox = filled(10, { windowEvents: 4 });
  assert.deepEqual(drain(outbox), [1, 2, 3, 4]);
  assert.equal(outbox.isWindowFull, true);
  outbox.acknowledge(3);
  assert.equal(outbox.isWindowFull, false);
  assert.deepEqual(drain(outbox), [5, 6, 7]);
  outbox.rewind();
  assert.deepEqual(drain(outbox), [4, 5, 6, 7]);
  outbox.acknowledge(100);
  assert.equal(outbox.isWindowFull, false);
  const bytes = filled(1).bytes;
  const narrow = filled(10, { windowBytes: bytes + 1 });
  assert.deepEqual(drain(narrow), [1, 2]);
  narrow.acknowledge(1);
  assert.deepEqual(drain(narrow), [3]);
  const dropping = filled(4, { maxEvents: 4, windowEvents: 2 });
  assert.deepEqual(drain(dropping), [1, 2]);
  for (let i = 5; i <= 8; i++) dropping.append(idle(i), 0);
  assert.deepEqual(drain(dropping), [5, 6]);
});

test("a frame above 1 MiB is cut at its longest strings", () => {
  const permission = (text) => ({ id: "per_1", permission: "edit", patterns: ["kept"], metadata: Object.fromEntries(
    Array.from({ length: 100 }, (_, i) => [`k${i}`, text])), always: [], tool: null });
  const frame = { type: "permission.asked", permission: permission("é".repeat(16_000)) };
  const text = encodeFrame(frame);
  assert.ok(Buffer.byteLength(text) <= 1_048_576);
  const cut = JSON.parse(text);
  assert.deepEqual(cut.permission.patterns, ["kept"]);
  assert.ok(cut.permission.metadata.k0.endsWith("…"));
  assert.ok(cut.permission.metadata.k0.length >= 4096);
  assert.throws(() => encodeFrame({ list: Array.from({ length: 400_000 }, () => "abc") }), /cannot be cut/);
});

test("what other languages cannot hold in a string is replaced", () => {
  const text = "a\0b \ud83d\ude42 \ud83d c \\u0000 \ude42";
  assert.deepEqual(JSON.parse(encodeFrame({ text })), { text: "a\ufffdb \ud83d\ude42 \ufffd c \\u0000 \ufffd" });
});

test("an event that cannot be sent uses up no seq", () => {
  const outbox = filled(1);
  const big = { ...idle(2), list: Array.from({ length: 400_000 }, () => "abc") };
  assert.throws(() => outbox.append(big, 0), /cannot be cut/);
  assert.equal(outbox.append(idle(3), 0), 2);
});
