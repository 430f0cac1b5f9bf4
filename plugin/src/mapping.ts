// OpenCode's objects (reference §2.2, §3.3) → the contract's. Pure. OpenCode's objects are taken as they
// come: an absent or odd key becomes the contract's default, never an exception, because a later OpenCode
// may say more or less than 1.18.33. Every string and list is cut to the contract's limit here.

import type {
  Message, ModelRef, NamedError, Permission, Question, QuestionItem, Session, Status, Todo, ToolRef,
} from "./protocol.ts";
import { isObject, type Json, type JsonObject } from "./schema.ts";
import { cutBytes, cutChars } from "./text.ts";

export const MAX_TEXT_CHARS = 200_000;
const MAX_METADATA_BYTES = 16_384;
const MAX_METADATA_DEPTH = 8;
const MAX_METADATA_ITEMS = 500;
const TOOL_INPUT_KEYS = ["command", "filePath", "pattern", "path", "url", "description"];
const ID = /^[A-Za-z0-9_-]{1,128}$/;

export function objectOf(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

export function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

export function stringOf(value: unknown, max = Infinity): string {
  return typeof value === "string" ? cutChars(value, max) : "";
}

export function isId(value: unknown): value is string {
  return typeof value === "string" && ID.test(value);
}

function nullableString(value: unknown, max: number): string | null {
  return typeof value === "string" && value !== "" ? cutChars(value, max) : null;
}

/** A non-negative integer; anything else is 0. */
function countOf(value: unknown): number {
  return typeof value === "number" && value > 0 && Number.isFinite(value) ? Math.round(value) : 0;
}

/** Accepts both of OpenCode's spellings: {providerID, modelID} in messages, {providerID, id} in sessions. */
export function toModel(value: unknown): ModelRef | null {
  const model = objectOf(value);
  const provider_id = stringOf(model["providerID"], 200);
  const model_id = stringOf(model["modelID"], 200) || stringOf(model["id"], 200);
  return provider_id && model_id ? { provider_id, model_id } : null;
}

/** The gateway's mark in a session's or a text part's metadata: {"gateway":{"key":"…"}}. */
export function gatewayKeyOf(metadata: unknown): string | null {
  return nullableString(objectOf(objectOf(metadata)["gateway"])["key"], 200);
}

export function toSession(info: unknown): Session {
  const session = objectOf(info);
  const time = objectOf(session["time"]);
  return {
    id: stringOf(session["id"]),
    title: stringOf(session["title"], 1000),
    directory: stringOf(session["directory"]),
    parent_id: isId(session["parentID"]) ? session["parentID"] : null,
    agent: nullableString(session["agent"], 200),
    model: toModel(session["model"]),
    gateway_key: gatewayKeyOf(session["metadata"]),
    created_ms: countOf(time["created"]),
    updated_ms: countOf(time["updated"]),
  };
}

/** OpenCode's {name, data:{message}}; some errors carry `message` at the top. */
export function toError(value: unknown): NamedError {
  const error = objectOf(value);
  const message = stringOf(objectOf(error["data"])["message"]) || stringOf(error["message"]);
  return { name: stringOf(error["name"], 200) || "UnknownError", message: cutChars(message, 4000) };
}

export function toStatus(value: unknown): Status {
  const status = objectOf(value);
  if (status["type"] === "busy") return { type: "busy" };
  if (status["type"] !== "retry") return { type: "idle" };
  return {
    type: "retry",
    attempt: countOf(status["attempt"]),
    message: stringOf(status["message"], 4000),
    next_ms: countOf(status["next"]),
  };
}

function toTool(value: unknown): ToolRef {
  const tool = objectOf(value);
  return isId(tool["messageID"]) ? { message_id: tool["messageID"], call_id: stringOf(tool["callID"], 500) } : null;
}

function stringList(value: unknown, maxItems: number, maxChars: number): string[] {
  return listOf(value).slice(0, maxItems).map((item) => stringOf(item, maxChars));
}

function cutMetadata(value: unknown, depth: number): Json {
  if (typeof value === "string") return cutBytes(value, MAX_METADATA_BYTES);
  if (typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value))) return value;
  if (depth >= MAX_METADATA_DEPTH) return null;
  if (Array.isArray(value)) return value.slice(0, MAX_METADATA_ITEMS).map((item) => cutMetadata(item, depth + 1));
  if (!isObject(value)) return null;
  const entries = Object.entries(value).slice(0, MAX_METADATA_ITEMS);
  return Object.fromEntries(entries.map(([key, item]) => [cutChars(key, 200), cutMetadata(item, depth + 1)]));
}

export function toPermission(value: unknown): Permission {
  const request = objectOf(value);
  return {
    id: stringOf(request["id"]),
    permission: stringOf(request["permission"], 200) || "unknown",
    patterns: stringList(request["patterns"], 200, 4096),
    metadata: cutMetadata(objectOf(request["metadata"]), 0) as JsonObject,
    always: stringList(request["always"], 200, 4096),
    tool: toTool(request["tool"]),
  };
}

function toQuestionItem(value: unknown): QuestionItem {
  const item = objectOf(value);
  return {
    question: stringOf(item["question"], 20_000),
    header: stringOf(item["header"], 1000),
    options: listOf(item["options"]).slice(0, 100).map(objectOf).map((option) => ({
      label: stringOf(option["label"], 1000),
      description: stringOf(option["description"], 4000),
    })),
    multiple: item["multiple"] === true,
    custom: item["custom"] !== false,
  };
}

