// Durable events on their way to the gateway: numbered, kept until acknowledged, sent again after a
// reconnect. The buffer has a limit, because the gateway may be away for days while OpenCode works; beyond
// it the oldest are dropped and counted, and the reconcile event that follows the next welcome repairs what
// they said. A file would survive the death of OpenCode, but so does OpenCode's own database: after a
// restart there is a new bridge_id and the gateway reads the sessions again.

import { encodeFrame } from "./frame.ts";
import type { DurableEvent } from "./protocol.ts";

export type OutboxLimits = { maxEvents: number; maxBytes: number };
export const OUTBOX_LIMITS: OutboxLimits = { maxEvents: 10_000, maxBytes: 16 * 1024 * 1024 };

type Entry = { seq: number; text: string; bytes: number };

/** Dropped entries stay at the array's front until there are this many: shifting one by one is quadratic. */
const COMPACT_AT = 1024;

export class Outbox {
  readonly #limits: OutboxLimits;
  #entries: Entry[] = [];
  #head = 0;
  #bytes = 0;
  #assigned = 0;
  #sent = 0;
  #lost = 0;

  constructor(limits: OutboxLimits = OUTBOX_LIMITS) {
    this.#limits = limits;
  }

  /** Events held, not yet acknowledged. */
  get size(): number {
    return this.#entries.length - this.#head;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Events dropped because of the limits, ever. */
  get lost(): number {
    return this.#lost;
  }

  /** The oldest event held, or the number that the next one will get. */
  get nextSeq(): number {
    return this.#entries[this.#head]?.seq ?? this.#assigned + 1;
  }

  /** Takes an event; returns its seq. Throws, without using up a seq, when it cannot be made a frame. */
  append(event: DurableEvent, at_ms: number): number {
    const seq = this.#assigned + 1;
    const { type, ...rest } = event;
    const text = encodeFrame({ type, seq, at_ms, ...rest });
    const bytes = Buffer.byteLength(text);
    this.#assigned = seq;
    this.#entries.push({ seq, text, bytes });
    this.#bytes += bytes;
    while (this.size > 1 && (this.size > this.#limits.maxEvents || this.#bytes > this.#limits.maxBytes)) {
      this.#drop();
      this.#lost++;
    }
    return seq;
  }

  /** Forgets everything up to and including `seq`. */
  acknowledge(seq: number): void {
    while (this.size > 0 && this.#entries[this.#head]!.seq <= seq) this.#drop();
  }

  /** A new connection: all that is held has to be sent again. */
  rewind(): void {
    this.#sent = 0;
  }

  /** The text of the next event that this connection has not sent, or undefined. `sent` moves on. */
  unsent(): string | undefined {
    const oldest = this.#entries[this.#head];
    if (!oldest) return undefined;
    const next = Math.max(this.#sent + 1, oldest.seq);
    return this.#entries[this.#head + next - oldest.seq]?.text;
  }

  sent(): void {
    this.#sent = Math.max(this.#sent + 1, this.nextSeq);
  }

  #drop(): void {
    const entry = this.#entries[this.#head]!;
    this.#bytes -= entry.bytes;
    this.#head++;
    if (this.#head >= COMPACT_AT || this.#head === this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }
}
