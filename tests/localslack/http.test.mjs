// Delivery by HTTP: what an app with a public address would see of Slack, and what Slack concludes from its answers.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { startLocalSlack } from '../harness/localslack.mjs';

const SECRET = 'an-old-secret';

/** An app: `answer(request)` gives {status?, body?, headers?, wait_ms?}; requests are kept. */
class App {
  requests = [];
  #waiting = [];

  static async start(answer = () => ({}), port = 0) {
    const app = new App();
    app.answer = answer;
    app.server = createServer(async (req, res) => {
      const chunks = [];
      for await (const chunk of req) chunks.push(chunk);
      const request = { path: req.url, headers: req.headers, body: Buffer.concat(chunks).toString('utf8'), at: Date.now() };
      const isJson = req.headers['content-type'] === 'application/json';
      request.json = isJson ? JSON.parse(request.body) : undefined;
      request.form = isJson ? undefined : Object.fromEntries(new URLSearchParams(request.body));
      app.requests.push(request);
      for (const wake of app.#waiting.splice(0)) wake();
      const { status = 200, body = '', headers = {} } =
        request.json?.type === 'url_verification' && !app.isRude ? { body: request.json.challenge } : await app.answer(request);
      if (status === 0) return; // never
      res.writeHead(status, headers).end(body);
    });
    await new Promise((resolve) => app.server.listen(port, '127.0.0.1', resolve));
    app.url = `http://127.0.0.1:${app.server.address().port}/slack`;
    return app;
  }

  async until(predicate, what) {
    const deadline = Date.now() + 10_000;
    for (;;) {
      const found = predicate(this.requests);
      if (found) return found;
      if (Date.now() > deadline) throw new Error(`never: ${what}\n${JSON.stringify(this.requests.map((r) => r.body), null, 1)}`);
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, 50);
        this.#waiting.push(() => (clearTimeout(timer), resolve()));
      });
    }
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

const args = (app) => ['--quiet', '--signing-secret', SECRET, '--http-events', `${app.url}/events`,
  '--http-interactive', `${app.url}/interactive`, '--http-commands', `${app.url}/commands`];

function assertSigned(request) {
  const timestamp = request.headers['x-slack-request-timestamp'];
  assert.ok(Math.abs(Date.now() / 1000 - Number(timestamp)) < 5);
  const expected = createHmac('sha256', SECRET).update(`v0:${timestamp}:${request.body}`).digest('hex');
  assert.equal(request.headers['x-slack-signature'], `v0=${expected}`);
}

const eventsOf = (app, type) => app.requests.filter((r) => r.json?.event?.type === type);

async function started(app) {
  const slack = await startLocalSlack({ args: args(app) });
  await slack.waitFor(async () => (await slack.get('http')).events.verified, { what: 'a verified address' });
  return slack;
}

test('events, commands and clicks arrive signed, and their answers count', async () => {
  const app = await App.start((request) => {
    if (request.path.endsWith('/commands')) return { body: 'pong' };
    const payload = JSON.parse(request.form?.payload ?? '{}');
    if (payload.type === 'view_submission') {
      return { headers: { 'content-type': 'application/json' }, body: JSON.stringify({ response_action: 'clear' }) };
    }
    return {};
  });
  const slack = await started(app);
  await slack.say('ann', 'general', 'hello');
  const event = await app.until(() => eventsOf(app, 'message')[0], 'an event');
  assert.equal(event.json.type, 'event_callback');
  assert.equal(event.json.event.text, 'hello');
  assert.equal(event.headers['x-slack-retry-num'], undefined);
  const command = await slack.command('ann', 'general', '/opencode', 'a & b=ü');
  assert.equal(command.acked, true);
  assert.deepEqual(command.response, { text: 'pong' });
  const form = app.requests.at(-1).form;
  assert.equal(form.text, 'a & b=ü');
  assert.equal(form.user_id, 'U0ANN');
  const shortcut = await slack.post('shortcut', { user: 'ann', callback_id: 'go' });
  assert.equal(shortcut.acked, true);
  assert.equal(JSON.parse(app.requests.at(-1).form.payload).callback_id, 'go');
  for (const request of app.requests) assertSigned(request);
  assert.equal((await slack.state()).sockets.length, 0);
  await slack.stop();
  await app.stop();
});

test('an event that fails comes again with number and reason, and a no-retry ends it', async () => {
  const statuses = [500, 404, 200];
  const app = await App.start((request) => (request.json?.event?.text === 'never again'
    ? { status: 500, headers: { 'x-slack-no-retry': '1' } } : { status: statuses.shift() ?? 200 }));
  const slack = await started(app);
  await slack.post('switches', { retry_scale: 0.001 });
  await slack.say('ann', 'general', 'try');
  await app.until(() => eventsOf(app, 'message').length === 3, 'three deliveries');
  const [first, second, third] = eventsOf(app, 'message');
  assert.equal(first.json.event_id, third.json.event_id);
  assert.equal(first.headers['x-slack-retry-num'], undefined);
  assert.deepEqual([second, third].map((r) => [r.headers['x-slack-retry-num'], r.headers['x-slack-retry-reason']]),
    [['1', 'http_error'], ['2', 'http_error']]);
  await slack.say('ann', 'general', 'never again');
  await slack.waitFor((state) => state.envelopes.lost === 1, { what: 'a lost event' });
  await slack.say('ann', 'general', 'the end');
  await app.until(() => eventsOf(app, 'message').some((r) => r.json.event.text === 'the end'), 'the end');
  assert.equal(eventsOf(app, 'message').filter((r) => r.json.event.text === 'never again').length, 1);
  const { problems } = await slack.get('problems?source=http');
  assert.match(problems[0].what, /answered 500/);
  await slack.stop();
  await app.stop();
});

