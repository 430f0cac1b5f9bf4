// How long localslack's page takes to show what an app has posted: Chromium, a channel of many messages.

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

import { until } from '../../tests/harness/child.mjs';
import { CORES } from './process.mjs';

const CHROMIUM = process.env.CHROMIUM_BIN ?? '/usr/bin/chromium';

export const canShowPage = () => existsSync(CHROMIUM);

/** What this process starts from here on runs on that core. */
const moveTo = (core) => execFileSync('taskset', ['-pc', String(core), String(process.pid)], { stdio: 'ignore' });

/** Chromium on the core of the program under test, localslack and this process on the other. */
async function startBrowser() {
  const { chromium } = await import('playwright-core');
  moveTo(CORES.subject);
  try {
    return await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
  } finally {
    moveTo(CORES.load);
  }
}

/** Notes in the page when the text of a message came into the document; the machine's clock is the browser's and ours. */
const watch = (page) => page.evaluate(() => {
  window.shownAt = {};
  new MutationObserver((changes) => {
    const at = Date.now();
    for (const { addedNodes } of changes) {
      for (const node of addedNodes) {
        const mark = /mark-\d+(?=,)/.exec(node.textContent)?.[0];
        if (mark) window.shownAt[mark] ??= at;
      }
    }
  }).observe(document.getElementById('channel'), { childList: true, subtree: true });
});

/** Milliseconds from the answer of chat.postMessage to the message in the document, `samples` times, one after the other. */
export async function measurePage(slack, samples) {
  const browser = await startBrowser();
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 860 } });
    await page.goto(`${slack.url}/#C0GENERAL`);
    await page.locator('#channel .list').waitFor();
    await watch(page);
    const times = [];
    for (let i = 0; i < samples; i++) {
      await slack.call('chat.postMessage', { channel: 'C0GENERAL', text: `mark-${i}, of the page` });
      const answered = Date.now();
      const shown = await until(`message ${i} in the page`, () => page.evaluate((mark) => window.shownAt[mark] ?? null, `mark-${i}`), 10_000, 5);
      times.push(shown - answered);
    }
    return times;
  } finally {
    await browser.close();
  }
}
