// The bridge protocol, version 1: the types of all frames, and the check of those that come in.
// contract/asyncapi.yaml describes the conversation; contract/schemas are compiled in and decide.

import defs from "../../contract/schemas/defs.schema.json";
import welcome from "../../contract/schemas/to-plugin/welcome.schema.json";
import error from "../../contract/schemas/to-plugin/error.schema.json";
import ping from "../../contract/schemas/to-plugin/ping.schema.json";
import ack from "../../contract/schemas/to-plugin/ack.schema.json";
import sessionCreate from "../../contract/schemas/to-plugin/session.create.schema.json";
import sessionMessage from "../../contract/schemas/to-plugin/session.message.schema.json";
import sessionAbort from "../../contract/schemas/to-plugin/session.abort.schema.json";
import sessionGet from "../../contract/schemas/to-plugin/session.get.schema.json";
import sessionList from "../../contract/schemas/to-plugin/session.list.schema.json";
import sessionMessages from "../../contract/schemas/to-plugin/session.messages.schema.json";
import permissionReply from "../../contract/schemas/to-plugin/permission.reply.schema.json";
import questionReply from "../../contract/schemas/to-plugin/question.reply.schema.json";
import questionReject from "../../contract/schemas/to-plugin/question.reject.schema.json";
import reconcile from "../../contract/schemas/to-plugin/reconcile.schema.json";
import agentsList from "../../contract/schemas/to-plugin/agents.list.schema.json";
import providersList from "../../contract/schemas/to-plugin/providers.list.schema.json";
import { findFault, isObject, type JsonObject, type Schema } from "./schema.ts";

export const PROTOCOL = 1;
export const MAX_FRAME_BYTES = 1_048_576;

export type ModelRef = { provider_id: string; model_id: string };
export type NamedError = { name: string; message: string };
export type ToolRef = { message_id: string; call_id: string } | null;
export type PermissionReplyKind = "once" | "always" | "reject";

export type Session = {
  id: string;
  title: string;
  directory: string;
  parent_id: string | null;
  agent: string | null;
  model: ModelRef | null;
  gateway_key: string | null;
  created_ms: number;
  updated_ms: number;
};

export type Status =
  | { type: "idle" }
  | { type: "busy" }
  | { type: "retry"; attempt: number; message: string; next_ms: number };

export type Permission = {
  id: string;
  permission: string;
  patterns: string[];
  metadata: JsonObject;
  always: string[];
  tool: ToolRef;
};

export type QuestionItem = {
  question: string;
  header: string;
  options: { label: string; description: string }[];
  multiple: boolean;
  custom: boolean;
};

export type Question = { id: string; questions: QuestionItem[]; tool: ToolRef };

export type Todo = { content: string; status: string; priority: string };

export type Message = {
  id: string;
  role: "user" | "assistant";
  parent_id: string | null;
  created_ms: number;
  completed_ms: number | null;
  text: string;
  finish: string | null;
  error: NamedError | null;
  agent: string | null;
  model: ModelRef | null;
  cost: number;
  tokens: { input: number; output: number; reasoning: number; cache_read: number; cache_write: number };
  gateway_key: string | null;
  tools: { tool: string; status: string; title: string }[];
  files: { file: string; additions: number; deletions: number }[];
};

/** Where an event of a session belongs; root_id is its top-most parent. */
export type Place = { directory: string; session_id: string; root_id: string };

export type ReconcileDirectory = {
  directory: string;
  sessions: { session_id: string; root_id: string; status: Status }[];
  permissions: { session_id: string; root_id: string; permission: Permission }[];
  questions: { session_id: string; root_id: string; question: Question }[];
};

/** What a durable event says beside its place, seq and time. */
export type DurableBody =
  | { type: "session.created" | "session.updated"; session: Session }
  | { type: "session.deleted" | "session.active" | "session.idle" }
  | { type: "session.retry"; attempt: number; message: string; next_ms: number }
  | { type: "session.error"; error: NamedError }
  | {
      type: "message.received";
      message: {
        id: string;
        role: "user";
        text: string;
        agent: string;
        model: ModelRef | null;
        gateway_key: string | null;
      };
    }
  | { type: "permission.asked"; permission: Permission }
  | { type: "permission.replied"; permission_id: string; reply: PermissionReplyKind }
  | { type: "question.asked"; question: Question }
  | { type: "question.replied"; question_id: string; answers: string[][] }
  | { type: "question.rejected"; question_id: string };

export type DurableEvent = (Place & DurableBody) | { type: "reconcile"; directory: string; directories: ReconcileDirectory[] };

export type VolatileBody =
  | {
      type: "message.part.streamed";
      message_id: string;
      part_id: string;
      kind: "text" | "reasoning";
      content: string;
      length: number;
    }
  | {
      type: "tool.executed";
      message_id: string;
      call_id: string;
      tool: string;
      status: "pending" | "running" | "completed" | "error";
      title: string;
      input: Record<string, string>;
    }
  | { type: "todo.updated"; todos: Todo[] }
  | { type: "agent.milestone"; text: string };