export function toQuestion(value: unknown): Question {
  const request = objectOf(value);
  return {
    id: stringOf(request["id"]),
    questions: listOf(request["questions"]).slice(0, 50).map(toQuestionItem),
    tool: toTool(request["tool"]),
  };
}

export function toAnswers(value: unknown): string[][] {
  return listOf(value).slice(0, 50).map((answer) => stringList(answer, 100, 20_000));
}

export function toTodos(value: unknown): Todo[] {
  return listOf(value).slice(0, 50).map(objectOf).map((todo) => ({
    content: stringOf(todo["content"], 200),
    status: stringOf(todo["status"], 40),
    priority: stringOf(todo["priority"], 40),
  }));
}

/** What of a tool's input a person can read at a glance. */
export function toToolInput(value: unknown): Record<string, string> {
  const input = objectOf(value);
  const shown = TOOL_INPUT_KEYS.filter((key) => typeof input[key] === "string");
  return Object.fromEntries(shown.map((key) => [key, stringOf(input[key], 300)]));
}

export function toolTitle(state: JsonObject): string {
  return stringOf(state["title"], 300) || stringOf(objectOf(state["input"])["description"], 300);
}

/** A text part that a person sees: not synthetic (for the model only), not ignored (hidden). */
export function isVisibleText(part: JsonObject): boolean {
  return part["type"] === "text" && part["synthetic"] !== true && part["ignored"] !== true;
}

export function visibleText(parts: JsonObject[]): string {
  const texts = parts.filter(isVisibleText).map((part) => stringOf(part["text"])).filter((text) => text !== "");
  return cutChars(texts.join("\n\n"), MAX_TEXT_CHARS);
}

export function partsKey(parts: JsonObject[]): string | null {
  for (const part of parts) {
    const key = gatewayKeyOf(part["metadata"]);
    if (key !== null) return key;
  }
  return null;
}

type FileChange = Message["files"][number];

function toFile(value: unknown): FileChange {
  const diff = objectOf(value);
  return {
    file: stringOf(diff["file"], 4096),
    additions: countOf(diff["additions"]),
    deletions: countOf(diff["deletions"]),
  };
}

/** What one completed tool call changed: edit leaves a diff in its metadata, write only its input. */
function fileOfTool(part: JsonObject): FileChange | undefined {
  const state = objectOf(part["state"]);
  if (state["status"] !== "completed") return undefined;
  const diff = objectOf(state["metadata"])["filediff"];
  if (isObject(diff)) return toFile(diff);
  const { filePath, content } = objectOf(state["input"]);
  if (part["tool"] !== "write" || typeof filePath !== "string" || typeof content !== "string") return undefined;
  const lines = content === "" ? 0 : content.replace(/\n$/, "").split("\n").length;
  return { file: cutChars(filePath, 4096), additions: lines, deletions: 0 };
}

/** One entry per file, its changes added up. */
function filesOfTools(parts: JsonObject[]): FileChange[] {
  const files = new Map<string, FileChange>();
  for (const part of parts) {
    const change = part["type"] === "tool" ? fileOfTool(part) : undefined;
    if (!change) continue;
    const sum = files.get(change.file);
    if (sum) {
      sum.additions += change.additions;
      sum.deletions += change.deletions;
    } else files.set(change.file, change);
  }
  return [...files.values()].slice(0, 1000);
}

/** One entry of GET /session/:id/message: {info, parts}. */
export function toMessage(value: unknown): Message {
  const info = objectOf(objectOf(value)["info"]);
  const parts = listOf(objectOf(value)["parts"]).map(objectOf);
  const time = objectOf(info["time"]);
  const tokens = objectOf(info["tokens"]);
  const cache = objectOf(tokens["cache"]);
  const isUser = info["role"] === "user";
  const cost = info["cost"];
  return {
    id: stringOf(info["id"]),
    role: isUser ? "user" : "assistant",
    parent_id: isId(info["parentID"]) ? info["parentID"] : null,
    created_ms: countOf(time["created"]),
    completed_ms: typeof time["completed"] === "number" ? countOf(time["completed"]) : null,
    text: visibleText(parts),
    finish: nullableString(info["finish"], 100),
    error: isObject(info["error"]) ? toError(info["error"]) : null,
    agent: nullableString(info["agent"], 200),
    model: toModel(isUser ? info["model"] : info),
    cost: typeof cost === "number" && cost > 0 ? cost : 0,
    tokens: {
      input: countOf(tokens["input"]),
      output: countOf(tokens["output"]),
      reasoning: countOf(tokens["reasoning"]),
      cache_read: countOf(cache["read"]),
      cache_write: countOf(cache["write"]),
    },
    gateway_key: partsKey(parts),
    tools: parts.filter((part) => part["type"] === "tool").slice(0, 1000).map((part) => ({
      tool: stringOf(part["tool"], 200),
      status: stringOf(objectOf(part["state"])["status"], 40),
      title: toolTitle(objectOf(part["state"])),
    })),
    files: isUser
      ? listOf(objectOf(info["summary"])["diffs"]).slice(0, 1000).map(toFile)
      : filesOfTools(parts),
  };
}
