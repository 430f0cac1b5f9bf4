// What the tests of localslack's page share: the real program, an app on a bare socket, and Chromium.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

import { startLocalSlack } from '../harness/localslack.mjs';
import { RawSocket, openUrl } from '../sdk/raw-socket.mjs';

export const ANN = 'U0ANN';
export const BOB = 'U0BOB';
export const GENERAL = 'C0GENERAL';
export const TIMEOUT_MS = 20_000;
/** How long this Slack waits for an acknowledgement, and a trigger_id lives: a busy machine is no slow app. */
export const PATIENCE_MS = 20_000;
export const ARTIFACTS = join(fileURLToPath(new URL('../..', import.meta.url)), 'tests/browser/.artifacts');

export const plain = (text) => ({ type: 'plain_text', text });
export const mrkdwn = (text) => ({ type: 'mrkdwn', text });
export const button = (action_id, text, more = {}) => ({ type: 'button', action_id, text: plain(text), value: `${action_id}-value`, ...more });
export const option = (value, text = value) => ({ text: plain(text), value });

/** An app over Socket Mode. `on(envelope)` gives the payload of the acknowledgement, or `false` for none at all. */
export class App {
  envelopes = []; // all payloads: {type, payload}
  on = () => undefined;
  #waiters = new Set();

  static async connect(slack) {
    const app = new App();
    app.slack = slack;
    app.socket = await RawSocket.open(await openUrl(slack));
    await app.socket.text((m) => m.type === 'hello');
    app.running = app.#run();
    return app;
  }

  async #run() {
    let next = 0;
    while (!this.closed) {
      await this.socket.until(() => this.closed || this.socket.ended || this.socket.texts.length > next, 3_600_000);
      if (this.socket.ended) return;
      for (; next < this.socket.texts.length; next++) await this.#take(this.socket.texts[next]);
    }
  }

  async #take(envelope) {
    if (!envelope.envelope_id) return;
    this.envelopes.push(envelope);
    const answer = await this.on(envelope);
    for (const wake of this.#waiters) wake();
    if (answer !== false) this.socket.send({ envelope_id: envelope.envelope_id, ...(answer ? { payload: answer } : {}) });
  }

  /** The newest payload that `accept` accepts; waits for it. */
  async payload(accept, timeout_ms = TIMEOUT_MS) {
    const deadline = Date.now() + timeout_ms;
    for (;;) {
      const found = this.envelopes.findLast((e) => accept(e.payload, e.type));
      if (found) return found.payload;
      const left = deadline - Date.now();
      assert.ok(left > 0, `the app did not get what it waited for; it got ${JSON.stringify(this.envelopes.map((e) => e.payload.type ?? e.type))}`);
      let timer;
      let wake;
      await new Promise((resolve) => {
        wake = resolve;
        this.#waiters.add(wake);
        timer = setTimeout(resolve, left);
      });
      clearTimeout(timer);
      this.#waiters.delete(wake);
    }
  }

  /** A call of the Web API; throws on ok: false. */
  async call(method, args) {
    const response = await fetch(`${this.slack.apiUrl}${method}`, {
      method: 'POST', headers: { authorization: 'Bearer xoxb-local', 'content-type': 'application/json; charset=utf-8' }, body: JSON.stringify(args) });
    const answer = await response.json();
    if (!answer.ok) throw new Error(`${method}: ${JSON.stringify(answer)}`);
    return answer;
  }

  post(channel, blocks, more = {}) {
    return this.call('chat.postMessage', { channel, text: 'blocks', blocks, ...more });
  }

  close() {
    this.closed = true;
    this.socket.destroy();
  }
}

export async function startBrowser() {
  mkdirSync(ARTIFACTS, { recursive: true });
  return chromium.launch({
    executablePath: process.env.CHROMIUM_BIN ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
}

/** localslack, an app and a browser; `open()` gives a tab, `done()` ends all and fails when a page complained. */
export async function startPageWorld({ args = [] } = {}) {
  const patience = ['ack_timeout_ms', 'trigger_life_ms'].flatMap((name) => ['--switch', `${name}=${PATIENCE_MS}`]);
  const slack = await startLocalSlack({ args: [...patience, ...args] });
  const app = await App.connect(slack);
  const browser = await startBrowser();
  const complaints = [];
  const contexts = new Set();

  /** A tab as `me`, at `place` ("C…", "C…/ts", "home"). */
  async function open({ me = ANN, place = GENERAL, width = 1280, height = 860, url = slack.url, context: options = {} } = {}) {
    const context = await browser.newContext({ viewport: { width, height }, ...options });
    contexts.add(context);
    await context.addInitScript((id) => sessionStorage.getItem('localslack.me') ?? sessionStorage.setItem('localslack.me', id), me);
    const page = await context.newPage();
    page.setDefaultTimeout(TIMEOUT_MS);
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    page.on('request', (request) => /^(https?|wss?):/.test(request.url()) && new URL(request.url()).host !== new URL(url).host && complaints.push(`the page reached out to ${request.url()}`));
    await page.goto(`${url}/#${place}`);
    await page.locator('#sidebar nav').waitFor({ state: 'attached' });
    return page;
  }

  /** Closes all tabs: between two tests, since each tab draws whatever happens. */
  async function tidy() {
    for (const context of contexts) await context.close();
    contexts.clear();
  }

  async function done() {
    app.close();
    await tidy();
    await browser.close();
    await slack.stop();
    assert.deepEqual(complaints, [], 'no page complained');
  }
  /** What a test brought about itself is no complaint. */
  const forgive = (pattern) => complaints.splice(0, complaints.length, ...complaints.filter((c) => !pattern.test(c)));
  return { slack, app, browser, open, tidy, done, complaints, forgive };
}

export const shot = (page, name) => page.screenshot({ path: join(ARTIFACTS, `${name}.png`) });

/** Nothing makes the page scroll sideways. */
export async function assertNoOverflow(page, what = 'the page') {
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  assert.ok(overflow <= 0, `${what} is ${overflow} px wider than the window`);
}