export type Hello = {
  type: "hello";
  protocol: 1;
  bridge_id: string;
  plugin_version: string;
  opencode_version: string | null;
  pid: number;
  directories: string[];
  next_seq: number;
  lost: number;
};

export type ErrorCode = "not_found" | "invalid" | "unavailable" | "timeout" | "opencode_error";
export type CommandError = { code: ErrorCode; message: string; field?: string };
export type Reply = { type: "reply"; request_id: string } & (
  | { ok: true; result: object }
  | { ok: false; error: CommandError }
);

export type Welcome = { type: "welcome"; protocol: 1; gateway_version: string; ack: number };
export type FrameError = { type: "error"; code: string; message: string; field?: string; seq?: number };

export type Command = { request_id: string } & (
  | { type: "session.create"; directory: string; title: string; key: string; agent?: string; model?: ModelRef }
  | {
      type: "session.message";
      directory?: string;
      session_id: string;
      message_id: string;
      text: string;
      key: string;
      author?: { name: string; source: "slack" };
      instruction?: string;
      command?: string;
      agent?: string;
      model?: ModelRef;
      files?: { url: string; mime: string; filename: string }[];
    }
  | { type: "session.abort" | "session.get"; session_id: string }
  | { type: "session.list"; directory?: string }
  | { type: "session.messages"; session_id: string; after?: string; limit?: number }
  | { type: "permission.reply"; directory: string; permission_id: string; reply: PermissionReplyKind; message?: string }
  | { type: "question.reply"; directory: string; question_id: string; answers: string[][] }
  | { type: "question.reject"; directory: string; question_id: string }
  | { type: "reconcile" }
  | { type: "agents.list" | "providers.list"; directory: string }
);
export type CommandOf<T extends Command["type"]> = Extract<Command, { type: T }>;

export type Incoming = Welcome | FrameError | { type: "ping"; nonce: string } | { type: "ack"; seq: number } | Command;

export type Refusal = {
  ok: false;
  code: "bad_frame" | "bad_field" | "protocol" | "too_large";
  message: string;
  field?: string;
  request_id?: string;
};

export const incomingSchemas: ReadonlyMap<string, Schema> = new Map<string, Schema>(
  Object.entries({
    "welcome": welcome,
    "error": error,
    "ping": ping,
    "ack": ack,
    "session.create": sessionCreate,
    "session.message": sessionMessage,
    "session.abort": sessionAbort,
    "session.get": sessionGet,
    "session.list": sessionList,
    "session.messages": sessionMessages,
    "permission.reply": permissionReply,
    "question.reply": questionReply,
    "question.reject": questionReject,
    "reconcile": reconcile,
    "agents.list": agentsList,
    "providers.list": providersList,
  }),
);

export const sharedDefs = defs.$defs as unknown as Record<string, Schema>;

/**
 * Checks one parsed frame against the schemas of one direction, by the rules of contract/README.md
 * ("Reading a frame"). Unknown keys are accepted.
 */
export function checkFrame(frame: unknown, schemas: ReadonlyMap<string, Schema>): Refusal | { ok: true } {
  if (!isObject(frame)) return { ok: false, code: "bad_frame", message: "not a JSON object" };
  const request = typeof frame["request_id"] === "string" ? { request_id: frame["request_id"] } : {};
  const type = frame["type"];
  const schema = typeof type === "string" ? schemas.get(type) : undefined;
  if (!schema) {
    const message = typeof type === "string" ? `type: unknown: ${type.slice(0, 100)}` : "type: is missing or no string";
    return { ok: false, code: "bad_frame", message, field: "type", ...request };
  }
  const protocol = frame["protocol"];
  if ((type === "hello" || type === "welcome") && Number.isSafeInteger(protocol) && protocol !== PROTOCOL) {
    return { ok: false, code: "protocol", message: `protocol: is not ${PROTOCOL}`, field: "protocol" };
  }
  const fault = findFault(frame, schema, sharedDefs);
  if (!fault) return { ok: true };
  return { ok: false, code: "bad_field", message: `${fault.field}: ${fault.message}`, field: fault.field, ...request };
}

/** Reads the text of one frame from the gateway; never throws. */
export function readFrame(text: string): Refusal | { ok: true; frame: Incoming } {
  if (Buffer.byteLength(text) > MAX_FRAME_BYTES) {
    return { ok: false, code: "too_large", message: `frames are at most ${MAX_FRAME_BYTES} bytes` };
  }
  let frame: unknown;
  try {
    frame = JSON.parse(text);
  } catch {
    return { ok: false, code: "bad_frame", message: "not JSON" };
  }
  const verdict = checkFrame(frame, incomingSchemas);
  return verdict.ok ? { ok: true, frame: frame as Incoming } : verdict;
}
