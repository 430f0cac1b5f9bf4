// The contract as a stock JSON Schema validator reads it.

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import path from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";

export const contractDir = fileURLToPath(new URL("../../../contract", import.meta.url));
const schemaDir = path.join(contractDir, "schemas");
const readJson = (file) => JSON.parse(readFileSync(file, "utf8"));

export const defs = readJson(path.join(schemaDir, "defs.schema.json"));
const ajv = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false, allowUnionTypes: true });
ajv.addSchema(defs);

/** Direction (to-gateway, to-plugin, results) → type → schema. */
export const schemas = Object.fromEntries(
  ["to-gateway", "to-plugin", "results"].map((direction) => [
    direction,
    new Map(
      readdirSync(path.join(schemaDir, direction)).map((file) => [
        file.replace(/\.schema\.json$/, ""),
        readJson(path.join(schemaDir, direction, file)),
      ]),
    ),
  ]),
);

const compiled = new Map();
for (const [direction, types] of Object.entries(schemas)) {
  for (const [type, schema] of types) compiled.set(`${direction}/${type}`, ajv.compile(schema));
}

/** What ajv has against a frame (or a command's result), as texts; empty when it is right. */
export function frameErrors(direction, frame, type = frame?.type) {
  const validate = compiled.get(`${direction}/${type}`);
  if (!validate) return [`${direction}: no schema for type ${type}`];
  return validate(frame) ? [] : validate.errors.map((e) => `${type}${e.instancePath} ${e.message}: ${JSON.stringify(frame).slice(0, 300)}`);
}

/** [{name, sample}] of contract/samples/<kind>/<direction>. */
export function samples(kind, direction) {
  const dir = path.join(contractDir, "samples", kind, direction);
  return readdirSync(dir).sort().map((file) => ({ name: file.replace(/\.json$/, ""), sample: readJson(path.join(dir, file)) }));
}
