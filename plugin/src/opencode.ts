// OpenCode's HTTP API as this plugin uses it (reference §2.2), through the client of a plugin instance.
//
// Only `ctx.client` is right: a plain TUI listens on no port and its serverUrl is a lie (reference §4.2).
// The v1 client has no methods for questions and for the list of permissions, so all calls go through its
// inner request function, which reaches every route; this file is the only one that knows. One instance's
// client serves all directories, because `?directory=` overrides the instance's own; routes with a session
// id find the directory themselves.

import { objectOf, listOf, stringOf } from "./mapping.ts";
import type { ModelRef, PermissionReplyKind } from "./protocol.ts";
import { isObject, type JsonObject } from "./schema.ts";

type RequestResult = { data?: unknown; error?: unknown; response?: { status: number } };
type RequestOptions = {
  method: string;
  url: string;
  query?: Record<string, string>;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
};
/** What of the SDK's client is used; `_client` is internal to it, and stable in 1.x. */
export type PluginClient = { _client: { request: (options: RequestOptions) => Promise<RequestResult> } };

/** OpenCode said no, or nothing: `status` is its HTTP status, 0 without an answer. */
export class OpenCodeError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.name = "OpenCodeError";
    this.status = status;
  }
}

function describeError(error: unknown): string {
  if (typeof error === "string") return error.slice(0, 500);
  if (error instanceof Error) return error.message.slice(0, 500);
  const object = objectOf(error);
  return stringOf(objectOf(object["data"])["message"], 500) || stringOf(object["message"], 500)
    || stringOf(object["name"], 500) || stringOf(object["_tag"], 500) || "no reason given";
}

export type PromptBody = {
  messageID: string;
  agent: string;
  model?: { providerID: string; modelID: string };
  parts: object[];
};

export type CommandBody = { messageID: string; agent: string; model?: string; command: string; arguments: string };

export class OpenCode {
  readonly #client: () => PluginClient | undefined;

  /** `client` gives the client of any live instance. */
  constructor(client: () => PluginClient | undefined) {
    this.#client = client;
  }

