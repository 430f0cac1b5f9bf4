// Events through the mapping, without OpenCode and without a gateway.

import { readFileSync } from "node:fs";
import { Events } from "../../build/events.js";
import { Pending } from "../../build/pending.js";
import { Sessions } from "../../build/sessions.js";
import { OpenCodeError } from "../../build/opencode.js";
import { frameErrors } from "./contract.mjs";

export const DIRECTORY = "/srv/proj";

/** A mapping with everything it says kept in `durable`, `volatile` and `observed`. */
export function mapping({ lookUp, replyPermission, rejectQuestion } = {}) {
  const said = { durable: [], volatile: [], observed: [], log: [], rejected: [], errors: [] };
  const durable = (place, body) => {
    const event = { ...place, ...body };
    said.durable.push(event);
    said.errors.push(...frameErrors("to-gateway", { seq: said.durable.length, at_ms: 1, ...event }));
  };
  const volatile = (place, body) => {
    const event = { ...place, ...body };
    said.volatile.push(event);
    said.errors.push(...frameErrors("to-gateway", event));
  };
  const sessions = new Sessions(
    lookUp ?? (async (id) => {
      throw new OpenCodeError(404, `Session not found: ${id}`);
    }),
    (message) => said.log.push(message),
  );
  const opencode = {
    replyPermission: async (directory, id, reply) => {
      said.rejected.push({ directory, id, reply });
      await replyPermission?.(id);
    },
    rejectQuestion: async (directory, id) => {
      said.rejected.push({ directory, id });
      await rejectQuestion?.(id);
    },
  };
  const pending = new Pending(opencode, durable, (level, message) => said.log.push(`${level} ${message}`));
  const events = new Events(sessions, pending, { durable, volatile, observed: (_, fact) => said.observed.push(fact) });
  return { events, pending, sessions, said, types: () => said.durable.map((event) => event.type) };
}

export function recorded(name) {
  const file = new URL(`../recorded/s_${name}.jsonl`, import.meta.url);
  return readFileSync(file, "utf8").trim().split("\n").map((line) => JSON.parse(line)).map(({ id, type, properties }) => ({ id, type, properties }));
}

/** Plays a recording and lets the last user message and look-ups finish. */
export async function play(name, options) {
  const map = mapping(options);
  for (const event of recorded(name)) map.events.handle(DIRECTORY, event);
  await new Promise((resolve) => setImmediate(resolve));
  return map;
}
