// The gateway's verbs. Every command is answered exactly once, within its deadline, and may come again:
// each verb says why a second performance is harmless.

import { stat } from "node:fs/promises";
import { LruMap } from "./lru.ts";
import { gatewayKeyOf, objectOf, stringOf, toMessage, toModel, toSession, toStatus } from "./mapping.ts";
import { OpenCodeError, type OpenCode } from "./opencode.ts";
import { MAX_FRAME_BYTES } from "./protocol.ts";
import type { Command, CommandError, CommandOf, ErrorCode, Message, ModelRef, Reply, Session, Status } from "./protocol.ts";
import type { JsonObject } from "./schema.ts";
import { cutChars, oneLine } from "./text.ts";

export const COMMAND_DEADLINE_MS = 30_000;
const MAX_IN_FLIGHT = 256;
const MAX_REMEMBERED = 1000;
const MAX_LISTED = 1000;
const MAX_PROVIDERS = 200;
/** More sessions than any directory has: the search for a key must see them all (OpenCode's default is 100). */
const ALL_SESSIONS = 100_000;
const DEFAULT_MESSAGES = 200;
/** OpenCode stores a prompt within some 20 ms of accepting it; after this it is asked. */
const STORED_WAIT_MS = 5000;
/** Room for the reply's own keys. */
const MAX_RESULT_BYTES = MAX_FRAME_BYTES - 4096;

export class CommandFailure extends Error {
  readonly error: CommandError;
  constructor(code: ErrorCode, message: string, field?: string) {
    super(message);
    this.error = { code, message, ...(field === undefined ? {} : { field }) };
  }
}

export type CommandsOptions = {
  opencode: OpenCode;
  directories: () => string[];
  reconcile: () => void;
  onceStored: (messageId: string) => { stored: Promise<void>; cancel: () => void };
  send: (reply: Reply) => void;
  deadline_ms?: number;
};

type Defaults = { agent: string; model: ModelRef | null; agents: JsonObject[] };

/** "provider/model", where the model's id may contain slashes itself. */
function parseModel(name: string): ModelRef | null {
  const slash = name.indexOf("/");
  return slash > 0 && slash < name.length - 1
    ? { provider_id: name.slice(0, slash), model_id: name.slice(slash + 1) } : null;
}

function toCommandError(error: unknown): CommandError {
  if (error instanceof CommandFailure) return error.error;
  if (!(error instanceof OpenCodeError)) {
    return { code: "opencode_error", message: error instanceof Error ? error.message : String(error) };
  }
  if (error.status === 404) return { code: "not_found", message: error.message };
  if (error.status === 400) return { code: "invalid", message: error.message };
  return { code: error.status === 0 ? "unavailable" : "opencode_error", message: error.message };
}

/** Names and descriptions, short enough that a thousand of them fit into one frame. */
function toOffers(items: JsonObject[]): object[] {
  return items.filter((item) => stringOf(item["name"]) !== "").slice(0, MAX_LISTED).map((item) => ({
    name: stringOf(item["name"], 200),
    description: stringOf(item["description"], 200),
  }));
}

/** Cuts a session.messages result to one frame: oldest tools and files first, then the longest texts. */
export function fitMessages(messages: Message[], max = MAX_RESULT_BYTES): Message[] {
  const sizes = messages.map((message) => Buffer.byteLength(JSON.stringify(message)) + 1);
  let total = sizes.reduce((sum, size) => sum + size, 0);
  const fitted = [...messages];
  const put = (i: number, message: Message): void => {
    const size = Buffer.byteLength(JSON.stringify(message)) + 1;
    total += size - sizes[i]!;
    sizes[i] = size;
    fitted[i] = message;
  };
  for (let i = 0; i < fitted.length && total > max; i++) put(i, { ...fitted[i]!, tools: [], files: [] });
  for (let limit = 100_000; total > max && limit >= 1; limit = Math.floor(limit / 2)) {
    for (let i = 0; i < fitted.length && total > max; i++) {
      const text = fitted[i]!.text;
      if (text.length > limit) put(i, { ...fitted[i]!, text: cutChars(text, limit) });
    }
  }
  return fitted;
}

export class Commands {
  readonly #options: CommandsOptions;
  readonly #inFlight = new Map<string, Promise<void>>();
  readonly #creating = new Map<string, Promise<Session>>();
  readonly #prompting = new Map<string, Promise<object>>();
  readonly #answered = new LruMap<string, object>(MAX_REMEMBERED);

  constructor(options: CommandsOptions) {
    this.#options = options;
  }

  /** A command that the schema refused; it can be answered when it has a request_id. */
  refuse(requestId: string, message: string, field?: string): void {
    const error: CommandError = { code: "invalid", message, ...(field === undefined ? {} : { field }) };
    this.#options.send({ type: "reply", request_id: requestId, ok: false, error });
  }

