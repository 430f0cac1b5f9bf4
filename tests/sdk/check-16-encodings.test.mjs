// Check 16: one call in every encoding gives one answer; tokens, scopes and malformed requests. The same golden calls
// are made by Python in python/test_web_api.py.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { WebClient } from '@slack/web-api';
import { readCorpus, runGolden } from './golden.mjs';
import { APP_TOKEN, BOT_TOKEN, GENERAL, failsWith, quietLogger, rawCall, start, webClient } from './support.mjs';

const CALLS = readCorpus('web-api.json');
const asText = (v) => (typeof v === 'string' ? v : JSON.stringify(v));
const textArgs = (args) => Object.entries(args).map(([k, v]) => [k, asText(v)]);
const get = (slack, method, args) => rawCall(slack, method, {}, `?${new URLSearchParams(textArgs(args))}`);

/** How to make a call: (slack, method, args, verb) → the answer. */
const ENCODINGS = {
  'WebClient, that is, forms with JSON inside': async (slack, method, args) => {
    const answer = await webClient(slack).apiCall(method, args).catch((e) => e.data ?? Promise.reject(e));
    return answer;
  },
  'JSON, where Slack reads it': (slack, method, args, verb) => (verb === 'GET' ? get(slack, method, args) : rawCall(slack, method, {
    method: 'POST', headers: { 'content-type': 'application/json; charset=utf-8' }, body: JSON.stringify(args) })),
  'JSON with JSON strings inside': (slack, method, args, verb) => (verb === 'GET' ? get(slack, method, args) : rawCall(slack, method, {
    method: 'POST', headers: { 'content-type': 'application/json; charset=utf-8' },
    body: JSON.stringify(Object.fromEntries(Object.entries(args).map(([k, v]) => [k, typeof v === 'object' ? asText(v) : v]))) })),
  'multipart': (slack, method, args) => {
    const body = new FormData();
    for (const [k, v] of textArgs(args)) body.append(k, v);
    return rawCall(slack, method, { method: 'POST', body });
  },
  'GET where the documentation says so, forms elsewhere': (slack, method, args, verb) => (verb === 'GET'
    ? get(slack, method, args)
    : rawCall(slack, method, { method: 'POST', body: new URLSearchParams(textArgs(args)) })),
};

