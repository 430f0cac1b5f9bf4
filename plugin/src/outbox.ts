// Durable events on their way to the gateway: numbered, kept until acknowledged, sent again after a
// reconnect. The buffer has a limit, because the gateway may be away for days while OpenCode works; beyond
// it the oldest are dropped and counted, and the reconcile event that follows the next welcome repairs what
// they said. A file would survive the death of OpenCode, but so does OpenCode's own database: after a
// restart there is a new bridge_id and the gateway reads the sessions again.

import { encodeFrame } from "./frame.ts";
import type { DurableEvent } from "./protocol.ts";

//
// What is sent ahead of the acknowledgements is limited too: Bun's WebSocket takes any amount and does not
// tell how much of it has left (bufferedAmount is 0 also when the peer reads nothing), so the window is what
// holds a replay of 16 MiB back from a gateway that is slow.

export type OutboxLimits = { maxEvents: number; maxBytes: number; windowEvents: number; windowBytes: number };
export const OUTBOX_LIMITS: OutboxLimits = {
  maxEvents: 10_000,
  maxBytes: 16 * 1024 * 1024,
  windowEvents: 1000,
  windowBytes: 2 * 1024 * 1024,
};

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
  #flying = 0;
  #flyingBytes = 0;
  #lost = 0;

  constructor(limits: Partial<OutboxLimits> = {}) {
    this.#limits = { ...OUTBOX_LIMITS, ...limits };
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

  /** As much is sent and unacknowledged as may be: the gateway is behind. */
  get isWindowFull(): boolean {
    return this.#flying >= this.#limits.windowEvents || this.#flyingBytes >= this.#limits.windowBytes;
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
    this.#flying = 0;
    this.#flyingBytes = 0;
  }

  /** The next event to send on this connection, marked as sent; undefined when there is none or the window is full. */
  takeUnsent(): string | undefined {
    const oldest = this.#entries[this.#head];
    if (!oldest || this.isWindowFull) return undefined;
    const next = Math.max(this.#sent + 1, oldest.seq);
    const entry = this.#entries[this.#head + next - oldest.seq];
    if (!entry) return undefined;
    this.#sent = next;
    this.#flying++;
    this.#flyingBytes += entry.bytes;
    return entry.text;
  }

  #drop(): void {
    const entry = this.#entries[this.#head]!;
    this.#bytes -= entry.bytes;
    if (entry.seq <= this.#sent) {
      this.#flying--;
      this.#flyingBytes -= entry.bytes;
    }
    this.#head++;
    if (this.#head >= COMPACT_AT || this.#head === this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }
}