  async #request(
    method: string, url: string, options: { directory?: string | undefined; query?: Record<string, string>; body?: unknown; signal?: AbortSignal | undefined } = {},
  ): Promise<unknown> {
    const client = this.#client();
    if (!client) throw new OpenCodeError(0, "no OpenCode instance is registered");
    const query = { ...options.query, ...(options.directory === undefined ? {} : { directory: options.directory }) };
    let result: RequestResult;
    try {
      result = await client._client.request({
        method,
        url,
        query,
        ...(options.body === undefined ? {} : { body: options.body, headers: { "content-type": "application/json" } }),
        ...(options.signal ? { signal: options.signal } : {}),
      });
    } catch (error) {
      throw new OpenCodeError(0, describeError(error));
    }
    const status = result.response?.status ?? 0;
    if (result.error !== undefined || status < 200 || status > 299) {
      throw new OpenCodeError(status, describeError(result.error));
    }
    // An unknown path is answered with the web page and 200 (reference §2.1).
    if (typeof result.data === "string" && result.data.startsWith("<!")) throw new OpenCodeError(404, "no such route");
    return result.data;
  }

  async getSession(sessionId: string, signal?: AbortSignal): Promise<JsonObject> {
    return objectOf(await this.#request("GET", `/session/${encodeURIComponent(sessionId)}`, { signal }));
  }

  /** All sessions of exactly this directory, newest first, sub-agents' among them. */
  async listSessions(directory: string, limit: number, signal?: AbortSignal): Promise<JsonObject[]> {
    const query = { limit: String(limit) };
    return listOf(await this.#request("GET", "/session", { directory, query, signal })).map(objectOf);
  }

  async createSession(
    directory: string, body: { title: string; agent?: string; model?: ModelRef; key: string }, signal?: AbortSignal,
  ): Promise<JsonObject> {
    const { title, agent, model, key } = body;
    return objectOf(await this.#request("POST", "/session", {
      directory,
      signal,
      body: {
        title,
        ...(agent === undefined ? {} : { agent }),
        ...(model === undefined ? {} : { model: { providerID: model.provider_id, id: model.model_id } }),
        metadata: { gateway: { key } },
      },
    }));
  }

  async abortSession(sessionId: string, signal?: AbortSignal): Promise<void> {
    await this.#request("POST", `/session/${encodeURIComponent(sessionId)}/abort`, { signal });
  }

  /** Session id → status of those that are not idle. */
  async statuses(directory: string, signal?: AbortSignal): Promise<Map<string, JsonObject>> {
    const map = objectOf(await this.#request("GET", "/session/status", { directory, signal }));
    return new Map(Object.entries(map).map(([id, status]) => [id, objectOf(status)]));
  }

  /** {info, parts} of the newest `limit` messages, oldest first. */
  async listMessages(sessionId: string, limit: number, signal?: AbortSignal): Promise<JsonObject[]> {
    const query = { limit: String(limit) };
    const url = `/session/${encodeURIComponent(sessionId)}/message`;
    return listOf(await this.#request("GET", url, { query, signal })).map(objectOf);
  }

  async hasMessage(sessionId: string, messageId: string, signal?: AbortSignal): Promise<boolean> {
    try {
      const url = `/session/${encodeURIComponent(sessionId)}/message/${encodeURIComponent(messageId)}`;
      return isObject(objectOf(await this.#request("GET", url, { signal }))["info"]);
    } catch (error) {
      if (error instanceof OpenCodeError && error.status === 404) return false;
      throw error;
    }
  }

  async prompt(sessionId: string, body: PromptBody, signal?: AbortSignal): Promise<void> {
    await this.#request("POST", `/session/${encodeURIComponent(sessionId)}/prompt_async`, { body, signal });
  }

  /** Answers when the turn is over, however long it takes, or OpenCode refuses. */
  async runCommand(sessionId: string, body: CommandBody): Promise<void> {
    await this.#request("POST", `/session/${encodeURIComponent(sessionId)}/command`, { body });
  }

  async listPermissions(directory: string, signal?: AbortSignal): Promise<JsonObject[]> {
    return listOf(await this.#request("GET", "/permission", { directory, signal })).map(objectOf);
  }

  async replyPermission(
    directory: string, id: string, reply: PermissionReplyKind, message?: string, signal?: AbortSignal,
  ): Promise<void> {
    const body = { reply, ...(message === undefined ? {} : { message }) };
    await this.#request("POST", `/permission/${encodeURIComponent(id)}/reply`, { directory, body, signal });
  }

  async listQuestions(directory: string, signal?: AbortSignal): Promise<JsonObject[]> {
    return listOf(await this.#request("GET", "/question", { directory, signal })).map(objectOf);
  }

  async replyQuestion(directory: string, id: string, answers: string[][], signal?: AbortSignal): Promise<void> {
    await this.#request("POST", `/question/${encodeURIComponent(id)}/reply`, { directory, body: { answers }, signal });
  }

  async rejectQuestion(directory: string, id: string, signal?: AbortSignal): Promise<void> {
    await this.#request("POST", `/question/${encodeURIComponent(id)}/reject`, { directory, signal });
  }

  async listAgents(directory: string, signal?: AbortSignal): Promise<JsonObject[]> {
    return listOf(await this.#request("GET", "/agent", { directory, signal })).map(objectOf);
  }

  async listCommands(directory: string, signal?: AbortSignal): Promise<JsonObject[]> {
    return listOf(await this.#request("GET", "/command", { directory, signal })).map(objectOf);
  }

  async listSkills(directory: string, signal?: AbortSignal): Promise<JsonObject[]> {
    return listOf(await this.#request("GET", "/skill", { directory, signal })).map(objectOf);
  }

  async config(directory: string, signal?: AbortSignal): Promise<JsonObject> {
    return objectOf(await this.#request("GET", "/config", { directory, signal }));
  }

  /** Provider id → its default model's id, for the providers that have credentials. */
  async defaultModels(directory: string, signal?: AbortSignal): Promise<Record<string, string>> {
    const answer = objectOf(await this.#request("GET", "/config/providers", { directory, signal }));
    const entries = Object.entries(objectOf(answer["default"])).filter((entry) => typeof entry[1] === "string");
    return Object.fromEntries(entries) as Record<string, string>;
  }

  /** {id, models} of the providers that have credentials. */
  async listProviders(directory: string, signal?: AbortSignal): Promise<JsonObject[]> {
    const answer = objectOf(await this.#request("GET", "/config/providers", { directory, signal }));
    return listOf(answer["providers"]).map(objectOf);
  }

  async version(signal?: AbortSignal): Promise<string | null> {
    const health = objectOf(await this.#request("GET", "/global/health", { signal }));
    return stringOf(health["version"], 64) || null;
  }

  async log(directory: string, level: string, message: string): Promise<void> {
    // OpenCode 1.18 leaves `service` out of its log file, so the text names us too.
    const body = { service: "slack-bridge", level, message: `slack-bridge: ${message}` };
    await this.#request("POST", "/log", { directory, body });
  }
}