describe('10.16 the Web API in every encoding', () => {
  for (const [name, call] of Object.entries(ENCODINGS)) {
    test(`golden calls: ${name}`, async () => {
      const slack = await start();
      try {
        await runGolden(CALLS, (method, args, verb) => call(slack, method, args, verb));
      } finally {
        await slack.stop();
      }
    });
  }

  describe('tokens, scopes, bad requests', () => {
    let slack;
    let web;
    before(async () => {
      slack = await start();
      web = webClient(slack);
    });
    after(() => slack.stop());

    test('the token: header, form body, none, wrong, of the wrong kind; never recorded', async () => {
      const auth = async (headers, body) => (await fetch(`${slack.apiUrl}auth.test`, { method: 'POST', headers, body })).json();
      assert.equal((await auth({ authorization: `Bearer ${BOT_TOKEN}` })).ok, true);
      assert.equal((await auth({}, new URLSearchParams({ token: BOT_TOKEN }))).ok, true);
      assert.equal((await auth({})).error, 'not_authed');
      assert.equal((await auth({ authorization: 'Bearer xoxb-wrong' })).error, 'invalid_auth');
      assert.equal((await auth({ authorization: 'Bearer nonsense' })).error, 'invalid_auth');
      const chat = await new WebClient(APP_TOKEN, { slackApiUrl: slack.apiUrl, logger: quietLogger() })
        .chat.postMessage({ channel: GENERAL, text: 'x' }).catch((e) => e);
      assert.equal(chat.data.error, 'not_allowed_token_type');
      assert.ok(!JSON.stringify(await slack.calls()).includes('xoxb-'), 'a token is in the record');
    });

    for (const state of ['account_inactive', 'token_revoked', 'token_expired']) {
      test(`a token that is ${state}`, async () => {
        await slack.post('switches', { token_state: state });
        try {
          await failsWith(web.auth.test(), state);
        } finally {
          await slack.post('switches', { token_state: 'valid' });
        }
      });
    }

    test('scopes: the headers name them, missing_scope says what is needed and what is there', async () => {
      const answer = await web.chat.postMessage({ channel: GENERAL, text: 'x' });
      assert.ok(answer.response_metadata.scopes.includes('chat:write'));
      assert.deepEqual(answer.response_metadata.acceptedScopes, ['chat:write']);
      await slack.post('switches', { scopes: 'chat:write,commands' });
      try {
        const error = await failsWith(web.reactions.add({ channel: GENERAL, name: 'eyes', timestamp: answer.ts }), 'missing_scope');
        assert.equal(error.data.needed, 'reactions:write');
        assert.deepEqual(error.data.provided.split(',').sort(), ['chat:write', 'commands']);
      } finally {
        await slack.post('switches', { scopes: null });
      }
    });

    test('scopes of a conversation are those of its kind', async () => {
      const { id } = await slack.post('channels', { name: 'hush', type: 'group', members: ['U0ANN', 'U0BOT'] });
      await slack.post('switches', { scopes: 'channels:history' });
      try {
        assert.equal((await web.conversations.history({ channel: GENERAL })).ok, true);
        assert.match((await failsWith(web.conversations.history({ channel: id }), 'missing_scope')).data.needed, /groups:history/);
      } finally {
        await slack.post('switches', { scopes: null });
      }
    });

    test('malformed requests', async () => {
      const json = { 'content-type': 'application/json; charset=utf-8' };
      assert.equal((await rawCall(slack, 'auth.test', { method: 'POST', headers: json, body: '{' })).error, 'invalid_json');
      assert.equal((await rawCall(slack, 'auth.test', { method: 'POST', headers: json, body: '[]' })).error, 'json_not_object');
      assert.equal((await rawCall(slack, 'auth.test', { method: 'POST', headers: { 'content-type': 'text/plain' }, body: 'x' })).error, 'invalid_post_type');
      const noType = await rawCall(slack, 'auth.test', { method: 'POST', headers: { 'content-type': '' }, body: new Uint8Array([120]) });
      assert.equal(noType.error, 'missing_post_type');
    });

    test('JSON without a charset is read, with a warning', async () => {
      const answer = await rawCall(slack, 'chat.postMessage', {
        method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ channel: GENERAL, text: 'ü' }) });
      assert.equal(answer.message.text, 'ü');
      assert.equal(answer.warning, 'missing_charset');
      assert.deepEqual(answer.response_metadata.warnings, ['missing_charset']);
    });

    test('files.getUploadURLExternal takes forms only', async () => {
      const args = { filename: 'a.txt', length: 3 };
      const json = await rawCall(slack, 'files.getUploadURLExternal', {
        method: 'POST', headers: { 'content-type': 'application/json; charset=utf-8' }, body: JSON.stringify(args) });
      assert.equal(json.ok, false);
      assert.equal((await rawCall(slack, 'files.getUploadURLExternal', { method: 'POST', body: new URLSearchParams(args) })).ok, true);
    });

    test('every answer has its request id; there is no caching', async () => {
      const a = await rawCall(slack, 'auth.test', { method: 'POST' });
      const b = await rawCall(slack, 'auth.test', { method: 'POST' });
      assert.match(a.headers.get('x-slack-req-id'), /^\S{8,}$/);
      assert.notEqual(a.headers.get('x-slack-req-id'), b.headers.get('x-slack-req-id'));
      assert.match(a.headers.get('content-type'), /^application\/json; ?charset=utf-8$/i);
    });
  });
});
