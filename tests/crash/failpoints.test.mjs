// kill -9 at every named place of the engine, the journal and the routes, while people go on working: every input that
// was accepted has exactly one effect. tests/crash/README.md says what the long form does.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';

import { generator, startCrashWorld } from './world.mjs';

/** Where the path of a conversation goes; what has failpoints elsewhere (workspaces) is killed by tests of its own. */
const SOURCES = ['flow', 'store', 'gateway'].map((part) => fileURLToPath(new URL(`../../src/${part}`, import.meta.url)));
const FULL = process.env.CRASH_FULL === '1';
const KILLS = Number(process.env.CRASH_KILLS ?? (FULL ? 200 : 15));
const SEED = Number(process.env.CRASH_SEED ?? Date.now() % 1_000_000);

/** Each place, and at which of its passes the short form kills: somewhere in the middle of the exchange. */
const FAILPOINTS = {
  'ask.after_start': 4,
  'ask.before_start': 5,
  'ask.done': 3,
  'bridge.before_ack': 4,
  'bridge.before_deliver': 3,
  'engine.batch_done': 12,
  'journal.after_commit': 10,
  'journal.before_commit': 14,
  'journal.before_done': 16,
  'slack.after_ack': 1,
  'slack.before_ack': 2,
  'slack.before_deliver': 3,
  'turn.after': 6,
  'turn.before': 9,
};
const PASSES = [1, 2, 3, 5, 8, 13, 21];

function sources(directory) {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    return entry.isDirectory() ? sources(path) : /\.[ch]$/.test(entry.name) ? [path] : [];
  });
}

test('every failpoint of the sources is in the list', () => {
  const named = SOURCES.flatMap(sources).flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/\bFAILPOINT\("([^"]+)"\)/g)].map((m) => m[1]),
  );
  assert.deepEqual([...new Set(named)].sort(), Object.keys(FAILPOINTS).sort());
});

let world;
before(async () => {
  world = await startCrashWorld();
});
after(() => world?.close());

/** One exchange, during which the gateway dies once; false when it never came to that pass. */
async function dieAt(name, pass) {
  let armed = `${name}:${pass}`;
  const before = world.gateway.kills;
  await world.gateway.start(() => {
    const failpoint = armed;
    armed = null; // the one that follows lives
    return failpoint;
  });
  try {
    const exchange = world.exchange(`${name}:${pass}`);
    await exchange.run();
    await world.checkAtRest();
    await exchange.check();
  } finally {
    await world.gateway.stop();
  }
  return world.gateway.kills > before;
}

for (const [name, pass] of Object.entries(FAILPOINTS)) {
  test(`killed at ${name}, pass ${pass}`, async () => {
    assert.ok(await dieAt(name, pass), 'the failpoint was passed, and the build has failpoints');
  });
}

if (FULL) {
  for (const name of Object.keys(FAILPOINTS)) {
    test(`killed at ${name}, at each of the passes ${PASSES}`, async (t) => {
      for (const pass of PASSES.filter((p) => p !== FAILPOINTS[name])) {
        if (!(await dieAt(name, pass))) t.diagnostic(`${name} has no pass ${pass} in one exchange`);
      }
    });
  }
}

const PEOPLE = 3; // talk at the same time

test(`killed ${KILLS} times at random, while ${PEOPLE} conversations go on (seed ${SEED})`, async (t) => {
  const random = generator(SEED);
  const names = Object.keys(FAILPOINTS);
  const until = world.gateway.kills + KILLS;
  const enough = () => world.gateway.kills >= until;
  // Most lives are short, some are long enough to get something done.
  const arm = () => (enough() ? null : `${names[Math.floor(random() * names.length)]}:${Math.ceil(2 ** (random() * 7))}`);
  const done = [];
  const person = async (i) => {
    const channel = await world.channel(`storm-${i}`);
    for (let n = 1; !enough(); n++) {
      const exchange = world.exchange(`storm ${i}.${n}`, { channel, mention: random() < 0.4, question: random() < 0.4 });
      done.push(exchange);
      await exchange.run();
      await world.settled(); // people who never pause would fill the minute's edits with urgent ones
    }
  };
  await world.gateway.start(arm);
  try {
    await Promise.all(Array.from({ length: PEOPLE }, (_, i) => person(i + 1)));
    await world.checkAtRest();
    for (const exchange of done) await exchange.check();
  } finally {
    await world.gateway.stop();
  }
  const again = done.reduce((sum, e) => sum + Math.max(0, e.attempts.command - 1) + e.attempts.click - 1, 0);
  t.diagnostic(`${KILLS} kills, ${done.length} conversations, ${again} inputs that people had to repeat`);
});
