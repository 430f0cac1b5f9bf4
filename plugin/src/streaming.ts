// Text as it is written: OpenCode sends one event per token (reference §9), the gateway wants to edit a
// message now and then. At most one frame per part and interval, and one when the part ends.

import type { Place, VolatileBody } from "./protocol.ts";
import { tailChars } from "./text.ts";

export const STREAM_INTERVAL_MS = 250;
export const STREAM_TAIL_CHARS = 1500;
/** Parts being written at one time; a part that ends is forgotten at once. */
const MAX_PARTS = 2000;

type Kind = "text" | "reasoning";
type Part = {
  place: Place;
  message_id: string;
  kind: Kind;
  tail: string;
  length: number;
  sent_ms: number;
  timer: ReturnType<typeof setTimeout> | undefined;
};

export class Streaming {
  readonly #parts = new Map<string, Part>();
  readonly #send: (place: Place, body: VolatileBody) => void;
  readonly #now: () => number;
  readonly #interval_ms: number;

  constructor(
    send: (place: Place, body: VolatileBody) => void, now: () => number = Date.now, interval_ms = STREAM_INTERVAL_MS,
  ) {
    this.#send = send;
    this.#now = now;
    this.#interval_ms = interval_ms;
  }

  get size(): number {
    return this.#parts.size;
  }

  /** message.part.delta: text is appended. A delta may come before its part was announced (#26924). */
  append(place: Place, messageId: string, partId: string, delta: string): void {
    const part = this.#parts.get(partId) ?? this.#open(place, messageId, partId, "text");
    part.tail = tailChars(part.tail + delta, STREAM_TAIL_CHARS);
    part.length += delta.length;
    this.#schedule(partId, part);
  }

  /** message.part.updated: the whole text so far; `ended` when no more will come. */
  replace(place: Place, messageId: string, partId: string, kind: Kind, text: string, ended: boolean): void {
    const part = this.#parts.get(partId) ?? this.#open(place, messageId, partId, kind);
    part.kind = kind;
    part.tail = tailChars(text, STREAM_TAIL_CHARS);
    part.length = text.length;
    if (ended) {
      this.#close(partId, part);
      if (part.length > 0) this.#emit(partId, part);
    } else if (part.length > 0) this.#schedule(partId, part);
  }

  /** The session's run is over: nothing more will be said about its parts. */
  endSession(sessionId: string): void {
    for (const [id, part] of this.#parts) if (part.place.session_id === sessionId) this.#close(id, part);
  }

  #open(place: Place, message_id: string, partId: string, kind: Kind): Part {
    const oldest = this.#parts.size >= MAX_PARTS ? this.#parts.entries().next().value : undefined;
    if (oldest) this.#close(oldest[0], oldest[1]);
    const part: Part = { place, message_id, kind, tail: "", length: 0, sent_ms: 0, timer: undefined };
    this.#parts.set(partId, part);
    return part;
  }

  #close(partId: string, part: Part): void {
    clearTimeout(part.timer);
    this.#parts.delete(partId);
  }

  #schedule(partId: string, part: Part): void {
    if (part.timer !== undefined) return;
    const wait = part.sent_ms + this.#interval_ms - this.#now();
    if (wait <= 0) {
      this.#emit(partId, part);
      return;
    }
    part.timer = setTimeout(() => {
      part.timer = undefined;
      this.#emit(partId, part);
    }, wait);
    part.timer.unref?.();
  }

  #emit(partId: string, part: Part): void {
    part.sent_ms = this.#now();
    this.#send(part.place, {
      type: "message.part.streamed",
      message_id: part.message_id,
      part_id: partId,
      kind: part.kind,
      content: part.tail,
      length: part.length,
    });
  }
}
