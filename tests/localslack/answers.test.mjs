// What an app answers wrongly to people's clicks: told in words, shown to nobody, and harmless.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startLocalSlack } from '../harness/localslack.mjs';
import { RawSocket, openUrl } from '../sdk/raw-socket.mjs';

const plain = (text) => ({ type: 'plain_text', text });
const options = (...values) => values.map((value) => ({ text: plain(value), value }));
let slack;
let socket;
let answer; // what the app acknowledges with
let taken = 0;

before(async () => {
  slack = await startLocalSlack();
  socket = await RawSocket.open(await openUrl(slack));
  void (async () => {
    for (;;) {
      const n = taken;
      await socket.until(() => socket.ended || socket.texts.length > n, 3_600_000);
      if (socket.ended) return;
      const { envelope_id } = socket.texts[taken++];
      if (envelope_id) socket.send({ envelope_id, payload: answer });
    }
  })();
});
after(async () => {
  socket?.destroy();
  await slack?.stop();
});

async function call(method, args) {
  const response = await fetch(`${slack.apiUrl}${method}`, { method: 'POST', headers: { authorization: 'Bearer xoxb-local', 'content-type': 'application/json' }, body: JSON.stringify(args) });
  const body = await response.json();
  assert.ok(body.ok, JSON.stringify(body));
  return body;
}

const problems = async () => (await slack.get('problems')).problems;

test('the offer of an external select is shown when Block Kit allows it, and else explained', async () => {
  const { ts } = await call('chat.postMessage', { channel: 'C0GENERAL', text: 'choose', blocks: [{ type: 'actions', block_id: 'b', elements: [{ type: 'external_select', action_id: 'pick', placeholder: plain('Pick') }] }] });
  const suggest = async (payload) => {
    answer = payload;
    return slack.post('suggest', { user: 'ann', channel: 'general', ts, action_id: 'pick', value: 'a' });
  };
  assert.deepEqual((await suggest({ options: options('a', 'b') })).options.map((o) => o.value), ['a', 'b']);
  assert.deepEqual((await suggest({ options: [] })).options, [], 'nothing to offer is well');
  assert.equal((await suggest({ option_groups: [{ label: plain('G'), options: options('c') }] })).option_groups.length, 1);
  assert.equal((await problems()).length, 0);
  const wrong = [
    [undefined, /neither options nor option_groups/], [{ options: 5 }, /neither/], [{ options: [null] }, /breaks a rule.*\/options\/0/],
    [{ options: [{ text: plain('x'.repeat(76)), value: 'a' }] }, /76 characters.*\/options\/0\/text/], [{ options: options(...Array.from({ length: 101 }, (_, i) => `o${i}`)) }, /100 items|101.*\/options/],
    [{ option_groups: [{ label: plain('G') }] }, /\/option_groups\/0/], [{ options: [{ text: 'no object', value: 'v' }] }, /\/options\/0\/text/],
  ];
  for (const [payload, words] of wrong) {
    const report = await suggest(payload);
    assert.equal(report.acked, true);
    assert.equal(report.options ?? report.option_groups, undefined, JSON.stringify(payload));
    assert.match((await problems()).at(-1).what, words);
  }
  assert.equal((await problems()).length, wrong.length);
});