test('no answer within the time: a command fails, an event is repeated as http_timeout', async () => {
  let silent = true;
  const app = await App.start(() => (silent ? { status: 0 } : {}));
  const slack = await started(app);
  await slack.post('switches', { ack_timeout_ms: 100, retry_scale: 0.001 });
  const command = await slack.command('ann', 'general', '/opencode', 'x');
  assert.equal(command.acked, false);
  assert.equal(command.error, 'timeout');
  await slack.say('ann', 'general', 'slow');
  const again = await app.until(() => eventsOf(app, 'message')[1], 'a second delivery');
  silent = false;
  assert.equal(again.headers['x-slack-retry-reason'], 'http_timeout');
  await slack.stop();
  await app.stop();
});

test('an address gets nothing before it has answered its verification', async () => {
  const rude = await App.start(() => ({ body: 'what challenge?' }));
  rude.isRude = true;
  const slack = await startLocalSlack({ args: ['--quiet', '--switch', 'retry_scale=0.001'] });
  await slack.post('http', { events: rude.url });
  await slack.waitFor(async () => /without its challenge/.test((await slack.get('http')).events.error), { what: 'a refusal' });
  await slack.say('ann', 'general', 'secret');
  await slack.waitFor((state) => state.envelopes.lost === 1, { what: 'the event is lost' });
  assert.ok(rude.requests.every((r) => r.json.type === 'url_verification'));
  rude.isRude = false;
  await slack.post('http', { events: rude.url });
  await slack.waitFor(async () => (await slack.get('http')).events.verified, { what: 'a second try' });
  await slack.say('ann', 'general', 'public');
  await rude.until(() => eventsOf(rude, 'message')[0], 'an event');
  await slack.post('http', { events: null });
  assert.equal((await slack.get('http')).events, null);
  await slack.stop();
  await rude.stop();
});

test('an app that is not up yet is verified when it comes', async () => {
  const gone = await App.start();
  const { port } = gone.server.address();
  await gone.stop();
  const slack = await startLocalSlack({ args: ['--quiet', '--http-events', `http://127.0.0.1:${port}/`] });
  await slack.waitFor(async () => /does not answer yet/.test((await slack.get('http')).events.error ?? ''), { what: 'a first try' });
  const app = await App.start(undefined, port);
  await slack.waitFor(async () => (await slack.get('http')).events.verified, { what: 'a verified address' });
  await slack.stop();
  await app.stop();
});

test('nearly all deliveries failing ends the subscription, until the address is set again', async () => {
  let status = 500;
  const app = await App.start(() => ({ status }));
  const slack = await started(app);
  await slack.post('switches', { retry_scale: 0 });
  for (let i = 0; i < 6; i++) await slack.say('ann', 'general', `${i}`);
  await slack.waitFor(async () => (await slack.get('http')).events.disabled, { what: 'a disabled address' });
  const before = app.requests.length;
  await slack.say('ann', 'general', 'unheard');
  await slack.waitFor((state) => state.envelopes.pending === 0, { what: 'nothing pending' });
  assert.ok(app.requests.length <= before + 20); // what was under way
  status = 200;
  await slack.post('http', { events: `${app.url}/again` });
  await slack.waitFor(async () => (await slack.get('http')).events.verified, { what: 'a verified address' });
  await slack.say('ann', 'general', 'heard');
  await app.until(() => eventsOf(app, 'message').some((r) => r.json.event.text === 'heard'), 'an event');
  await slack.stop();
  await app.stop();
});

test('ssl_check, redirects, and a limit of events', async () => {
  const app = await App.start((request) => (request.path.endsWith('/events')
    ? { status: 307, headers: { location: `${app.url}/elsewhere` } } : {}));
  const slack = await started(app);
  await slack.post('http', { ssl_check: true });
  await slack.waitFor(async () => (await slack.get('http')).commands.ssl_check === 200, { what: 'ssl_check' });
  assert.equal(app.requests.at(-1).form.ssl_check, '1');
  await slack.post('switches', { events_per_hour: 3 });
  for (let i = 0; i < 5; i++) await slack.say('ann', 'general', `${i}`);
  const limited = await app.until(() => app.requests.find((r) => r.json?.type === 'app_rate_limited' && r.path.endsWith('/elsewhere')), 'app_rate_limited');
  assert.equal(limited.json.api_app_id, 'A0LOCAL');
  assert.equal(limited.json.minute_rate_limited % 60, 0);
  await slack.stop();
  await app.stop();
});

test('an app that answers nobody does not make localslack grow without end', async () => {
  const app = await App.start(() => ({ status: 0 }));
  const slack = await started(app);
  await slack.post('switches', { ack_timeout_ms: 3_600_000 });
  for (let i = 0; i < 2100; i += 100) await Promise.all(Array.from({ length: 100 }, () => slack.post('event', { event: { type: 'x' } })));
  await slack.expect({ outcome: { outcome: 'too_many_requests' } });
  await slack.post('reset');
  await slack.waitFor((state) => state.envelopes.pending === 0, { what: 'nothing pending' });
  await slack.stop();
  await app.stop();
});
