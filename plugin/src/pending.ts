// Permissions and questions that wait for a person, each announced once and settled once.
//
// When a run is aborted or its session deleted, OpenCode leaves its requests in its lists and says nothing
// (reference §3.4). Nobody waits for those any more, yet every UI would go on showing them. So when a session
// becomes idle with requests pending, they are rejected in OpenCode and settled towards the gateway.

import { LruSet } from "./lru.ts";
import type { OpenCode } from "./opencode.ts";
import { OpenCodeError } from "./opencode.ts";
import type { DurableBody, PermissionReplyKind, Place } from "./protocol.ts";

const MAX_SETTLED = 10_000;
/** OpenCode's own lists have no limit; far beyond what people can answer, the oldest are no longer watched. */
const MAX_PENDING = 10_000;

export type RequestKind = "permission" | "question";
type Request = { kind: RequestKind; place: Place };

export class Pending {
  readonly #requests = new Map<string, Request>();
  readonly #settled = new LruSet<string>(MAX_SETTLED);
  readonly #opencode: Pick<OpenCode, "replyPermission" | "rejectQuestion">;
  readonly #emit: (place: Place, body: DurableBody) => void;
  readonly #log: (level: "info" | "warn", message: string) => void;

  constructor(
    opencode: Pick<OpenCode, "replyPermission" | "rejectQuestion">,
    emit: (place: Place, body: DurableBody) => void,
    log: (level: "info" | "warn", message: string) => void,
  ) {
    this.#opencode = opencode;
    this.#emit = emit;
    this.#log = log;
  }

  get size(): number {
    return this.#requests.size;
  }

  isSettled(id: string): boolean {
    return this.#settled.has(id);
  }

  /** Remembers a request without announcing it (a reconcile event has). False when it is settled already. */
  note(kind: RequestKind, id: string, place: Place): boolean {
    if (this.#settled.has(id)) return false;
    if (this.#requests.size >= MAX_PENDING) this.#requests.delete(this.#requests.keys().next().value as string);
    this.#requests.set(id, { kind, place });
    return true;
  }

  asked(id: string, place: Place, body: Extract<DurableBody, { type: "permission.asked" | "question.asked" }>): void {
    if (this.#requests.has(id)) return;
    if (this.note(body.type === "permission.asked" ? "permission" : "question", id, place)) this.#emit(place, body);
  }

  permissionReplied(id: string, place: Place, reply: PermissionReplyKind): void {
    if (this.#settle(id)) this.#emit(place, { type: "permission.replied", permission_id: id, reply });
  }

  questionReplied(id: string, place: Place, answers: string[][]): void {
    if (this.#settle(id)) this.#emit(place, { type: "question.replied", question_id: id, answers });
  }

  questionRejected(id: string, place: Place): void {
    if (this.#settle(id)) this.#emit(place, { type: "question.rejected", question_id: id });
  }

  /** The session's run is over: whatever it waited for is rejected. */
  sessionEnded(sessionId: string): void {
    for (const [id, request] of [...this.#requests]) {
      if (request.place.session_id !== sessionId) continue;
      // Off the list at once: idle is said several times, one rejection is enough.
      this.#requests.delete(id);
      void this.rejectStale(request.kind, id, request.place);
    }
  }

  /** The instance of a directory is gone, and its requests with it; there is nothing left to reject. */
  directoryGone(directory: string): void {
    for (const [id, request] of [...this.#requests]) {
      if (request.place.directory === directory) this.#settleRejected(request.kind, id, request.place);
    }
  }

  /** Rejects one request that nobody waits for, in OpenCode and towards the gateway. Never rejects itself. */
  async rejectStale(kind: RequestKind, id: string, place: Place): Promise<void> {
    try {
      if (kind === "permission") await this.#opencode.replyPermission(place.directory, id, "reject");
      else await this.#opencode.rejectQuestion(place.directory, id);
      this.#log("info", `rejected ${kind} ${id}: its run is over`);
    } catch (error) {
      // 404: answered in the meantime at another UI, whose event came first, or gone with its instance.
      if (error instanceof OpenCodeError && error.status === 404) this.#log("info", `${kind} ${id} is gone already`);
      else this.#log("warn", `cannot reject ${kind} ${id}, whose run is over: ${String(error)}`);
    }
    this.#settleRejected(kind, id, place);
  }

  #settleRejected(kind: RequestKind, id: string, place: Place): void {
    if (kind === "permission") this.permissionReplied(id, place, "reject");
    else this.questionRejected(id, place);
  }

  #settle(id: string): boolean {
    this.#requests.delete(id);
    return this.#settled.add(id);
  }
}
