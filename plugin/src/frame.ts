// One object → the text of one frame, never above the protocol's 1 MiB, and without what other languages
// cannot hold in a string.

import { MAX_FRAME_BYTES } from "./protocol.ts";
import { cutChars } from "./text.ts";

function cutStrings(value: unknown, max: number): unknown {
  if (typeof value === "string") return cutChars(value, max);
  if (Array.isArray(value)) return value.map((item) => cutStrings(item, max));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, cutStrings(item, max)]));
}

/** JSON's escapes of U+0000 and of half a surrogate pair, which tools and cut texts do produce. */
const UNSPEAKABLE = /\\u(?:0000|d[89a-f][0-9a-f]{2})/;

function encode(frame: unknown): string {
  const text = JSON.stringify(frame);
  if (!UNSPEAKABLE.test(text)) return text;
  return JSON.stringify(frame, (_, value: unknown) =>
    typeof value === "string" ? value.toWellFormed().replaceAll("\0", "\ufffd") : value);
}

/**
 * The frame as text. A frame above `max` bytes has its longest strings cut, shortest limit last; 4096
 * characters is where directories begin, so below that nothing more is cut and an error is thrown.
 */
export function encodeFrame(frame: object, max = MAX_FRAME_BYTES): string {
  let text = encode(frame);
  for (let limit = 131_072; Buffer.byteLength(text) > max; limit = Math.floor(limit / 2)) {
    if (limit < 4096) throw new Error(`a frame of ${Buffer.byteLength(text)} bytes cannot be cut to ${max}`);
    text = encode(cutStrings(frame, limit));
  }
  return text;
}
