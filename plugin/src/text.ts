// Cutting text to the contract's limits without leaving half a character behind.

export const ELLIPSIS = "…";

function isLowSurrogate(code: number): boolean {
  return code >= 0xdc00 && code <= 0xdfff;
}

/** At most `max` UTF-16 code units (hence at most `max` characters), the mark of a cut included. */
export function cutChars(text: string, max: number): string {
  if (text.length <= max) return text;
  let end = Math.max(0, max - ELLIPSIS.length);
  if (isLowSurrogate(text.charCodeAt(end))) end--;
  return text.slice(0, end) + ELLIPSIS;
}

/** At most `max` bytes of UTF-8, the mark of a cut included. */
export function cutBytes(text: string, max: number): string {
  if (text.length * 3 <= max || Buffer.byteLength(text) <= max) return text;
  const bytes = Buffer.from(text).subarray(0, max - Buffer.byteLength(ELLIPSIS));
  let end = bytes.length;
  // A cut inside a sequence leaves continuation bytes (10xxxxxx) and their lead byte behind: take them off.
  while (end > 0 && (bytes[end - 1]! & 0xc0) === 0x80) end--;
  const lead = end > 0 ? bytes[end - 1]! : 0;
  const expected = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
  const complete = end > 0 && bytes.length - (end - 1) >= expected;
  return bytes.subarray(0, complete ? bytes.length : end - 1).toString("utf8") + ELLIPSIS;
}

/** The last `max` UTF-16 code units, without a leading half character. */
export function tailChars(text: string, max: number): string {
  if (text.length <= max) return text;
  const start = text.length - max;
  return text.slice(isLowSurrogate(text.charCodeAt(start)) ? start + 1 : start);
}

/** One line, no control characters: for names that become part of a sentence. */
export function oneLine(text: string, max: number): string {
  return cutChars(text.replace(/[\p{Cc}\p{Z}]+/gu, " ").trim(), max);
}
