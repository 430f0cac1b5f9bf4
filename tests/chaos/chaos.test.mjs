// A bad machine under the gateway, while people go on working: a disk that is full, read-only, slow or failing, a clock
// that jumps, no file descriptors, no memory, a damaged journal, and everything dying at random. Whatever was accepted
// has exactly one effect; what could not be accepted was not acknowledged.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';

import { generator, startCrashWorld } from '../crash/world.mjs';
import { until } from '../harness/child.mjs';
import { BOB, GENERAL } from '../harness/world.mjs';
import { EIO, ENOSPC, EROFS, Machine } from './machine.mjs';

const DAY_MS = 24 * 3600 * 1000;
const PAGE_BYTES = 4096;
const ROUNDS = Number(process.env.CHAOS_ROUNDS ?? 30);
const SEED = Number(process.env.CHAOS_SEED ?? Date.now() % 1_000_000);
const PEOPLE = 3; // talk at the same time

let machine, world, n = 0;
before(async () => {
  machine = new Machine();
  world = await startCrashWorld({ envFor: (scratch) => machine.env(scratch) });
});
beforeEach(() => machine.heal());
after(async () => {
  machine?.heal();
  await world?.close();
  machine?.close();
});

const prlimit = (what) => execFileSync('prlimit', ['--pid', String(world.gateway.current.pid), what]);
const ready = (status) =>
  until(`/readyz to answer ${status}`, async () => {
    const answer = await world.gateway.current?.api('GET', '/readyz').catch(() => null);
    return answer?.status === status && answer.body;
  }, 30_000);

/** A conversation during which `trouble` happens; afterwards everything must add up. */
async function survive(name, trouble, options) {
  const exchange = world.exchange(`${name} ${++n}`, options);
  await world.gateway.start();
  try {
    await ready(200);
    const running = exchange.run();
    running.catch(() => {}); // it is awaited below; until then it must not end the process
    await trouble(exchange, running);
    machine.heal();
    await running;
    await world.checkAtRest();
    await exchange.check();
  } finally {
    machine.heal();
    await world.gateway.stop();
  }
  return exchange;
}

const refused = (more = 3) => {
  const from = machine.failures;
  return until('the disk to refuse', () => machine.failures >= from + more, 30_000);
};

for (const [name, orders] of Object.entries({
  'the disk is full': { writeErrno: ENOSPC },
  'the disk is read-only': { writeErrno: EROFS },
  'the disk fails to write': { writeErrno: EIO },
  'the disk fails to sync': { syncErrno: EIO },
})) {
  test(`${name}: nothing is acknowledged, health says so, and it goes on`, async () => {
    await survive(name, async () => {
      machine.set(orders);
      await refused();
      const health = await ready(503);
      assert.match(JSON.stringify(health), /journal/, 'health names the journal');
      const { acked } = await world.slack.command(BOB, GENERAL, '/opencode', 'status');
      assert.equal(acked, false, 'a command that cannot be stored is not acknowledged');
    });
  });
}

test('the disk is full again and again, for moments', async () => {
  await survive('moments', async () => {
    for (let i = 0; i < 5; i++) {
      machine.set({ writeErrno: ENOSPC });
      const command = world.slack.command(BOB, GENERAL, '/opencode', 'status'); // something to write
      await refused(1);
      machine.heal();
      await command;
      await ready(200);
    }
  });
});

test('a sync takes 400 ms: everything is acknowledged in time all the same', async () => {
  const exchange = await survive('slow', async (self) => {
    machine.set({ syncMs: 400 });
    await world.settled();
    await until('the conversation to get somewhere', () => self.ts, 60_000);
  });
  assert.deepEqual(exchange.attempts, { command: 1, click: 1 }, 'nobody had to repeat anything');
});

for (const [name, jumps] of Object.entries({
  'two days forward': [2 * DAY_MS],
  'two days back': [-2 * DAY_MS],
  'to and fro': [DAY_MS, -DAY_MS, 3600_000, -3600_000, 0],
})) {
  test(`the clock jumps ${name} in the middle of a conversation`, async () => {
    await survive(`clock ${name}`, async (self, running) => {
      await until('the conversation to have begun', () => self.ts, 60_000);
      for (const clockMs of jumps) {
        machine.set({ clockMs });
        await world.slack.say(BOB, GENERAL, 'just talk');
        await world.settled();
      }
      await running;
    });
  });
}

test('no file descriptors are left, while OpenCode tries to come back', async () => {
  await survive('descriptors', async () => {
    const { pid } = world.gateway.current;
    const open = readdirSync(`/proc/${pid}/fd`).length;
    prlimit(`--nofile=${open}:`);
    world.opencode.cut();
    await until('the gateway to say so', () => /cannot accept|Too many open files|Could ?n.t/.test(world.gateway.current.log()), 30_000);
    prlimit('--nofile=4096:');
    await until('OpenCode to be back', () => world.opencode.connected, 60_000);
  });
});

