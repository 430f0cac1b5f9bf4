// A world whose gateway keeps dying: localslack, a played OpenCode, and a supervisor that starts the gateway again on
// the same journal whenever it is killed. The people in it do what people do: who was told that it did not work looks
// whether it happened after all, and tries again.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { until } from '../harness/child.mjs';
import { FakeOpenCode } from '../harness/fake-bridge.mjs';
import { gatewayBin, startGateway } from '../harness/gateway.mjs';
import { startLocalSlack } from '../harness/localslack.mjs';
import { freePort } from '../harness/opencode.mjs';
import { ANN, BOB, BOT, GENERAL, buttonsOf, isProgress, textOf } from '../harness/world.mjs';
import { autopsy, forgetCores, keepCores } from './autopsy.mjs';

const WAIT_MS = 240_000; // Slack's limits hold here, too: 50 edits a minute, and some of them have to wait
const TOKEN = 'bridge-token-of-the-tests';

/** Starts the gateway, again and again; `arm()` gives the failpoint of each start, or nothing. */
class Supervisor {
  #options;
  #ending = false;
  #loop = null;
  #signals = ['SIGKILL'];
  kills = 0;
  current = null;
  mayFailToStart = false; // it is started again until it does

  constructor(options) {
    this.#options = options;
  }

  /** With the failpoints that `arm` gives, one per start; returns when the first one listens (or has died trying). */
  async start(arm = () => null) {
    this.#ending = false;
    await this.#spawn(arm);
    this.#loop = this.#watch(arm);
  }