  /** Performs and answers; never rejects. The promise is for tests, nobody waits for it. */
  handle(command: Command): Promise<void> {
    const { request_id } = command;
    // Sent again after a reconnect while the first is still at work: its one reply goes to the new connection.
    const running = this.#inFlight.get(request_id);
    if (running) return running;
    if (this.#inFlight.size >= MAX_IN_FLIGHT) {
      const error: CommandError = { code: "unavailable", message: `${MAX_IN_FLIGHT} commands are at work already` };
      this.#options.send({ type: "reply", request_id, ok: false, error });
      return Promise.resolve();
    }
    const work = this.#perform(command).then((outcome) => {
      this.#inFlight.delete(request_id);
      this.#options.send({ type: "reply", request_id, ...outcome });
    });
    this.#inFlight.set(request_id, work);
    return work;
  }

  async #perform(command: Command): Promise<{ ok: true; result: object } | { ok: false; error: CommandError }> {
    const deadline_ms = this.#options.deadline_ms ?? COMMAND_DEADLINE_MS;
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new CommandFailure("timeout", `OpenCode did not answer within ${deadline_ms / 1000} s`));
        abort.abort();
      }, deadline_ms);
    });
    try {
      return { ok: true, result: await Promise.race([this.#dispatch(command, abort.signal), timeout]) };
    } catch (error) {
      return { ok: false, error: toCommandError(error) };
    } finally {
      clearTimeout(timer);
    }
  }

  #dispatch(command: Command, signal: AbortSignal): Promise<object> {
    const { opencode } = this.#options;
    switch (command.type) {
      case "session.create":
        return this.#createSession(command, signal).then((session) => ({ session }));
      case "session.message":
        return this.#message(command, signal);
      case "session.abort":
        return this.#abort(command.session_id, signal);
      case "session.get":
        return this.#getSession(command.session_id, signal);
      case "session.list":
        return this.#listSessions(command.directory, signal);
      case "session.messages":
        return this.#messages(command, signal);
      case "permission.reply":
        return this.#once(command.request_id, () =>
          opencode.replyPermission(command.directory, command.permission_id, command.reply, command.message, signal));
      case "question.reply":
        return this.#once(command.request_id, () =>
          opencode.replyQuestion(command.directory, command.question_id, command.answers, signal));
      case "question.reject":
        return this.#once(command.request_id, () => opencode.rejectQuestion(command.directory, command.question_id, signal));
      case "reconcile":
        this.#options.reconcile();
        return Promise.resolve({});
      case "agents.list":
        return this.#listAgents(command.directory, signal);
      case "providers.list":
        return this.#listProviders(command.directory, signal);
    }
  }

  /** Answers are given once: repeated with the same request_id, the first success is reported again, not a 404. */
  async #once(requestId: string, answer: () => Promise<void>): Promise<object> {
    const before = this.#answered.get(requestId);
    if (before) return before;
    await answer();
    const result = {};
    this.#answered.set(requestId, result);
    return result;
  }

  /** Twice is harmless: the key is in the session's metadata and looked for first; concurrent ones share one. */
  #createSession(command: CommandOf<"session.create">, signal: AbortSignal): Promise<Session> {
    const id = `${command.key}\0${command.directory}`;
    const running = this.#creating.get(id);
    if (running) return running;
    const work = this.#findOrCreate(command, signal).finally(() => this.#creating.delete(id));
    this.#creating.set(id, work);
    return work;
  }

  async #findOrCreate(command: CommandOf<"session.create">, signal: AbortSignal): Promise<Session> {
    const { directory, title, key, agent, model } = command;
    // OpenCode would accept a directory that does not exist and run commands nowhere (reference §2.2).
    const found = await stat(directory).catch(() => undefined);
    if (!found?.isDirectory()) throw new CommandFailure("invalid", "the directory does not exist", "directory");
    const sessions = await this.#options.opencode.listSessions(directory, ALL_SESSIONS, signal);
    const existing = sessions.find((session) => gatewayKeyOf(session["metadata"]) === key);
    if (existing) return toSession(existing);
    const body = { title, key, ...(agent === undefined ? {} : { agent }), ...(model === undefined ? {} : { model }) };
    return toSession(await this.#options.opencode.createSession(directory, body, signal));
  }

  /** Twice is harmless: OpenCode is asked for the message id first; concurrent ones share one. */
  #message(command: CommandOf<"session.message">, signal: AbortSignal): Promise<object> {
    const running = this.#prompting.get(command.message_id);
    if (running) return running;
    const work = this.#prompt(command, signal).finally(() => this.#prompting.delete(command.message_id));
    this.#prompting.set(command.message_id, work);
    return work;
  }

  async #prompt(command: CommandOf<"session.message">, signal: AbortSignal): Promise<object> {
    const { opencode } = this.#options;
    const { session_id, message_id, key, author, files = [] } = command;
    // Files alone are a message too; but models refuse empty text, and only a text part can carry our mark.
    const text = command.text.trim() === "" && files.length > 0
      ? `Attached: ${files.map((file) => oneLine(file.filename, 255)).join(", ")}` : command.text;
    if (text.trim() === "") throw new CommandFailure("invalid", "there is neither text nor a file", "text");
    const session = await opencode.getSession(session_id, signal);
    if (await opencode.hasMessage(session_id, message_id, signal)) return { message_id, already: true };
    const { agent, model } = await this.#agentAndModel(command, session, signal);
    if (command.command !== undefined) {
      if (files.length > 0) throw new CommandFailure("invalid", "a command takes no files", "files");
      const known = await opencode.listCommands(stringOf(session["directory"]), signal);
      if (!known.some((item) => item["name"] === command.command)) {
        throw new CommandFailure("invalid", `there is no command "${command.command}" in this directory`, "command");
      }
      const body = {
        messageID: message_id, agent, command: command.command, arguments: text,
        ...(model ? { model: `${model.provider_id}/${model.model_id}` } : {}),
      };
      await this.#storePrompt(session_id, message_id, () => opencode.runCommand(session_id, body), signal);
      return { message_id, already: false };
    }
    const parts: object[] = [];
    if (command.instruction !== undefined) parts.push({ type: "text", synthetic: true, text: command.instruction });
    if (author) {
      const source = author.source === "slack" ? "Slack" : author.source;
      parts.push({ type: "text", synthetic: true, text: `Message from ${oneLine(author.name, 100)} in ${source}:` });
    }
    parts.push({ type: "text", text, metadata: { gateway: { key } } });
    for (const { url, mime, filename } of files) parts.push({ type: "file", url, mime, filename });
    const body = {
      messageID: message_id,
      agent,
      ...(model ? { model: { providerID: model.provider_id, modelID: model.model_id } } : {}),
      parts,
    };
    await this.#storePrompt(session_id, message_id, () => opencode.prompt(session_id, body, signal), signal);
    return { message_id, already: false };
  }

  /**
   * prompt_async answers before the message is stored, and a later failure to store it is silent; a command
   * answers when its whole turn is over. The reply to the gateway promises that the message is in OpenCode, so
   * OpenCode's own event is waited for. What fails after that is told by events.
   */
  async #storePrompt(sessionId: string, messageId: string, send: () => Promise<void>, signal: AbortSignal): Promise<void> {
    const { stored, cancel } = this.#options.onceStored(messageId);
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      const sent = send();
      sent.catch(() => undefined);
      await Promise.race([sent, stored]);
      const waited = new Promise<"waited">((resolve) => {
        timer = setTimeout(() => resolve("waited"), STORED_WAIT_MS);
      });
      if ((await Promise.race([stored, waited])) !== "waited") return;
      if (await this.#options.opencode.hasMessage(sessionId, messageId, signal)) return;
      throw new CommandFailure("opencode_error", "OpenCode accepted the message and did not store it");
    } finally {
      clearTimeout(timer);
      cancel();
    }
  }

  /**
   * Always both, because OpenCode's own choice depends on what ran before (reference §8): the agent given,
   * else the session's last, else the directory's default; the model given, else the one configured for a
   * newly chosen agent, else the session's last, else the agent's or the directory's default.
   */
  async #agentAndModel(
    command: CommandOf<"session.message">, session: JsonObject, signal: AbortSignal,
  ): Promise<{ agent: string; model: ModelRef | null }> {
    const defaults = await this.#defaults(stringOf(session["directory"]), signal);
    const last = stringOf(session["agent"]);
    const agent = command.agent ?? (last || defaults.agent);
    const info = defaults.agents.find((item) => item["name"] === agent);
    if (!info && command.agent !== undefined) {
      throw new CommandFailure("invalid", `there is no agent "${agent}" in this directory`, "agent");
    }
    const configured = toModel(info?.["model"]);
    const model = command.model ?? (agent === last ? null : configured) ?? toModel(session["model"]) ?? configured ?? defaults.model;
    return { agent: info ? agent : defaults.agent, model };
  }

  async #defaults(directory: string, signal: AbortSignal): Promise<Defaults> {
    const { opencode } = this.#options;
    const [agents, config] = await Promise.all([opencode.listAgents(directory, signal), opencode.config(directory, signal)]);
    const usable = agents.filter((agent) => agent["hidden"] !== true && agent["mode"] !== "subagent");
    const named = usable.find((agent) => agent["name"] === config["default_agent"]);
    const chosen = named ?? usable.find((agent) => agent["name"] === "build") ?? usable[0];
    const agent = stringOf(chosen?.["name"]) || "build";
    const model = toModel(chosen?.["model"]) ?? parseModel(stringOf(config["model"])) ?? (await this.#providerDefault(directory, signal));
    return { agent, model, agents };
  }

  async #providerDefault(directory: string, signal: AbortSignal): Promise<ModelRef | null> {
    const [first] = Object.entries(await this.#options.opencode.defaultModels(directory, signal));
    return first ? { provider_id: first[0], model_id: first[1] } : null;
  }

  /** Twice is harmless: an idle session stays idle. */
  async #abort(sessionId: string, signal: AbortSignal): Promise<object> {
    // OpenCode says true to the abort of a session that does not exist.
    await this.#options.opencode.getSession(sessionId, signal);
    await this.#options.opencode.abortSession(sessionId, signal);
    return {};
  }

  async #statusOf(session: JsonObject, signal: AbortSignal): Promise<Status> {
    const statuses = await this.#options.opencode.statuses(stringOf(session["directory"]), signal);
    return toStatus(statuses.get(stringOf(session["id"])));
  }

  async #getSession(sessionId: string, signal: AbortSignal): Promise<object> {
    const session = await this.#options.opencode.getSession(sessionId, signal);
    return { session: toSession(session), status: await this.#statusOf(session, signal) };
  }

  async #listSessions(directory: string | undefined, signal: AbortSignal): Promise<object> {
    const directories = directory === undefined ? this.#options.directories() : [directory];
    const byId = new Map<string, Session>();
    for (const each of directories) {
      for (const session of await this.#options.opencode.listSessions(each, MAX_LISTED, signal)) {
        const mapped = toSession(session);
        byId.set(mapped.id, mapped);
      }
    }
    const sessions = [...byId.values()].sort((a, b) => b.updated_ms - a.updated_ms).slice(0, MAX_LISTED);
    let bytes = 0;
    const fitting = sessions.filter((session) => (bytes += Buffer.byteLength(JSON.stringify(session)) + 1) <= MAX_RESULT_BYTES);
    return { sessions: fitting };
  }

  async #messages(command: CommandOf<"session.messages">, signal: AbortSignal): Promise<object> {
    const { opencode } = this.#options;
    const limit = command.limit ?? DEFAULT_MESSAGES;
    const session = await opencode.getSession(command.session_id, signal);
    const { after } = command;
    let page = await opencode.listMessages(command.session_id, limit, signal);
    let from = Math.max(0, page.length - limit);
    if (after !== undefined) {
      const indexOf = (): number => page.findIndex((item) => objectOf(item["info"])["id"] === after);
      let at = indexOf();
      if (at < 0 && page.length >= limit) {
        // Further back than the newest: read all (0) rather than page, the answer is cut below.
        page = await opencode.listMessages(command.session_id, 0, signal);
        at = indexOf();
      }
      from = at >= 0 ? at + 1 : Math.max(0, page.length - limit);
    }
    const messages = page.slice(from, from + limit).map(toMessage);
    return { messages: fitMessages(messages), status: await this.#statusOf(session, signal) };
  }

  async #listAgents(directory: string, signal: AbortSignal): Promise<object> {
    const { opencode } = this.#options;
    const [{ agents, agent, model }, commands, skills] = await Promise.all([
      this.#defaults(directory, signal),
      opencode.listCommands(directory, signal),
      opencode.listSkills(directory, signal),
    ]);
    const visible = agents.filter((item) => item["hidden"] !== true && stringOf(item["name"]) !== "").slice(0, MAX_LISTED);
    return {
      agents: visible.map((item) => ({
        name: stringOf(item["name"], 200),
        mode: item["mode"] === "subagent" || item["mode"] === "all" ? item["mode"] : "primary",
        description: stringOf(item["description"], 2000),
      })),
      default_agent: agent,
      default_model: model,
      commands: toOffers(commands),
      skills: toOffers(skills),
    };
  }

  async #listProviders(directory: string, signal: AbortSignal): Promise<object> {
    const providers = await this.#options.opencode.listProviders(directory, signal);
    return {
      providers: providers.filter((item) => stringOf(item["id"]) !== "").slice(0, MAX_PROVIDERS).map((item) => ({
        id: stringOf(item["id"], 200),
        models: Object.keys(objectOf(item["models"])).filter((id) => id !== "" && id.length <= 200).slice(0, MAX_LISTED),
      })),
    };
  }
}
