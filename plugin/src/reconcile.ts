// The whole truth about some directories, as one event in the sequence (contract: `reconcile`).
//
// It is read with several requests while OpenCode goes on working, and what arrives meanwhile has a lower
// seq than the event that is being made. So that the event never takes back what a lower seq said, the facts
// observed during the reading are laid over what was read: an answered request stays answered, a new one is
// in, the last status counts.

import type { Observed } from "./events.ts";
import { isId, stringOf, toPermission, toQuestion, toStatus } from "./mapping.ts";
import type { OpenCode } from "./opencode.ts";
import type { RequestKind } from "./pending.ts";
import type { Place, ReconcileDirectory, Status } from "./protocol.ts";
import type { JsonObject } from "./schema.ts";

const READ_TIMEOUT_MS = 20_000;

export type ReconcileOptions = {
  opencode: Pick<OpenCode, "statuses" | "listPermissions" | "listQuestions">;
  /** Looks the session up where necessary, so that `knownRoot` knows it afterwards. */
  rootOf: (sessionId: string) => Promise<string>;
  knownRoot: (sessionId: string) => string | undefined;
  isSettled: (requestId: string) => boolean;
  /** A request whose session runs no more. */
  onStale: (kind: RequestKind, id: string, place: Place) => void;
};

type Facts = { permissions: JsonObject[]; questions: JsonObject[]; statuses: Map<string, JsonObject> };

/** One directory, read. `compose` may be called once, right before the event is numbered; `drop` in any case. */
export type Reading = { directory: string; compose: () => ReconcileDirectory; drop: () => void };

export class Reconciler {
  readonly #options: ReconcileOptions;
  readonly #watches = new Set<{ directory: string; facts: Observed[] }>();

  constructor(options: ReconcileOptions) {
    this.#options = options;
  }

  /** Facts as they come; kept only while their directory is being read. */
  observed(directory: string, fact: Observed): void {
    for (const watch of this.#watches) if (watch.directory === directory) watch.facts.push(fact);
  }

  /** Rejects when OpenCode does not answer. */
  async read(directory: string): Promise<Reading> {
    const watch = { directory, facts: [] as Observed[] };
    this.#watches.add(watch);
    const drop = (): void => void this.#watches.delete(watch);
    try {
      const facts = await this.#fetch(directory);
      const requests = [...facts.permissions, ...facts.questions].map((request) => stringOf(request["sessionID"]));
      for (const id of new Set([...facts.statuses.keys(), ...requests])) if (isId(id)) await this.#options.rootOf(id);
      return { directory, compose: () => this.#compose(directory, facts, watch.facts), drop };
    } catch (error) {
      drop();
      throw error;
    }
  }

  async #fetch(directory: string): Promise<Facts> {
    const { opencode } = this.#options;
    const signal = AbortSignal.timeout(READ_TIMEOUT_MS);
    // Requests before statuses: a request found while its session is idle is then stale for certain, and not
    // one that was asked between the two.
    const permissions = await opencode.listPermissions(directory, signal);
    const questions = await opencode.listQuestions(directory, signal);
    return { permissions, questions, statuses: await opencode.statuses(directory, signal) };
  }

  #compose(directory: string, read: Facts, observed: Observed[]): ReconcileDirectory {
    const statuses = new Map<string, Status>([...read.statuses].map(([id, status]) => [id, toStatus(status)]));
    const requests = { permission: byId(read.permissions), question: byId(read.questions) };
    for (const fact of observed) {
      if (fact.kind === "status") statuses.set(fact.session_id, fact.status);
      else if (fact.request) requests[fact.kind].set(fact.id, fact.request);
      else requests[fact.kind].delete(fact.id);
    }
    const placeOf = (session_id: string): { session_id: string; root_id: string } => ({
      session_id,
      root_id: this.#options.knownRoot(session_id) ?? session_id,
    });
    const live = (kind: RequestKind): JsonObject[] =>
      [...requests[kind].values()].filter((request) => {
        const id = stringOf(request["id"]);
        const session_id = stringOf(request["sessionID"]);
        const running = (statuses.get(session_id)?.type ?? "idle") !== "idle";
        if (!running) this.#options.onStale(kind, id, { directory, ...placeOf(session_id) });
        return running && !this.#options.isSettled(id);
      });
    return {
      directory,
      sessions: [...statuses]
        .filter(([id, status]) => isId(id) && status.type !== "idle")
        .map(([id, status]) => ({ ...placeOf(id), status })),
      permissions: live("permission").map((request) => ({
        ...placeOf(stringOf(request["sessionID"])),
        permission: toPermission(request),
      })),
      questions: live("question").map((request) => ({
        ...placeOf(stringOf(request["sessionID"])),
        question: toQuestion(request),
      })),
    };
  }
}

function byId(requests: JsonObject[]): Map<string, JsonObject> {
  return new Map(requests.filter((r) => isId(r["id"]) && isId(r["sessionID"])).map((r) => [stringOf(r["id"]), r]));
}