/** Many requests with large bodies that never end: each is kept as far as it has come. */
async function fillWithRequests(port) {
  const head = `POST /api/opencode/permission HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n`;
  return Promise.all(
    Array.from({ length: 64 }, async () => {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => {}); // the other end dies, which is what the test is about
      await once(socket, 'connect');
      socket.write(head + 'x'.repeat(800_000));
      return socket;
    }),
  );
}

test('no memory is left: the process dies, and the next one goes on', async () => {
  world.gateway.mayEndBy('SIGABRT', 'SIGSEGV', 'SIGBUS');
  await survive('memory', async () => {
    const { pid } = world.gateway.current;
    const used = Number(/VmSize:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;
    prlimit(`--as=${used + (4 << 20)}:`);
    const before = world.gateway.kills;
    const uploads = await fillWithRequests(world.gateway.current.port);
    await until('the gateway to have no memory', () => world.gateway.kills > before, 30_000);
    for (const socket of uploads) socket.destroy();
  });
});

/** Makes the pages of the journal unreadable in which `text` stands; returns how many there were. */
function damage(file, text) {
  const bytes = readFileSync(file);
  let n = 0;
  for (let at = PAGE_BYTES; at < bytes.length; at += PAGE_BYTES) {
    const page = bytes.subarray(at, at + PAGE_BYTES);
    if (!page.includes(text)) continue;
    page.fill(0xa5);
    n++;
  }
  writeFileSync(file, bytes);
  return n;
}

test('the journal is damaged on the disk: what is left of it goes on, and the log says so', async () => {
  const { ts } = await survive('damage', async () => {});
  assert.ok(damage(join(world.scratch, 'gateway.db'), 'msg:') > 0, 'keys of messages are in the journal');
  await world.gateway.start();
  try {
    await ready(200);
    assert.match(world.gateway.current.log(), /level=error .*the journal .* was damaged; what could be read of it is in use again/);
    assert.equal(await world.gateway.current.metric('journal_salvaged'), 1);
    await world.slack.say(BOB, GENERAL, 'say:Still here.', { thread_ts: ts });
    await until('the session to go on', async () =>
      (await world.slack.thread(GENERAL, ts)).some((m) => m.bot_id && m.text === 'Still here.'), 60_000);
    await world.settled();
  } finally {
    await world.gateway.stop();
  }
});

/** What can happen to a machine and its neighbours; each leaves nothing broken behind. */
const TROUBLES = {
  'the gateway dies': () => world.gateway.kill(),
  'the gateway is stopped for a moment': async (pause) => {
    const { pid } = world.gateway.current ?? {};
    if (!pid) return;
    process.kill(pid, 'SIGSTOP');
    await pause(500);
    process.kill(pid, 'SIGCONT');
  },
  'OpenCode is cut off': () => world.opencode.cut(),
  'Slack cuts its sockets': () => world.slack.post('sockets', { action: 'kill' }),
  'Slack resets its sockets': () => world.slack.post('sockets', { action: 'reset' }),
  'Slack refreshes its sockets': () => world.slack.post('sockets', { action: 'refresh' }),
  'Slack loses answers': () => world.slack.post('faults', [{ action: 'drop_response_after', times: 3 }]),
  'Slack fails after the effect': () => world.slack.post('faults', [{ action: 'http_500_after', times: 3 }]),
  'the disk is full': async (pause) => {
    machine.set({ writeErrno: ENOSPC });
    await pause(300);
    machine.heal();
  },
  'the disk is slow': async (pause) => {
    machine.set({ syncMs: 200 });
    await pause(1000);
    machine.heal();
  },
};

test(`${ROUNDS} troubles at random, while ${PEOPLE} conversations go on (seed ${SEED})`, async (t) => {
  const random = generator(SEED);
  const names = Object.keys(TROUBLES);
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms * random()));
  const done = [], counts = {};
  let over = false;
  world.gateway.mayFailToStart = true; // the disk may be full just then
  const person = async (i) => {
    const channel = await world.channel(`chaos-${i}`);
    for (let k = 1; !over; k++) {
      const exchange = world.exchange(`chaos ${i}.${k}`, { channel, mention: random() < 0.4, question: random() < 0.4 });
      done.push(exchange);
      await exchange.run();
      await world.settled();
    }
  };
  const trouble = async () => {
    for (let i = 0; i < ROUNDS; i++) {
      const name = random() < 0.4 ? names[0] : names[Math.floor(random() * names.length)];
      counts[name] = (counts[name] ?? 0) + 1;
      await TROUBLES[name](pause);
      await pause(1200);
    }
    over = true;
  };
  await world.gateway.start();
  try {
    await Promise.all([trouble(), ...Array.from({ length: PEOPLE }, (_, i) => person(i + 1))]);
    await world.slack.post('faults', []);
    await world.checkAtRest();
    for (const exchange of done) await exchange.check();
  } finally {
    machine.heal();
    await world.gateway.stop();
  }
  t.diagnostic(`${done.length} conversations; ${Object.entries(counts).map(([name, k]) => `${k} × ${name}`).join(', ')}`);
});
