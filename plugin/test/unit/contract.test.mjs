// Every golden sample, through the plugin's own check and through ajv.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { checkFrame, incomingSchemas, readFrame, sharedDefs, MAX_FRAME_BYTES } from "../../build/protocol.js";
import { assertSchemaKnown, findFault } from "../../build/schema.js";
import { contractDir, defs, frameErrors, samples, schemas } from "../support/contract.mjs";

test("the plugin carries the contract's schemas as they are", () => {
  assert.deepEqual([...incomingSchemas.keys()].sort(), [...schemas["to-plugin"].keys()].sort());
  for (const [type, schema] of incomingSchemas) assert.deepEqual(schema, schemas["to-plugin"].get(type));
  assert.deepEqual(sharedDefs, defs.$defs);
});

test("no schema uses a keyword that the plugin's check does not know", () => {
  assertSchemaKnown(defs);
  for (const types of Object.values(schemas)) for (const schema of types.values()) assertSchemaKnown(schema);
  assert.throws(() => assertSchemaKnown({ properties: { a: { items: { uniqueItems: true } } } }), /uniqueItems/);
});

for (const direction of ["to-gateway", "to-plugin"]) {
  for (const { name, sample } of samples("valid", direction)) {
    test(`${direction}/${name} is accepted`, () => {
      assert.deepEqual(checkFrame(sample, schemas[direction]), { ok: true });
      assert.deepEqual(frameErrors(direction, sample), []);
      if (direction === "to-plugin") assert.deepEqual(readFrame(JSON.stringify(sample)), { ok: true, frame: sample });
    });
  }

  for (const { name, sample } of samples("invalid", direction)) {
    test(`${direction}/${name} is refused`, () => {
      const { frame, expect } = sample;
      const verdict = checkFrame(frame, schemas[direction]);
      assert.equal(verdict.ok, false);
      assert.equal(verdict.code, expect.code);
      assert.equal(verdict.field, expect.field);
      assert.notDeepEqual(frameErrors(direction, frame), []);
    });
  }

  test(`each ${direction} type has a valid sample, and each with required keys an invalid one`, () => {
    const valid = new Set(samples("valid", direction).map(({ sample }) => sample.type));
    const invalid = new Set(samples("invalid", direction).map(({ sample }) => sample.frame?.type));
    for (const type of schemas[direction].keys()) {
      assert.ok(valid.has(type), `no valid sample of ${type}`);
      assert.ok(invalid.has(type), `no invalid sample of ${type}`);
    }
  });
}

for (const { name, sample } of samples("valid", "to-gateway").filter((s) => s.name.startsWith("reply.") && s.sample.ok)) {
  test(`the result in ${name} follows its verb's schema`, () => {
    const verb = name.slice("reply.".length).replace(/-.*$/, "");
    assert.deepEqual(frameErrors("results", sample.result, verb), []);
    assert.equal(findFault(sample.result, schemas.results.get(verb), sharedDefs), undefined);
  });
}

test("what is no frame at all is refused with a code, never an exception", () => {
  assert.equal(readFrame("{").code, "bad_frame");
  assert.equal(readFrame("").code, "bad_frame");
  assert.equal(readFrame(`"${"x".repeat(MAX_FRAME_BYTES)}"`).code, "too_large");
  const nested = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
  assert.equal(readFrame(nested).code, "bad_frame");
});

test("a refused command keeps its request_id, so that it can be answered", () => {
  const refusal = readFrame(JSON.stringify({ type: "session.get", request_id: "r1", session_id: 7 }));
  assert.deepEqual(
    { code: refusal.code, field: refusal.field, request_id: refusal.request_id },
    { code: "bad_field", field: "session_id", request_id: "r1" },
  );
});

test("asyncapi.yaml names every schema of a frame, and no other", () => {
  const text = readFileSync(path.join(contractDir, "asyncapi.yaml"), "utf8");
  const named = [...text.matchAll(/\$ref: \.\/schemas\/(\S+)\.schema\.json/g)].map((match) => match[1]);
  const existing = ["to-gateway", "to-plugin"].flatMap((direction) => [...schemas[direction].keys()].map((type) => `${direction}/${type}`));
  assert.deepEqual(named.sort(), existing.sort());
});
