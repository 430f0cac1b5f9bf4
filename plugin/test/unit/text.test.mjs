import assert from "node:assert/strict";
import { test } from "node:test";
import { cutBytes, cutChars, oneLine, tailChars } from "../../build/text.js";
import { toMessage, toModel, toPermission, toQuestion, toSession, toStatus } from "../../build/mapping.js";
import { fitMessages } from "../../build/commands.js";
import { LruMap, LruSet } from "../../build/lru.js";

test("cuts never leave half a character", () => {
  for (const text of ["a".repeat(50), "é".repeat(50), "€".repeat(50), "🙂".repeat(50), "a🙂é€".repeat(20)]) {
    for (let max = 4; max < 60; max++) {
      for (const cut of [cutChars(text, max), tailChars(text, max)]) {
        assert.ok(cut.length <= max);
        assert.ok(!/[\ud800-\udfff]/.test(cut.replace(/[\ud800-\udbff][\udc00-\udfff]/g, "")), JSON.stringify(cut));
      }
      const bytes = cutBytes(text, max);
      assert.ok(Buffer.byteLength(bytes) <= max);
      assert.ok(!bytes.includes("\ufffd"), JSON.stringify(bytes));
    }
  }
});

test("what fits is left alone, what does not ends in …", () => {
  assert.equal(cutChars("abc", 3), "abc");
  assert.equal(cutChars("abcd", 3), "ab…");
  assert.equal(cutBytes("ééé", 6), "ééé");
  assert.equal(cutBytes("éééé", 7), "éé…");
  assert.equal(tailChars("abcd", 2), "cd");
});

test("a name becomes one line", () => {
  assert.equal(oneLine("Ann\nin Slack:\u2028ignore\u0000 this", 100), "Ann in Slack: ignore this");
  assert.equal(oneLine("x".repeat(200), 10).length, 10);
});

test("OpenCode's objects may be anything and become contract objects", () => {
  for (const odd of [undefined, null, 7, "x", [], {}, { id: 1, title: [], time: "now", model: 3, metadata: [] }]) {
    assert.equal(toSession(odd).title, "");
    assert.equal(toSession(odd).gateway_key, null);
    assert.equal(toModel(odd), null);
    assert.deepEqual(toStatus(odd), { type: "idle" });
    assert.deepEqual(toPermission(odd).patterns, []);
    assert.deepEqual(toQuestion(odd).questions, []);
    assert.equal(toMessage(odd).text, "");
  }
});

test("metadata strings are cut to 16 kB, deep and wide ones bounded", () => {
  const { metadata } = toPermission({ metadata: { diff: "é".repeat(10_000), nested: { list: ["x".repeat(20_000)] }, fn: () => 1 } });
  assert.equal(Buffer.byteLength(metadata.diff), 16_383);
  assert.ok(metadata.diff.endsWith("…"));
  assert.equal(metadata.nested.list[0].length, 16_384 - 2);
  assert.equal(metadata.fn, null);
  let deep = {};
  for (let i = 0; i < 10_000; i++) deep = { deep };
  assert.ok(JSON.stringify(toPermission({ metadata: deep })).length < 300);
});

test("questions default to custom answers and single choice", () => {
  const { questions } = toQuestion({ id: "que_1", questions: [{ question: "Q?" }, { question: "R?", custom: false, multiple: true }] });
  assert.deepEqual(questions[0], { question: "Q?", header: "", options: [], multiple: false, custom: true });
  assert.deepEqual([questions[1].multiple, questions[1].custom], [true, false]);
});

test("a message's text is its visible parts, its files those of its own tools", () => {
  const message = toMessage({
    info: { id: "msg_1", role: "assistant", parentID: "msg_0", time: { created: 1, completed: 2 }, providerID: "p", modelID: "m", cost: 0.5,
      tokens: { input: 1, output: 2, reasoning: 3, cache: { read: 4, write: 5 } }, error: { name: "APIError", data: { message: "no" } } },
    parts: [
      { type: "text", text: "one" },
      { type: "text", text: "hidden", synthetic: true },
      { type: "text", text: "gone", ignored: true },
      { type: "text", text: "two" },
      { type: "tool", tool: "edit", state: { status: "completed", title: "a.js", metadata: { filediff: { file: "a.js", additions: 1, deletions: 2 } } } },
      { type: "tool", tool: "edit", state: { status: "completed", title: "a.js", metadata: { filediff: { file: "a.js", additions: 3, deletions: 0 } } } },
    ],
  });
  assert.equal(message.text, "one\n\ntwo");
  assert.deepEqual(message.files, [{ file: "a.js", additions: 4, deletions: 2 }]);
  assert.deepEqual(message.tokens, { input: 1, output: 2, reasoning: 3, cache_read: 4, cache_write: 5 });
  assert.deepEqual(message.error, { name: "APIError", message: "no" });
  assert.deepEqual(message.model, { provider_id: "p", model_id: "m" });
  assert.equal(message.completed_ms, 2);
});

test("messages are fitted into a frame: oldest tools first, then texts", () => {
  const message = (n) => ({ id: `msg_${n}`, text: "t".repeat(5000), tools: Array(50).fill({ tool: "bash", status: "completed", title: "x".repeat(100) }), files: [] });
  const messages = Array.from({ length: 40 }, (_, n) => message(n));
  const size = (list) => Buffer.byteLength(JSON.stringify(list));
  assert.deepEqual(fitMessages(messages, size(messages) + 100), messages);
  const some = fitMessages(messages, size(messages) - 20_000);
  assert.deepEqual([some[0].tools.length, some.at(-1).tools.length, some[0].text.length], [0, 50, 5000]);
  const tight = fitMessages(messages, 100_000);
  assert.ok(size(tight) <= 100_000 + 2);
  assert.equal(tight.length, 40);
  assert.ok(tight.every((m) => m.tools.length === 0));
  assert.ok(tight[0].text.endsWith("…"));
});

test("bounded memory forgets what was used longest ago", () => {
  const map = new LruMap(2);
  map.set("a", 1);
  map.set("b", 2);
  map.get("a");
  map.set("c", 3);
  assert.deepEqual([map.has("a"), map.has("b"), map.has("c"), map.size], [true, false, true, 2]);
  const set = new LruSet(2);
  assert.deepEqual([set.add("x"), set.add("x"), set.add("y"), set.add("z"), set.has("x")], [true, false, true, true, false]);
});
