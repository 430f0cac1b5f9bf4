// Check 24: delivery by HTTP instead of sockets: signatures, url_verification, bodies, retries; through Bolt's
// HTTPReceiver, and through a bare server where the app misbehaves.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import { once } from 'node:events';
import bolt from '@slack/bolt';
import { after, before, beforeEach, describe, test } from 'node:test';
import { BOT_TOKEN, GENERAL, button, option, plain, quietLogger, start } from './support.mjs';

const SECRET = 'the-signing-secret';
const MODAL = {
  type: 'modal', callback_id: 'm', title: plain('M'), submit: plain('Go'),
  blocks: [{ type: 'input', block_id: 'i', label: plain('L'), element: { type: 'plain_text_input', action_id: 'v' } }] };

describe('10.24 HTTP delivery', () => {
  let slack;
  before(async () => {
    slack = await start('--signing-secret', SECRET);
  });
  after(() => slack.stop());

  const target = async () => (await slack.get('http')).events;
  const verified = () => slack.waitFor(async () => (await target())?.verified, { what: 'url_verification' });

  describe('Bolt', () => {
    let app;
    let url;
    const heard = [];
    before(async () => {
      app = new bolt.App({
        token: BOT_TOKEN, signingSecret: SECRET, logger: quietLogger(), clientOptions: { slackApiUrl: slack.apiUrl } });
      app.message(async ({ message }) => void heard.push(message.text));
      app.command('/opencode', async ({ ack, command, client }) => {
        if (command.text === 'silent') return;
        if (command.text === 'modal') {
          await ack();
          await client.views.open({ trigger_id: command.trigger_id, view: MODAL });
          return;
        }
        await ack(command.text === 'bare' ? undefined : `pong ${command.text}`);
      });
      app.view('m', ({ ack, view }) => ack(view.state.values.i.v.value === 'bad' ? { response_action: 'errors', errors: { i: 'No' } } : undefined));
      app.action('go', async ({ ack, respond }) => {
        await ack();
        await respond({ replace_original: true, text: 'clicked' });
      });
      app.options('pick', ({ ack, options }) => ack({ options: [option(options.value)] }));
      app.shortcut('new', async ({ ack, shortcut }) => {
        await ack();
        heard.push(shortcut.callback_id);
      });
      const server = await app.start({ port: 0, host: '127.0.0.1' });
      url = `http://127.0.0.1:${server.address().port}/slack/events`;
      await slack.post('http', { events: url, interactive: url, commands: url });
      await verified();
    });
    beforeEach(() => {
      heard.length = 0;
    });
    after(async () => {
      await slack.post('http', { events: null, interactive: null, commands: null });
      await app.stop();
    });

    test('url_verification: answered by Bolt, refused under another secret', async () => {
      await slack.post('http', { signing_secret: 'another', events: url });
      const wrong = await slack.waitFor(async () => (await target()).error && target(), { what: 'the refusal' });
      assert.equal(wrong.verified, false);
      assert.match(wrong.error, /401/);
      await slack.post('http', { signing_secret: SECRET, events: url });
      await verified();
    });

    test('events', async () => {
      await slack.say('ann', 'general', 'by HTTP');
      await slack.waitFor(() => heard.includes('by HTTP'), { what: 'the event' });
      await slack.waitFor((s) => s.envelopes.pending === 0, { what: 'its acknowledgement' });
      assert.equal((await slack.state()).sockets.length, 0);
    });

    test('commands: a text, nothing, no acknowledgement', async () => {
      const report = await slack.command('ann', 'general', '/opencode', 'x');
      assert.equal(report.acked, true);
      assert.ok((await slack.state()).ephemerals.some((e) => e.message.text === 'pong x'));
      assert.equal((await slack.command('ann', 'general', '/opencode', 'bare')).acked, true);
      await slack.post('switches', { ack_timeout_ms: 300 });
      const silent = await slack.command('ann', 'general', '/opencode', 'silent');
      await slack.post('switches', { ack_timeout_ms: 3000 });
      assert.equal(silent.acked, false);
    });

    test('a modal: opened, its errors, its end', async () => {
      await slack.command('ann', 'general', '/opencode', 'modal');
      const view = await slack.waitFor((s) => s.views[0]?.view, { what: 'the modal' });
      assert.deepEqual((await slack.submit('ann', view.id, { i: { v: 'bad' } })).errors, { i: 'No' });
      await slack.submit('ann', view.id, { i: { v: 'good' } });
      assert.equal((await slack.state()).views.length, 0);
    });

    test('a click with respond(), options, a shortcut', async () => {
      const { ts } = await app.client.chat.postMessage({ channel: GENERAL, text: 'card', blocks: [{ type: 'actions', block_id: 'b', elements: [
        button('go'), { type: 'external_select', action_id: 'pick', min_query_length: 1 }] }] });
      const report = await slack.post('suggest', { user: 'ann', channel: 'general', ts, block_id: 'b', action_id: 'pick', value: 'q' });
      assert.deepEqual(report.options.map((o) => o.value), ['q']);
      assert.equal((await slack.click({ user: 'ann', channel: 'general', ts, action_id: 'go' })).acked, true);
      await slack.waitForMessage((m) => m.ts === ts && m.text === 'clicked');
      await slack.post('shortcut', { user: 'ann', callback_id: 'new' });
      await slack.waitFor(() => heard.includes('new'), { what: 'the shortcut' });
    });

    test('ssl_check is answered with 200', async () => {
      await slack.post('http', { ssl_check: true });
      const { commands } = await slack.waitFor(async () => {
        const http = await slack.get('http');
        return http.commands.ssl_check && http;
      }, { what: 'the answer' });
      assert.equal(commands.ssl_check, 200);
    });

    test('Bolt refuses what is not signed, signed wrongly, or old', async () => {
      const body = JSON.stringify({ type: 'event_callback', event: { type: 'message', text: 'forged' } });
      const send = (timestamp, secret) => fetch(url, { method: 'POST', body, headers: {
        'content-type': 'application/json', 'x-slack-request-timestamp': `${timestamp}`,
        'x-slack-signature': `v0=${createHmac('sha256', secret).update(`v0:${timestamp}:${body}`).digest('hex')}` } });
      const now = Math.floor(Date.now() / 1000);
      assert.equal((await send(now, 'wrong')).status, 401);
      assert.equal((await send(now - 400, SECRET)).status, 401);
      assert.ok(!heard.includes('forged'));
    });
  });

  describe('a bare server', () => {
    let server;
    let url;
    let requests;
    let answer; // (request, response) → undefined
    before(async () => {
      server = createServer(async (req, res) => {
        let body = '';
        for await (const chunk of req.setEncoding('utf8')) body += chunk;
        const request = { path: req.url, headers: req.headers, body };
        requests.push(request);
        if (body.includes('"url_verification"')) return res.setHeader('content-type', 'application/json').end(JSON.stringify({ challenge: JSON.parse(body).challenge }));
        await answer(request, res);
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      url = `http://127.0.0.1:${server.address().port}`;
    });
    beforeEach(async () => {
      requests = [];
      answer = (_, res) => res.end();
      await slack.post('reset');
      await slack.post('switches', { retry_scale: 0.001 });
      await slack.post('http', { events: `${url}/e`, interactive: `${url}/i`, commands: `${url}/c`, signing_secret: SECRET });
      await verified();
    });
    after(async () => {
      await slack.post('http', { events: null, interactive: null, commands: null });
      server.closeAllConnections();
      server.close();
    });

    const events = () => requests.filter((r) => r.path === '/e' && r.body.includes('event_callback'));
    const quiet = () => slack.waitFor((s) => s.envelopes.pending === 0, { what: 'nothing pending' });

    test('what goes over the wire: addresses, types, signatures over the raw body', async () => {
      await slack.say('ann', 'general', 'ünïcode');
      await slack.command('ann', 'general', '/opencode', 'a b&c=ü');
      await slack.post('shortcut', { user: 'ann', callback_id: 'new' });
      await quiet();
      const [challenge] = requests;
      const asked = JSON.parse(challenge.body);
      assert.equal(asked.type, 'url_verification');
      assert.equal(typeof asked.token, 'string');
      for (const { headers, body } of requests) {
        const timestamp = headers['x-slack-request-timestamp'];
        assert.ok(Math.abs(Number(timestamp) - Date.now() / 1000) < 60);
        assert.equal(headers['x-slack-signature'], `v0=${createHmac('sha256', SECRET).update(`v0:${timestamp}:${body}`).digest('hex')}`);
      }
      const event = events()[0];
      assert.match(event.headers['content-type'], /^application\/json/);
      assert.equal(event.headers['x-slack-retry-num'], undefined);
      assert.equal(JSON.parse(event.body).event.text, 'ünïcode');
      const command = requests.find((r) => r.path === '/c');
      assert.match(command.headers['content-type'], /^application\/x-www-form-urlencoded/);
      assert.equal(new URLSearchParams(command.body).get('text'), 'a b&c=ü');
      const shortcut = requests.find((r) => r.path === '/i');
      assert.match(shortcut.headers['content-type'], /^application\/x-www-form-urlencoded/);
      assert.deepEqual([...new URLSearchParams(shortcut.body).keys()], ['payload']);
      assert.equal(JSON.parse(new URLSearchParams(shortcut.body).get('payload')).callback_id, 'new');
    });

    const failures = {
      http_error: (_, res) => res.writeHead(500).end(),
      http_timeout: () => {},
      too_many_redirects: (_, res) => res.writeHead(302, { location: `${url}/e` }).end(),
    };
    for (const [reason, fail] of Object.entries(failures)) {
      test(`${reason}: three retries that say so, then it is lost`, async () => {
        await slack.post('switches', { ack_timeout_ms: 150 });
        answer = fail;
        await slack.say('ann', 'general', reason);
        await slack.waitFor(async () => (await slack.get('outcomes?outcome=lost')).length === 1, { what: 'the loss' });
        const byRetry = new Map(events().map((r) => [r.headers['x-slack-retry-num'], r])); // redirects are followed: more requests than tries
        assert.deepEqual([...byRetry.keys()], [undefined, '1', '2', '3']);
        assert.deepEqual([...byRetry.values()].map((r) => r.headers['x-slack-retry-reason']), [undefined, reason, reason, reason]);
        assert.equal(new Set(events().map((r) => JSON.parse(r.body).event_id)).size, 1);
      });
    }

    test('x-slack-no-retry: 1 ends it', async () => {
      answer = (_, res) => res.writeHead(500, { 'x-slack-no-retry': '1' }).end();
      await slack.say('ann', 'general', 'x');
      await slack.waitFor(async () => (await slack.get('outcomes?outcome=lost')).length === 1, { what: 'the loss' });
      assert.equal(events().length, 1);
    });

    test('a success on the second try ends it', async () => {
      answer = (r, res) => res.writeHead(r.headers['x-slack-retry-num'] ? 200 : 503).end();
      await slack.say('ann', 'general', 'x');
      await slack.waitFor((s) => s.envelopes.pending === 0 && events().length === 2, { what: 'the second try' });
      assert.equal((await slack.get('outcomes?outcome=lost')).length, 0);
    });

    test('commands and clicks are not sent again', async () => {
      answer = (_, res) => res.writeHead(500).end();
      const report = await slack.command('ann', 'general', '/opencode', 'x');
      assert.equal(report.acked, false);
      assert.equal((await slack.post('shortcut', { user: 'ann', callback_id: 'new' })).acked, false);
      await quiet();
      assert.deepEqual(requests.filter((r) => r.path !== '/e').map((r) => r.path), ['/c', '/i']);
    });

    test('nobody listens: connection_failed', async () => {
      const closed = createServer().listen(0, '127.0.0.1');
      await once(closed, 'listening');
      const { port } = closed.address();
      await new Promise((resolve) => closed.close(resolve));
      await slack.post('http', { commands: `http://127.0.0.1:${port}/` });
      const report = await slack.command('ann', 'general', '/opencode', 'x');
      assert.equal(report.acked, false);
      assert.match(report.error, /connection_failed|dispatch_failed/);
    });

    test('after too many failures nothing is sent any more', async () => {
      await slack.post('switches', { http_disable_percent: 95, retry_scale: 0 });
      answer = (_, res) => res.writeHead(500).end();
      for (let i = 0; i < 30; i++) await slack.say('ann', 'general', `m${i}`);
      await slack.waitFor(async () => (await target()).disabled, { what: 'the end of the subscription' });
      const n = events().length;
      answer = (_, res) => res.end();
      await slack.say('ann', 'general', 'too late');
      await slack.command('ann', 'general', '/opencode', 'still there'); // commands are no subscription
      assert.equal(events().length, n);
      await slack.post('http', { events: `${url}/e` }); // switched on again
      await verified();
      await slack.say('ann', 'general', 'again');
      await slack.waitFor(() => events().some((r) => r.body.includes('again')), { what: 'an event' });
    });

    test('too many events in an hour: app_rate_limited', async () => {
      await slack.post('switches', { events_per_hour: 5 });
      for (let i = 0; i < 12; i++) await slack.say('ann', 'general', `m${i}`);
      await slack.waitFor(() => requests.some((r) => r.body.includes('app_rate_limited')), { what: 'app_rate_limited' });
      const limited = JSON.parse(requests.find((r) => r.body.includes('app_rate_limited')).body);
      assert.deepEqual([limited.type, limited.team_id, limited.api_app_id, typeof limited.minute_rate_limited], ['app_rate_limited', 'T0LOCAL', 'A0LOCAL', 'number']);
      assert.ok(events().length <= 5);
    });
  });
});
