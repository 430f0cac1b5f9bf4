// A small JSON Schema check for the frames that come from the gateway.
//
// The schemas in contract/ are the one description of the protocol; they are compiled into the plugin and
// read here, so that there is no second, hand-written list of fields to drift away from them. A stock
// validator would be the plugin's only dependency and reports errors in a form of its own; the contract
// wants the path of the first offending field. Only the keywords that the contract uses are known, and an
// unknown one is an error at start, not a check silently left out.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };
export type Schema = { readonly [keyword: string]: unknown };

/** Where and why a value is not what its schema says; `field` is "" for the value itself. */
export type Fault = { field: string; message: string };

const ANNOTATIONS = new Set(["$schema", "$id", "title", "description", "$defs"]);
const KEYWORDS = new Set([
  "$ref", "type", "const", "enum", "required", "properties", "items", "minItems", "maxItems",
  "minLength", "maxLength", "pattern", "minimum", "maximum", "if", "then", "else",
]);

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Throws when a schema uses a keyword that `findFault` would not check. */
export function assertSchemaKnown(schema: Schema): void {
  for (const [key, value] of Object.entries(schema)) {
    if (key === "$defs" || key === "properties") {
      for (const inner of Object.values(value as Record<string, Schema>)) assertSchemaKnown(inner);
    } else if (key === "items" || key === "if" || key === "then" || key === "else") {
      assertSchemaKnown(value as Schema);
    } else if (!ANNOTATIONS.has(key) && !KEYWORDS.has(key)) {
      throw new Error(`schema keyword "${key}" is not supported`);
    }
  }
}

function typeMatches(value: unknown, type: string): boolean {
  switch (type) {
    case "null":
      return value === null;
    case "object":
      return isObject(value);
    case "array":
      return Array.isArray(value);
    case "integer":
      return Number.isSafeInteger(value);
    case "number":
      return typeof value === "number" && Number.isFinite(value);
    default:
      return typeof value === type;
  }
}

function countCharacters(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

function checkString(text: string, schema: Schema): string | undefined {
  const min = schema["minLength"] as number | undefined;
  const max = schema["maxLength"] as number | undefined;
  const pattern = schema["pattern"] as string | undefined;
  if (min !== undefined && text.length < min) return text === "" ? "is empty" : `is shorter than ${min} characters`;
  // UTF-16 length is never below the number of characters, so counting is for the rare long text only.
  if (max !== undefined && text.length > max && countCharacters(text) > max) return `is longer than ${max} characters`;
  if (pattern !== undefined && !new RegExp(pattern, "u").test(text)) return `does not match ${pattern}`;
  return undefined;
}

function checkNumber(value: number, schema: Schema): string | undefined {
  const min = schema["minimum"] as number | undefined;
  const max = schema["maximum"] as number | undefined;
  if (min !== undefined && value < min) return `is below ${min}`;
  if (max !== undefined && value > max) return `is above ${max}`;
  return undefined;
}

function checkScalar(value: unknown, schema: Schema): string | undefined {
  if ("type" in schema) {
    const types = Array.isArray(schema["type"]) ? (schema["type"] as string[]) : [schema["type"] as string];
    if (!types.some((type) => typeMatches(value, type))) return `is not ${types.join(" or ")}`;
  }
  if ("const" in schema && value !== schema["const"]) return `is not ${JSON.stringify(schema["const"])}`;
  if ("enum" in schema && !(schema["enum"] as unknown[]).includes(value)) {
    return `is none of ${(schema["enum"] as unknown[]).join(", ")}`;
  }
  if (typeof value === "string") return checkString(value, schema);
  if (typeof value === "number") return checkNumber(value, schema);
  return undefined;
}

function checkObject(value: JsonObject, schema: Schema, defs: Record<string, Schema>, path: string): Fault | undefined {
  const prefix = path === "" ? "" : `${path}.`;
  for (const key of (schema["required"] as string[] | undefined) ?? []) {
    if (!Object.hasOwn(value, key)) return { field: prefix + key, message: "is missing" };
  }
  for (const [key, inner] of Object.entries((schema["properties"] as Record<string, Schema> | undefined) ?? {})) {
    if (!Object.hasOwn(value, key)) continue;
    const fault = findFault(value[key], inner, defs, prefix + key);
    if (fault) return fault;
  }
  if (isObject(schema["if"])) {
    const branch = findFault(value, schema["if"], defs, path) ? schema["else"] : schema["then"];
    if (isObject(branch)) return findFault(value, branch, defs, path);
  }
  return undefined;
}

function checkArray(value: unknown[], schema: Schema, defs: Record<string, Schema>, path: string): Fault | undefined {
  const min = schema["minItems"] as number | undefined;
  const max = schema["maxItems"] as number | undefined;
  if (min !== undefined && value.length < min) return { field: path, message: `has fewer than ${min} elements` };
  if (max !== undefined && value.length > max) return { field: path, message: `has more than ${max} elements` };
  if (!isObject(schema["items"])) return undefined;
  for (const [i, item] of value.entries()) {
    const fault = findFault(item, schema["items"], defs, `${path}[${i}]`);
    if (fault) return fault;
  }
  return undefined;
}

/**
 * The first thing wrong with `value`, or undefined. Order: the value itself, then absent keys, then keys in
 * the schema's order. Unknown keys are allowed. `defs` are the shared definitions that every `$ref` names.
 */
export function findFault(value: unknown, schema: Schema, defs: Record<string, Schema>, path = ""): Fault | undefined {
  if (typeof schema["$ref"] === "string") {
    const target = defs[schema["$ref"].slice(schema["$ref"].lastIndexOf("/") + 1)];
    if (!target) throw new Error(`schema reference ${schema["$ref"]} leads nowhere`);
    return findFault(value, target, defs, path);
  }
  const message = checkScalar(value, schema);
  if (message) return { field: path, message };
  if (Array.isArray(value)) return checkArray(value, schema, defs, path);
  if (isObject(value)) return checkObject(value, schema, defs, path);
  return undefined;
}
