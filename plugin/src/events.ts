// OpenCode's events (reference §3.3) → durable and volatile events of the protocol.
//
// The hook gets every event of one exact directory, in TUI mode twice (two initialisations of the same
// directory), so events are told apart by id. What OpenCode repeats (busy before every step, idle twice
// after an abort, titles in every session.updated) becomes one event per change.

import { LruMap, LruSet } from "./lru.ts";
import {
  isId, isVisibleText, listOf, objectOf, partsKey, stringOf, toAnswers, toError, toModel, toPermission, toQuestion,
  toSession, toStatus, toTodos, toToolInput, toolTitle, visibleText,
} from "./mapping.ts";
import type { Pending } from "./pending.ts";
import type { DurableBody, Place, Status, Todo, VolatileBody } from "./protocol.ts";
import type { JsonObject } from "./schema.ts";
import type { Sessions } from "./sessions.ts";
import { Streaming } from "./streaming.ts";

const MAX_SEEN_EVENTS = 20_000;
const MAX_SEEN_MESSAGES = 10_000;
const MAX_TRACKED = 5000;
const MAX_MESSAGE_PARTS = 200;
/** A user message is complete at the session's next change; should none come, this long after its last part. */
const MESSAGE_SETTLE_MS = 500;
/** A message without anything visible by then is not one that a person wrote. */
const MESSAGE_GIVE_UP_MS = 60_000;
const TOOL_STATUSES = new Set(["pending", "running", "completed", "error"]);

export type EventSink = {
  durable: (place: Place, body: DurableBody) => void;
  volatile: (place: Place, body: VolatileBody) => void;
  /** Raw facts, at once and before they are in order: reconciliation overlays them on what it reads. */
  observed: (directory: string, fact: Observed) => void;
  now?: () => number;
};

export type Observed =
  | { kind: "status"; session_id: string; status: Status }
  | { kind: "permission" | "question"; id: string; session_id: string; request: JsonObject | null };

type Arriving = { place: Place; info: JsonObject; parts: Map<string, JsonObject>; timer: ReturnType<typeof setTimeout> };

export class Events {
  readonly #sessions: Sessions;
  readonly #pending: Pending;
  readonly #sink: EventSink;
  readonly #streaming: Streaming;
  readonly #seenEvents = new LruSet<string>(MAX_SEEN_EVENTS);
  readonly #userMessages = new LruSet<string>(MAX_SEEN_MESSAGES);
  readonly #status = new LruMap<string, { type: Status["type"]; place: Place }>(20_000);
  readonly #tools = new LruMap<string, string>(MAX_TRACKED);
  readonly #todos = new LruMap<string, Todo[]>(MAX_TRACKED);
  readonly #arriving = new Map<string, Arriving>();
  readonly #storedWaiters = new Map<string, Set<() => void>>();

  constructor(sessions: Sessions, pending: Pending, sink: EventSink) {
    this.#sessions = sessions;
    this.#pending = pending;
    this.#sink = sink;
    this.#streaming = new Streaming(sink.volatile, sink.now);
  }

  /** One call of the event hook. */
  handle(directory: string, event: unknown): void {
    const { id, type, properties } = objectOf(event);
    const handler = typeof type === "string" && Object.hasOwn(HANDLERS, type) ? HANDLERS[type] : undefined;
    if (!handler) return;
    if (typeof id === "string" && !this.#seenEvents.add(id)) return;
    const props = objectOf(properties);
    const sessionId = props["sessionID"];
    if (!isId(sessionId)) return;
    this.#observe(directory, type as string, sessionId, props);
    if (props["info"] !== undefined && (type as string).startsWith("session.")) {
      // Learned before its turn in line: the session's own events need no look-up.
      const before = this.#sessions.learn(props["info"]);
      if (type === "session.updated" && before?.title === stringOf(objectOf(props["info"])["title"])) {
        this.#sessions.inOrder(sessionId, () => this.#arrived(sessionId));
        return;
      }
    }
    this.#sessions.inOrder(sessionId, (root_id) => {
      const place = { directory, session_id: sessionId, root_id };
      if (!this.#belongsToArriving(sessionId, type as string, props)) this.#arrived(sessionId);
      handler.call(this, place, props);
    });
  }

  /** Resolves when OpenCode says that it has stored this user message; `cancel` ends the wait. */
  onceStored(messageId: string): { stored: Promise<void>; cancel: () => void } {
    const waiters = this.#storedWaiters.get(messageId) ?? new Set();
    this.#storedWaiters.set(messageId, waiters);
    let notify = (): void => {};
    const stored = new Promise<void>((resolve) => {
      notify = resolve;
    });
    waiters.add(notify);
    const cancel = (): void => {
      waiters.delete(notify);
      if (waiters.size === 0) this.#storedWaiters.delete(messageId);
    };
    return { stored, cancel };
  }

