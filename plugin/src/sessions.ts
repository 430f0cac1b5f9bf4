// What is known about sessions, and the order of what is said about them.
//
// Every event names the root of its session, so that a sub-agent's permission finds the right thread. Roots
// come from session.created and session.updated events; a session that began before this process is looked
// up once. While that look-up runs, later events of the session wait in line, so that nothing overtakes.

import { isId, objectOf, stringOf } from "./mapping.ts";
import { LruMap } from "./lru.ts";

const MAX_SESSIONS = 20_000;
const MAX_DEPTH = 20;
/** Events waiting for one look-up; a session streams a few hundred events in the seconds that it may take. */
const MAX_WAITING = 5000;

export type Known = { parent_id: string | null; title: string; created_ms: number };

export class Sessions {
  readonly #known = new LruMap<string, Known>(MAX_SESSIONS);
  readonly #lines = new Map<string, ((rootId: string) => void)[]>();
  readonly #lookUp: (sessionId: string) => Promise<unknown>;
  readonly #onTrouble: (message: string) => void;

  /** `lookUp` gives OpenCode's session object or rejects. */
  constructor(lookUp: (sessionId: string) => Promise<unknown>, onTrouble: (message: string) => void) {
    this.#lookUp = lookUp;
    this.#onTrouble = onTrouble;
  }

  get(sessionId: string): Known | undefined {
    return this.#known.get(sessionId);
  }

  /** Takes OpenCode's session object; returns what was known before. */
  learn(info: unknown): Known | undefined {
    const session = objectOf(info);
    const id = session["id"];
    if (!isId(id)) return undefined;
    const before = this.#known.get(id);
    const created = objectOf(session["time"])["created"];
    this.#known.set(id, {
      parent_id: isId(session["parentID"]) ? session["parentID"] : null,
      title: stringOf(session["title"]),
      created_ms: typeof created === "number" ? created : 0,
    });
    return before;
  }

  forget(sessionId: string): void {
    this.#known.delete(sessionId);
  }

  /** The root, when the whole way up is known. */
  knownRoot(sessionId: string): string | undefined {
    let id = sessionId;
    for (let depth = 0; depth < MAX_DEPTH; depth++) {
      const known = this.#known.get(id);
      if (!known) return undefined;
      if (known.parent_id === null) return id;
      id = known.parent_id;
    }
    return id;
  }

  /** The root, looked up where necessary. A session that cannot be read counts as a root itself. */
  async rootOf(sessionId: string): Promise<string> {
    let id = sessionId;
    for (let depth = 0; depth < MAX_DEPTH; depth++) {
      if (!this.#known.get(id)) {
        try {
          this.learn(await this.#lookUp(id));
        } catch (error) {
          this.#onTrouble(`cannot read session ${id}: ${error instanceof Error ? error.message : String(error)}`);
        }
      }
      const parent = this.#known.get(id)?.parent_id;
      if (!parent) return id;
      id = parent;
    }
    return id;
  }

  /** Runs `action` with the session's root: at once where possible, else in order after the look-up. */
  inOrder(sessionId: string, action: (rootId: string) => void): void {
    const line = this.#lines.get(sessionId);
    if (line) {
      if (line.length < MAX_WAITING) line.push(action);
      else if (line.length === MAX_WAITING) this.#onTrouble(`too many events of session ${sessionId} wait for its look-up`);
      return;
    }
    const root = this.knownRoot(sessionId);
    if (root !== undefined) {
      action(root);
      return;
    }
    this.#lines.set(sessionId, [action]);
    void this.rootOf(sessionId).then((found) => this.#drain(sessionId, found));
  }

  #drain(sessionId: string, rootId: string): void {
    const line = this.#lines.get(sessionId) ?? [];
    // An action may let another event of the same session in: the line stays until it is empty.
    for (let action = line.shift(); action; action = line.shift()) action(rootId);
    this.#lines.delete(sessionId);
  }
}
