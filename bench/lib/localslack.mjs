// localslack by itself: it must never be what limits a measurement, nor what a laptop groans under.

import { until } from '../../tests/harness/child.mjs';
import { median, percentile } from './figures.mjs';
import { canShowPage, measurePage } from './page.mjs';
import { CORES, memoryMb, startPinned } from './process.mjs';
import { programs, startSlack } from './subjects.mjs';

const SOCKETS = 4;
const MESSAGES = 10_000;
const AT_ONCE = 50;
const TEXT = 'good morning, has anyone seen the blue folder?';

async function startClient(slack) {
  const client = startPinned(CORES.subject, programs.localslackClient, [slack.url, String(SOCKETS)], { env: { PATH: process.env.PATH } });
  await client.output(/^up$/m, 10_000);
  return client;
}

async function load(slack, body) {
  await slack.post('bench', body);
  return until('all envelopes acknowledged', async () => {
    const now = await slack.get('bench');
    return now.running ? null : now;
  }, 120_000, 50);
}

/** Envelopes delivered and acknowledged per second, localslack on one core, the client on the other; frames recorded. */
async function measureThroughput(envelopes) {
  const slack = await startSlack();
  const client = await startClient(slack);
  try {
    await load(slack, { kind: 'message', envelopes: envelopes / 10, window: 256 });
    const report = await load(slack, { kind: 'message', envelopes, window: 256 });
    if (report.failed > 0) throw new Error(`${report.failed} envelopes were not acknowledged`);
    return report.per_second;
  } finally {
    await client.stop();
    await slack.stop();
  }
}

async function postMessages(slack) {
  for (let i = 0; i < MESSAGES; i += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, (_, k) => slack.post('message', { user: 'ann', channel: 'general', text: `${i + k}: ${TEXT}` })));
  }
}

/** Milliseconds from the post of a person's message to its event at a reader of the feed, as the page is one. */
async function measureFeed(slack, samples) {
  const abort = new AbortController();
  const response = await fetch(`${slack.url}/_local/events`, { signal: abort.signal });
  const seen = new Map();
  const reading = (async () => {
    let text = '';
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      text = (text + chunk).slice(-4096);
      for (const [mark, wake] of seen) {
        if (text.includes(mark)) {
          seen.delete(mark);
          wake(performance.now());
        }
      }
    }
  })().catch((error) => {
    if (error.name !== 'AbortError') throw error;
  });
  const times = [];
  for (let i = 0; i < samples; i++) {
    const mark = `mark ${i} of the feed`;
    const shown = new Promise((resolve) => seen.set(mark, resolve));
    const started = performance.now();
    await slack.post('message', { user: 'bob', channel: 'coding', text: mark });
    times.push((await shown) - started);
  }
  abort.abort();
  await reading;
  return times;
}

/**
 * Memory with 10,000 messages that an app has been told of, then the delay of the feed while 500 envelopes a second go by,
 * and, on a quiet machine, that of the page.
 */
async function measureWorkspace(samples) {
  const slack = await startSlack();
  const client = await startClient(slack);
  try {
    const idle = memoryMb(slack.pid);
    await postMessages(slack);
    const full = memoryMb(slack.pid);
    const steady = load(slack, { kind: 'message', envelopes: 500 * 5, window: 256, rate: 500 });
    const feed = await measureFeed(slack, samples);
    await steady;
    const page = canShowPage() ? await measurePage(slack, samples) : null;
    return { idle, full, feed, page };
  } finally {
    await client.stop();
    await slack.stop();
  }
}

/** {per_second: […], idle, full: MiB, feed: ms[], page: ms[] or null without Chromium} */
export async function localslackRounds({ rounds, envelopes, samples }) {
  const perSecond = [];
  for (let i = 0; i < rounds; i++) {
    process.stderr.write(`localslack, round ${i + 1} of ${rounds} …\n`);
    perSecond.push(await measureThroughput(envelopes));
  }
  return { per_second: perSecond, ...(await measureWorkspace(samples)) };
}

export function printLocalslack({ per_second: rates, idle, full, feed, page }) {
  const mb = (mib) => (mib * 1.048576).toFixed(1);
  const rate = (n) => Math.round(n).toLocaleString('en');
  console.log(`
localslack by itself, on one core, a client that only acknowledges on the other
  envelopes delivered and acknowledged over ${SOCKETS} sockets, recorded   ${rate(median(rates))} /s (${rate(Math.min(...rates))}–${rate(Math.max(...rates))})
  memory, idle / with ${MESSAGES.toLocaleString('en')} messages                           ${mb(idle.rss)} / ${mb(full.rss)} MB RSS, ${mb(idle.pss)} / ${mb(full.pss)} MB PSS
  a person's message → a reader of the feed, 500 envelopes/s beside   p50 ${median(feed).toFixed(2)} ms, p99 ${percentile(feed, 0.99).toFixed(2)} ms (${feed.length})
  chat.postMessage's answer → the message in Chromium's document      ${page ? `p50 ${median(page).toFixed(1)} ms, p99 ${percentile(page, 0.99).toFixed(1)} ms (${page.length})` : 'not measured: Chromium is missing'}
`);
  const aim = (met, what, found) => console.log(`${met ? 'met    ' : 'NOT MET'}  ${what}: ${found}`);
  aim(median(rates) >= 50_000, 'at least 50,000 envelopes/s with recording on', `${rate(median(rates))} /s`);
  aim(full.rss * 1.048576 < 20, 'under 20 MB with 10,000 messages', `${mb(full.rss)} MB`);
  aim(percentile(feed, 0.99) < 50, 'the page is told within 50 ms', `${percentile(feed, 0.99).toFixed(2)} ms`);
  if (page) aim(median(page) <= 50, 'a message is in the page within 50 ms of its answer (median)', `${median(page).toFixed(1)} ms`);
}