  /**
   * Takes over the statuses that a reconcile event reports: `busy` holds all that are not idle in `directory`.
   * A session that was busy and is not reported becomes unknown, not idle: its next change is then told in
   * either direction, and an `idle` that is still on its way is not taken for a repetition.
   */
  adoptStatuses(directory: string, busy: { session_id: string; root_id: string; status: Status }[]): void {
    const listed = new Set(busy.map((item) => item.session_id));
    for (const [id, known] of this.#status.entries()) {
      if (known.place.directory === directory && known.type !== "idle" && !listed.has(id)) this.#status.delete(id);
    }
    for (const { session_id, root_id, status } of busy) {
      this.#status.set(session_id, { type: status.type, place: { directory, session_id, root_id } });
    }
  }

  /** The directory's instance is gone; what ran in it has stopped, without an event of its own. */
  directoryGone(directory: string): void {
    // First, so that the end of the runs does not reject them in OpenCode, which would load the directory again.
    this.#pending.directoryGone(directory);
    for (const [, known] of this.#status.entries()) {
      if (known.place.directory === directory && known.type !== "idle") this.#setStatus(known.place, { type: "idle" });
    }
  }

  #observe(directory: string, type: string, session_id: string, props: JsonObject): void {
    if (type === "session.status") {
      this.#sink.observed(directory, { kind: "status", session_id, status: toStatus(props["status"]) });
    } else if (type === "session.idle") {
      this.#sink.observed(directory, { kind: "status", session_id, status: { type: "idle" } });
    } else if (type.startsWith("permission.") || type.startsWith("question.")) {
      const kind = type.startsWith("permission.") ? "permission" : "question";
      const asked = type.endsWith(".asked");
      const id = stringOf(asked ? props["id"] : props["requestID"]);
      this.#sink.observed(directory, { kind, id, session_id, request: asked ? props : null });
    }
  }

  // --- a user message: first its envelope, then its parts, each an event of its own. Between them come others
  // where a run is going on, and the parts may take a second to be stored.

  #belongsToArriving(sessionId: string, type: string, props: JsonObject): boolean {
    const arriving = this.#arriving.get(sessionId);
    if (!arriving || type.startsWith("message.part.")) return true;
    return type === "message.updated" && objectOf(props["info"])["id"] === arriving.info["id"];
  }

  /** Tells the message once it has something to tell; `giveUp` forgets one that has not. */
  #arrived(sessionId: string, giveUp = false): void {
    const arriving = this.#arriving.get(sessionId);
    if (!arriving) return;
    const { place, info } = arriving;
    const parts = [...arriving.parts.values()];
    const speaks = parts.some((part) => isVisibleText(part) || ["file", "agent", "subtask"].includes(stringOf(part["type"])));
    if (!speaks && !giveUp) return;
    this.#arriving.delete(sessionId);
    clearTimeout(arriving.timer);
    if (!speaks || parts.some((part) => part["type"] === "compaction")) return;
    const created = objectOf(info["time"])["created"];
    // A fork copies messages into the new session; they were said, and announced, long before it.
    if (typeof created === "number" && created < (this.#sessions.get(place.session_id)?.created_ms ?? 0)) return;
    this.#sink.durable(place, {
      type: "message.received",
      message: {
        id: stringOf(info["id"]),
        role: "user",
        text: visibleText(parts),
        agent: stringOf(info["agent"], 200),
        model: toModel(info["model"]),
        gateway_key: partsKey(parts),
      },
    });
  }

  #armArrival(sessionId: string, wait_ms: number): ReturnType<typeof setTimeout> {
    const timer = setTimeout(() => this.#arrived(sessionId, true), wait_ms);
    timer.unref?.();
    return timer;
  }

  #messageUpdated(place: Place, props: JsonObject): void {
    const info = objectOf(props["info"]);
    const id = info["id"];
    if (info["role"] !== "user" || !isId(id)) return;
    for (const notify of this.#storedWaiters.get(id) ?? []) notify();
    if (!this.#userMessages.add(id) || place.session_id !== place.root_id) return;
    this.#arrived(place.session_id, true);
    const timer = this.#armArrival(place.session_id, MESSAGE_GIVE_UP_MS);
    this.#arriving.set(place.session_id, { place, info, parts: new Map(), timer });
  }

  #partUpdated(place: Place, props: JsonObject): void {
    const part = objectOf(props["part"]);
    const { id, messageID, type } = part;
    if (!isId(id) || !isId(messageID)) return;
    const arriving = this.#arriving.get(place.session_id);
    if (arriving && arriving.info["id"] === messageID) {
      if (arriving.parts.size < MAX_MESSAGE_PARTS) arriving.parts.set(id, part);
      if (isVisibleText(part)) {
        clearTimeout(arriving.timer);
        arriving.timer = this.#armArrival(place.session_id, MESSAGE_SETTLE_MS);
      }
      return;
    }
    if (type === "tool") this.#toolUpdated(place, messageID, part);
    if ((type !== "text" && type !== "reasoning") || this.#userMessages.has(messageID)) return;
    if (type === "text" && !isVisibleText(part)) return;
    const ended = objectOf(part["time"])["end"] !== undefined;
    this.#streaming.replace(place, messageID, id, type, stringOf(part["text"]), ended);
  }

  #partDelta(place: Place, props: JsonObject): void {
    const { messageID, partID, field, delta } = props;
    if (field !== "text" || !isId(messageID) || !isId(partID) || typeof delta !== "string") return;
    if (!this.#userMessages.has(messageID)) this.#streaming.append(place, messageID, partID, delta);
  }

  #toolUpdated(place: Place, message_id: string, part: JsonObject): void {
    const state = objectOf(part["state"]);
    const status = stringOf(state["status"]) as "pending" | "running" | "completed" | "error";
    const key = `${message_id} ${stringOf(part["callID"])}`;
    if (!TOOL_STATUSES.has(status) || this.#tools.get(key) === status) return;
    this.#tools.set(key, status);
    this.#sink.volatile(place, {
      type: "tool.executed",
      message_id,
      call_id: stringOf(part["callID"], 500),
      tool: stringOf(part["tool"], 200) || "unknown",
      status,
      title: toolTitle(state),
      input: toToolInput(state["input"]),
    });
  }

  #todoUpdated(place: Place, props: JsonObject): void {
    const todos = toTodos(listOf(props["todos"]));
    const before = this.#todos.get(place.session_id);
    this.#todos.set(place.session_id, todos);
    this.#sink.volatile(place, { type: "todo.updated", todos });
    // The first list of this process is where counting starts: what it has completed may be long past.
    if (!before) return;
    const done = new Set(before.filter((todo) => todo.status === "completed").map((todo) => todo.content));
    for (const { status, content } of todos) {
      if (status === "completed" && content !== "" && !done.has(content)) {
        this.#sink.volatile(place, { type: "agent.milestone", text: content });
      }
    }
  }

  // --- sessions

  #setStatus(place: Place, status: Status): void {
    const before = this.#status.get(place.session_id)?.type;
    this.#status.set(place.session_id, { type: status.type, place });
    if (status.type === "retry") {
      const { attempt, message, next_ms } = status;
      this.#sink.durable(place, { type: "session.retry", attempt, message, next_ms });
    } else if (status.type !== before) {
      this.#sink.durable(place, { type: status.type === "busy" ? "session.active" : "session.idle" });
    }
    if (status.type === "idle") this.#runEnded(place.session_id);
  }

  #runEnded(sessionId: string): void {
    this.#streaming.endSession(sessionId);
    this.#pending.sessionEnded(sessionId);
  }

  #sessionDeleted(place: Place): void {
    this.#sink.durable(place, { type: "session.deleted" });
    this.#runEnded(place.session_id);
    this.#status.delete(place.session_id);
    this.#todos.delete(place.session_id);
    this.#sessions.forget(place.session_id);
  }

  static readonly handlers: Record<string, (this: Events, place: Place, props: JsonObject) => void> = {
    "session.created"(place, props) {
      this.#sink.durable(place, { type: "session.created", session: toSession(props["info"]) });
    },
    "session.updated"(place, props) {
      this.#sink.durable(place, { type: "session.updated", session: toSession(props["info"]) });
    },
    "session.deleted"(place) {
      this.#sessionDeleted(place);
    },
    "session.status"(place, props) {
      this.#setStatus(place, toStatus(props["status"]));
    },
    "session.idle"(place) {
      this.#setStatus(place, { type: "idle" });
    },
    "session.error"(place, props) {
      this.#sink.durable(place, { type: "session.error", error: toError(props["error"]) });
    },
    "message.updated"(place, props) {
      this.#messageUpdated(place, props);
    },
    "message.part.updated"(place, props) {
      this.#partUpdated(place, props);
    },
    "message.part.delta"(place, props) {
      this.#partDelta(place, props);
    },
    "permission.asked"(place, props) {
      const permission = toPermission(props);
      if (isId(permission.id)) this.#pending.asked(permission.id, place, { type: "permission.asked", permission });
    },
    "permission.replied"(place, props) {
      const { requestID, reply } = props;
      if (!isId(requestID) || (reply !== "once" && reply !== "always" && reply !== "reject")) return;
      this.#pending.permissionReplied(requestID, place, reply);
    },
    "question.asked"(place, props) {
      const question = toQuestion(props);
      if (isId(question.id) && question.questions.length > 0) {
        this.#pending.asked(question.id, place, { type: "question.asked", question });
      }
    },
    "question.replied"(place, props) {
      if (isId(props["requestID"])) this.#pending.questionReplied(props["requestID"], place, toAnswers(props["answers"]));
    },
    "question.rejected"(place, props) {
      if (isId(props["requestID"])) this.#pending.questionRejected(props["requestID"], place);
    },
    "todo.updated"(place, props) {
      this.#todoUpdated(place, props);
    },
  };
}

const HANDLERS = Events.handlers;