  async #spawn(arm) {
    const failpoint = arm();
    this.current = null;
    try {
      this.current = await startGateway({ ...this.#options, ...(failpoint ? { failpoint } : {}) });
    } catch (error) {
      if (!failpoint && !this.mayFailToStart) throw error;
      this.kills++; // at a failpoint that lies before the server, or on a bad machine
    }
  }

  async #watch(arm) {
    while (!this.#ending) {
      if (this.current) {
        const { signal } = await this.current.exited();
        if (this.#ending) return;
        if (!this.#signals.includes(signal)) {
          const log = this.current.log();
          throw new Error(`the gateway ended by itself (${signal}):\n${autopsy({ program: gatewayBin(), directory: this.#options.stateDir, log })}`);
        }
        forgetCores(this.#options.stateDir);
        this.kills++;
      }
      await this.#spawn(arm);
    }
  }

  /** Ends that count as kills, beside SIGKILL. */
  mayEndBy(...signals) {
    this.#signals.push(...signals);
  }

  /** kill -9, at whatever it is doing. */
  async kill() {
    await this.current?.kill9();
  }

  async stop() {
    this.#ending = true;
    const result = await this.current?.stop();
    await this.#loop;
    return result;
  }

  /** An API call that outlives restarts: null while nobody answers. */
  async get(path) {
    try {
      const { status, body } = await this.current.api('GET', path);
      return status === 200 ? body : null;
    } catch (error) {
      if (error instanceof TypeError || error.name === 'AbortError') return null; // nobody there, or cut
      throw error;
    }
  }
}

/** `envFor(directory)` gives the gateway further variables that depend on where its state is. */
export async function startCrashWorld({ env, envFor = () => ({}) } = {}) {
  keepCores();
  const scratch = await mkdtemp(join(tmpdir(), 'crash-'));
  const port = await freePort();
  const slack = await startLocalSlack();
  // Slack repeats an event after 3 s, 60 s and 300 s; here nobody has that much time.
  await slack.post('switches', { retry_scale: 0.02, ack_timeout_ms: 2000 });
  const opencode = new FakeOpenCode({ gatewayUrl: `http://127.0.0.1:${port}`, token: TOKEN, directory: scratch });
  const gateway = new Supervisor({
    slackUrl: slack.url,
    directory: scratch,
    stateDir: scratch,
    port,
    bridgeToken: TOKEN,
    env: { GATEWAY_PROGRESS_INTERVAL_MS: '1000', ...env, ...envFor(scratch) },
  });
  const world = { slack, opencode, gateway, scratch };
  const patience = keepDelivering(slack);

  /** Nothing accepted is left undone: no event waits, no ask is pending. What waits for people or OpenCode may. */
  world.settled = (timeoutMs = WAIT_MS) =>
    until(
      'everything accepted to be done',
      async () => {
        const flows = await gateway.get('/api/flows');
        const asks = flows && (await gateway.get('/api/asks'));
        return asks && flows.every((f) => f.waiting === 0) && asks.every((a) => a.status !== 'pending');
      },
      timeoutMs,
    );
  world.exchange = (name, options) => new Exchange(world, name, options);
  world.channel = async (name) => (await slack.post('channels', { name, members: [ANN, BOB, BOT] })).id;
  /** What must be true of the whole when everybody is done. */
  world.checkAtRest = async () => {
    await world.settled();
    const flows = await gateway.get('/api/flows');
    assert.deepEqual(flows.filter((f) => f.status !== 'active'), [], 'no flow is put aside');
    assert.deepEqual(await gateway.get('/api/asks'), [], 'no ask is left, dead ones included');
    await until('every event acknowledged to OpenCode', () => opencode.connected && opencode.unacknowledged === 0, WAIT_MS);
    assert.deepEqual(opencode.violations, [], 'the contract was kept on both sides');
    const oids = (await slack.state()).channels
      .flatMap((c) => c.messages)
      .map((m) => m.metadata?.event_payload?.oid)
      .filter(Boolean);
    assert.equal(new Set(oids).size, oids.length, 'no ask was posted twice');
  };
  world.close = async () => {
    await patience.stop();
    await gateway.stop();
    await opencode.stop();
    await slack.stop();
    await rm(scratch, { recursive: true, force: true, maxRetries: 3 });
  };
  return world;
}

/**
 * Slack gives an event up after three repetitions. Where the gateway dies more often than that within seconds, nothing
 * would be learnt from what then is missing: here Slack never gives up.
 */
function keepDelivering(slack) {
  let since = 0;
  const look = async () => {
    for (const { n, text } of await slack.get(`outcomes?outcome=lost&since=${since}`)) {
      since = n;
      await slack.post('redeliver', { event_id: JSON.parse(text).event_id });
    }
  };
  let looking = look();
  const timer = setInterval(() => (looking = looking.then(look)), 500);
  return {
    stop: async () => {
      clearInterval(timer);
      await looking;
    },
  };
}

/**
 * One conversation: a task, by command or by mention; a permission or a question, and its answer; a reply, and another
 * answer of the agent.
 */
class Exchange {
  constructor(world, name, { channel = GENERAL, mention = false, question = false } = {}) {
    Object.assign(this, { world, name, channel, mention, question, attempts: { command: 0, click: 0 } });
    this.action = question ? 'question.pick' : 'permission.once';
    this.answered = question ? /Answered/ : /Allowed once/;
  }

  async #wait(what, check) {
    try {
      return await this.world.slack.waitFor(check, { what: `${this.name}: ${what}`, timeout_ms: WAIT_MS });
    } catch (error) {
      error.message = `${error.message}\n${await this.#explain()}`;
      throw error;
    }
  }

  /** What the gateway knows of this conversation, and what it told Slack lately. */
  async #explain() {
    const { gateway, slack } = this.world;
    const flows = (await gateway.get('/api/flows'))?.filter((f) => JSON.stringify(f).includes(this.#title));
    const calls = (await slack.calls()).filter(({ args }) => this.ts && [args.ts, args.thread_ts, args.timestamp].includes(this.ts));
    const card = (await this.#thread()).find((m) => m.bot_id)?.ts;
    const edits = (await slack.calls('chat.update')).filter(({ args }) => card && args.ts === card);
    return [
      ...(flows ?? ['no answer from the gateway']).map((f) => JSON.stringify(f)),
      ...((await gateway.get('/api/asks')) ?? []).map((a) => JSON.stringify(a)),
      ...[...calls, ...edits].slice(-20).map((c) => `${c.at_ms} ${c.method} ${c.args.text ?? c.args.name} → ${c.status} ${c.response?.slice?.(0, 80) ?? ''}`),
    ].join('\n');
  }

  async #roots() {
    const messages = await this.world.slack.messages(this.channel);
    return messages.filter((m) => m.bot_id && (!m.thread_ts || m.thread_ts === m.ts) && m.text.includes(this.#title));
  }

  get #title() {
    return `(${this.name})`; // no name is the beginning of another
  }

  #thread() {
    return this.world.slack.thread(this.channel, this.ts);
  }

  /**
   * Does something that Slack does not repeat by itself. `act` gives {acked}; when it was not acknowledged, the person
   * sees an error, and does it again if it turns out not to have happened.
   */
  async #insist(kind, act, happened) {
    for (;;) {
      this.attempts[kind]++;
      const { acked } = await act().catch(() => ({ acked: false }));
      if (acked) break; // from now on it is the gateway's
      await this.world.settled();
      if (await happened()) break;
    }
    return this.#wait(`the ${kind} to have its effect`, happened);
  }

  /** The task is given; returns when its thread has a card. */
  async #begin() {
    const { slack } = this.world;
    const step = this.question ? 'question:1' : `bash:true ${this.#title}`;
    const task = `${step};;say:First ${this.#title}.`;
    if (this.mention) {
      this.ts = await slack.say(ANN, this.channel, `<@${BOT}> ${task}`);
    } else {
      const [card] = await this.#insist(
        'command',
        () => slack.command(ANN, this.channel, '/opencode', `start ${task}`),
        async () => {
          const roots = await this.#roots();
          return roots.length > 0 && roots;
        },
      );
      this.ts = card.ts;
    }
  }

  async #click() {
    const { slack } = this.world;
    const request = await this.#wait('the request', async () =>
      (await this.#thread()).find((m) => buttonsOf(m).some((b) => b.action_id.startsWith(this.action))),
    );
    const button = buttonsOf(request).find((b) => b.action_id.startsWith(this.action));
    await this.#insist(
      'click',
      () => slack.click({ user: BOB, channel: this.channel, ts: request.ts, ...button }),
      async () => {
        const now = (await this.#thread()).find((m) => m.ts === request.ts);
        return this.answered.test(textOf(now)) && now;
      },
    );
  }

  async run() {
    await this.#begin();
    await this.#click();
    await this.#answer('First');
    this.replyTs = await this.world.slack.say(BOB, this.channel, `say:Second ${this.#title}.`, { thread_ts: this.ts });
    await this.#answer('Second');
    await this.#wait('the card at rest', async () =>
      /Finished/.test(textOf((await this.#thread()).find((m) => m.bot_id))),
    );
    await this.#wait('the mark of a finished turn', async () =>
      (await this.#thread()).find((m) => m.ts === this.replyTs).reactions?.some((r) => r.name === 'white_check_mark'),
    );
  }

  #answer(which) {
    const text = `${which} ${this.#title}.`;
    return this.#wait(text, async () => (await this.#thread()).find((m) => m.bot_id && m.text === text));
  }

  /** Each input had exactly one effect. */
  async check() {
    await this.#checkOpenCode();
    await this.#checkThread();
  }

  #say(what) {
    return `${this.name}: ${what}`;
  }

  async #checkOpenCode() {
    const { opencode } = this.world;
    const sessions = [...opencode.sessions.values()].filter((s) => s.title.includes(this.#title));
    assert.equal(sessions.length, 1, this.#say('one session in OpenCode'));
    const [{ id }] = sessions;
    assert.deepEqual(
      opencode.prompts.filter((p) => p.text.includes(this.#title)).map((p) => [p.session_id, /First|Second/.exec(p.text)[0]]),
      [[id, 'First'], [id, 'Second']],
      this.#say('each prompt once, in order, in the one session'),
    );
    assert.deepEqual(
      opencode.replies.filter((r) => r.session_id === id).map((r) => r.answer),
      [this.question ? [['Yes']] : 'once'],
      this.#say('one answer to the request'),
    );
  }

  async #checkThread() {
    const messages = await this.#thread();
    const [card, ...rest] = messages.filter((m) => m.bot_id);
    assert.equal((await this.#roots()).length, this.mention ? 0 : 1, this.#say('one card'));
    assert.match(textOf(card), /Finished/, this.#say('the card is at rest'));
    // Messages that were said while the gateway was dead are announced in the thread.
    const others = rest.filter((m) => !isProgress(m) && !/came while I was away/.test(textOf(m)));
    assert.deepEqual(
      others.map((m) => (this.answered.test(textOf(m)) ? 'request' : m.text)),
      ['request', `First ${this.#title}.`, `Second ${this.#title}.`],
      this.#say('the thread has each message once, in order'),
    );
    assert.deepEqual(others.flatMap(buttonsOf), [], this.#say('nothing is left to press'));
    const progress = rest.filter(isProgress).map((m) => m.text);
    assert.ok(progress.length <= 2 && progress.every((text) => /^Done in/.test(text)), this.#say(`progress: ${progress}`));
    for (const ts of this.mention ? [this.ts, this.replyTs] : [this.replyTs]) {
      const marks = messages.find((m) => m.ts === ts).reactions.map((r) => r.name);
      assert.deepEqual(marks.sort(), ['eyes', 'white_check_mark'], this.#say('the marks of what was taken and is done'));
    }
  }
}

/** Mulberry32: a small generator that can be seeded. */
export function generator(seed) {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
