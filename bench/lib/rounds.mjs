// One round: a fresh Slack, a fresh program under test, all its figures. Latencies are taken by localslack (from the
// write of an envelope to the arrival of its acknowledgement) or by bridge-load, each with one clock.

import { until } from '../../tests/harness/child.mjs';
import { cpuMs, memoryMb } from './process.mjs';
import { startBridgeLoad, startSlack, subjects } from './subjects.mjs';

// localslack's generator writes a fresh identifier wherever its payload has this word. As the action_id of a button it
// makes every click another one, not the same click delivered again.
const FRESH = 'EvBENCH00000';
const CHANNEL = 'general';
const IDLE_MS = 5000;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Sends envelopes and waits until all are acknowledged: localslack's report. */
async function load(slack, envelopes) {
  await slack.post('bench', envelopes);
  const report = await until('all envelopes acknowledged', async () => {
    const now = await slack.get('bench');
    return now.running ? null : now;
  }, 120_000, 50);
  if (report.failed > 0) throw new Error(`${report.failed} envelopes were not acknowledged`);
  return report;
}

const message = { kind: 'message', channel: CHANNEL, user: 'ann', text: 'Good morning, has anyone seen the blue folder?' };

/** Clicks on a button of a new message; `value` tells the gateway which session it belongs to. */
async function clicks(slack, value) {
  const { ts } = await slack.call('chat.postMessage', {
    channel: 'C0GENERAL',
    text: 'A card',
    blocks: [{ type: 'actions', elements: [{ type: 'button', action_id: FRESH, value, text: { type: 'plain_text', text: 'Open' } }] }],
  });
  return { kind: 'action', channel: CHANNEL, user: 'ann', ts, action_id: FRESH };
}

/** Runs a load of `seconds` at full speed: {report, cpu_us} with the CPU time per envelope. */
async function saturate(slack, subject, envelopes, perSecond, seconds, settled) {
  const count = Math.max(1000, Math.round(perSecond * seconds));
  const before = cpuMs(subject.pid);
  const report = await load(slack, { ...envelopes, envelopes: count, window: 256 });
  const waitedMs = await settled(count);
  return {
    p50_ms: report.p50_us / 1000,
    p99_ms: report.p99_us / 1000,
    per_second: count / (report.seconds + waitedMs / 1000),
    cpu_us: ((cpuMs(subject.pid) - before) * 1000) / count,
  };
}

const atOnce = async () => 0;

/** Each click must become exactly one committed turn; gives what had to be waited beyond the last acknowledgement. */
async function turnsCounter(gateway) {
  const before = await gateway.turns();
  return async (count) => {
    const started = performance.now();
    const turns = await until('every click has had its turn', async () => {
      const n = (await gateway.turns()) - before;
      return n >= count ? n : 0;
    }, 30_000, 5);
    if (turns > count * 1.01) throw new Error(`${count} clicks led to ${turns} turns: not what is to be measured`);
    return performance.now() - started;
  };
}

/** The session whose card is clicked on: at work in a played OpenCode, as in life. */
async function sessionOf(gateway) {
  const sessions = await until('a session', async () => {
    const all = await gateway.sessions();
    return all.length > 0 && all;
  });
  return sessions[0].ref;
}

/** The figures of one program, in one round. */
export async function envelopeRound(name, plan, withIdle) {
  const slack = await startSlack();
  const parts = [slack];
  try {
    const subject = await subjects[name](slack);
    parts.unshift(subject);
    const out = {};
    if (withIdle) {
      await sleep(IDLE_MS);
      Object.assign(out, memoryMb(subject.pid));
    }
    let value = '0000000000000000';
    if (name === 'gateway') {
      const hold = startBridgeLoad('hold', slack, subject);
      parts.unshift(hold);
      await hold.ready();
      value = await sessionOf(subject);
    }
    const counter = () => (name === 'gateway' ? turnsCounter(subject) : atOnce);
    const warmUp = { envelopes: plan.warmUp, window: 64 };
    const messageRate = (await load(slack, { ...message, ...warmUp })).per_second;
    const clickRate = (await load(slack, { ...(await clicks(slack, value)), ...warmUp })).per_second;

    const steady = await load(slack, {
      ...(await clicks(slack, value)), rate: plan.rate, envelopes: Math.round(plan.rate * plan.steadySeconds), window: 256,
    });
    out.steady = { p50_ms: steady.p50_us / 1000, p99_ms: steady.p99_us / 1000 };
    out.message = await saturate(slack, subject, message, messageRate, plan.seconds, atOnce);
    out.click = await saturate(slack, subject, await clicks(slack, value), clickRate, plan.seconds, await counter());
    if (name !== 'gateway') out.echo = await startBridgeLoad('echo', slack, null, plan.echo).result();
    return out;
  } finally {
    for (const part of parts) await part.stop();
  }
}

/** Questions and clicks, with sessions that stream meanwhile. */
export async function questionRound(plan) {
  const slack = await startSlack();
  const parts = [slack];
  try {
    const gateway = await subjects.gateway(slack);
    parts.unshift(gateway);
    const bridge = startBridgeLoad('questions', slack, gateway, plan.questions);
    parts.unshift(bridge);
    return await bridge.result();
  } finally {
    for (const part of parts) await part.stop();
  }
}