test('a form hands in files as file objects, and gives response_urls for the places that were chosen', async () => {
  answer = undefined;
  const { ts } = await call('chat.postMessage', { channel: 'C0GENERAL', text: 'a button', blocks: [{ type: 'actions', elements: [{ type: 'button', action_id: 'form', text: plain('Form') }] }] });
  await slack.click({ user: 'ann', channel: 'general', ts, action_id: 'form' });
  const { trigger_id } = socket.texts.findLast((e) => e.payload?.type === 'block_actions').payload;
  const input = (block_id, element) => ({ type: 'input', block_id, label: plain(block_id), optional: true, element: { action_id: 'v', ...element } });
  const { view } = await call('views.open', { trigger_id, view: { type: 'modal', title: plain('Form'), submit: plain('Save'), blocks: [input('files', { type: 'file_input' }),
    input('where', { type: 'conversations_select', response_url_enabled: true }), input('else', { type: 'channels_select', response_url_enabled: true }), input('mute', { type: 'channels_select' })] } });
  const file = await slack.post('files', { user: 'ann', name: 'log.txt', length: 4, mimetype: 'text/plain' });
  const submit = (files) => slack.submit('ann', view.id, { files: { v: files }, where: { v: 'C0CODING' }, mute: { v: 'C0GENERAL' } });
  await assert.rejects(submit([file.id]), /no uploaded file/, 'its bytes are missing');
  await fetch(`${slack.url}${file.upload_url}`, { method: 'POST', body: 'one\n' });
  await assert.rejects(submit(['F0NOWHERE']), /no uploaded file F0NOWHERE/);
  await assert.rejects(submit([7]), /no uploaded file/);
  await submit([file.id]);
  const { payload } = socket.texts.findLast((e) => e.payload?.type === 'view_submission');
  assert.deepEqual(payload.view.state.values.files.v.files.map((f) => [f.id, f.name, f.mimetype, f.size, f.user]), [[file.id, 'log.txt', 'text/plain', 4, 'U0ANN']]);
  assert.deepEqual(payload.response_urls.map((u) => [u.block_id, u.action_id, u.channel_id]), [['where', 'v', 'C0CODING']]);
  const posted = await fetch(payload.response_urls[0].response_url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ text: 'got it', response_type: 'in_channel' }) });
  assert.equal(await posted.text(), 'ok');
  await slack.expect({ message: { channel: 'coding', user: 'U0BOT', text: 'got it' }, count: 1 });
});

test('errors of a form must be texts for its inputs', async () => {
  const feed = []; // somebody looks at the page
  const abort = new AbortController();
  const response = await fetch(`${slack.url}/_local/events`, { signal: abort.signal });
  const reading = (async () => {
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) feed.push(chunk);
  })().catch((error) => assert.equal(error.name, 'AbortError'));
  answer = undefined;
  const { ts } = await call('chat.postMessage', { channel: 'C0GENERAL', text: 'a button', blocks: [{ type: 'actions', elements: [{ type: 'button', action_id: 'go', text: plain('Go') }] }] });
  await slack.click({ user: 'ann', channel: 'general', ts, action_id: 'go' });
  const { trigger_id } = socket.texts.findLast((e) => e.payload?.type === 'block_actions').payload;
  const { view } = await call('views.open', { trigger_id, view: { type: 'modal', title: plain('Form'), submit: plain('Save'), blocks: [
    { type: 'input', block_id: 'name', label: plain('Name'), element: { type: 'plain_text_input', action_id: 'v' } }, { type: 'section', block_id: 'words', text: plain('words') }] } });
  const submit = async (payload) => {
    answer = payload;
    return slack.submit('ann', view.id, { name: { v: 'x' } });
  };
  const before = (await problems()).length;
  const wrong = [[undefined, /no object/], ['a text', /no object/], [['x'], /no object/], [{}, /empty/], [{ other: 'x' }, /other is not the block_id/], [{ words: 'x' }, /words is not/], [{ name: { text: 'x' } }, /not a text/], [{ name: null }, /not a text/]];
  for (const [errors, words] of wrong) {
    const report = await submit({ response_action: 'errors', errors });
    assert.match(report.view_error, words);
    assert.equal(report.errors, undefined);
    assert.match((await problems()).at(-1).what, words);
  }
  for (const payload of [{ response_action: 'push' }, { response_action: 'update', view: 7 }, { response_action: 'push', view: { type: 'modal' } }, { response_action: 'dance' }, { response_action: 'update', view: { type: 'modal', title: plain('t'), blocks: [null] } }]) {
    assert.ok((await submit(payload)).view_error, JSON.stringify(payload));
  }
  assert.equal((await problems()).length, before + wrong.length + 5);
  const report = await submit({ response_action: 'errors', errors: { name: 'taken' } });
  assert.deepEqual(report.errors, { name: 'taken' });
  await slack.waitFor(() => feed.join('').includes('event: view_errors'), { what: 'the error in the feed' });
  assert.equal(feed.join('').split('event: view_errors').length, 2, 'only the right ones are shown');
  assert.equal((await submit(undefined)).response_action, undefined);
  assert.equal((await slack.state()).views.length, 0, 'the form is closed');
  abort.abort();
  await reading;
});
