// Check 1: apps.connections.open gives one address for one connection, to app-level tokens in the header only.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { APP_TOKEN, RawSocket, rawCall, socketClient, start, webClient } from './support.mjs';

describe('10.1 apps.connections.open', () => {
  let slack;
  before(async () => {
    slack = await start();
  });
  after(() => slack.stop());

  const open = (init) => rawCall(slack, 'apps.connections.open', { method: 'POST', ...init });
  const appHeader = { authorization: `Bearer ${APP_TOKEN}` };

  test('start() gives the answer of apps.connections.open', async () => {
    const client = socketClient(slack);
    const answer = await client.start();
    assert.equal(answer.ok, true);
    const url = new URL(answer.url);
    assert.equal(url.pathname, '/link/');
    assert.match(url.searchParams.get('ticket'), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.match(url.searchParams.get('app_id'), /^[0-9a-f]{64}$/);
    await client.disconnect();
  });

  test('the answer names the scopes of the app-level token', async () => {
    const answer = await open({ headers: appHeader });
    assert.match(answer.headers.get('x-oauth-scopes'), /connections:write/);
    assert.equal(answer.headers.get('x-accepted-oauth-scopes'), 'connections:write');
  });

  test('an empty form and an empty body under a JSON content type are both taken', async () => {
    for (const type of ['application/x-www-form-urlencoded', 'application/json;charset=utf-8']) {
      const answer = await open({ headers: { ...appHeader, 'content-type': type } });
      assert.equal(answer.ok, true, type);
    }
  });

  test('tokens: a bot token, none, a wrong one, one in the body, GET', async () => {
    const bot = await webClient(slack).apps.connections.open().catch((e) => e);
    assert.equal(bot.data.error, 'not_allowed_token_type');
    const call = async (init) => (await fetch(`${slack.apiUrl}apps.connections.open`, init)).json();
    assert.equal((await call({ method: 'POST' })).error, 'not_authed');
    assert.equal((await call({ method: 'POST', headers: { authorization: 'Bearer xapp-1-wrong' } })).error, 'invalid_auth');
    assert.equal((await call({ method: 'POST', body: new URLSearchParams({ token: APP_TOKEN }) })).error, 'not_authed');
    assert.equal((await call({ headers: appHeader })).error, 'insecure_request');
  });

  test('an address is good for one connection', async () => {
    const { url } = await open({ headers: appHeader });
    const first = await RawSocket.open(url);
    assert.equal(first.status, 101);
    assert.notEqual((await RawSocket.open(url)).status, 101);
    assert.notEqual((await RawSocket.open(url.replace(/ticket=[^&]*/, 'ticket=none'))).status, 101);
    first.destroy();
  });

  test('an address that waits too long for its connection is good for none', async () => {
    await slack.post('switches', { ticket_life_ms: 50 });
    const { url } = await open({ headers: appHeader });
    const opened = Date.now();
    await slack.waitFor(() => Date.now() - opened > 100, { what: 'its time to pass' });
    assert.notEqual((await RawSocket.open(url)).status, 101);
    await slack.post('switches', { ticket_life_ms: 30_000 });
  });
});
