// The model as a raw client sees it: bytes, chunks, statuses.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { startModel } from '../../tests/harness/model.mjs';

const SERVER = fileURLToPath(new URL('server.mjs', import.meta.url));

let model;
before(async () => {
  model = await startModel();
});
after(() => model.stop());

const chat = (prompt, extra = {}, headers = {}) =>
  fetch(`${model.url}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model: 'demo', messages: [{ role: 'user', content: prompt }], ...extra }),
    signal: extra.signal ?? AbortSignal.timeout(20_000), // a test that waits in vain shall fail
  });

/** A streamed answer → its parsed chunks; checks the framing on the way. */
async function chunks(prompt, extra) {
  const response = await chat(prompt, { stream: true, ...extra });
  assert.equal(response.status, 200);
  assert.match(response.headers.get('content-type'), /^text\/event-stream/);
  const frames = (await response.text()).split('\n\n');
  assert.equal(frames.pop(), '');
  assert.equal(frames.pop(), 'data: [DONE]');
  return frames.map((frame) => JSON.parse(frame.replace(/^data: /, '')));
}

const deltas = (list) => list.map((chunk) => chunk.choices[0]?.delta ?? {});

test('streamed text', async () => {
  const list = await chunks('text:3:1');
  assert.deepEqual(deltas(list)[0], { role: 'assistant', content: '' });
  assert.equal(
    deltas(list)
      .map((d) => d.content ?? '')
      .join(''),
    'w0 w1 w2 ',
  );
  assert.equal(list.at(-1).choices[0].finish_reason, 'stop');
  assert.equal(new Set(list.map((c) => c.id)).size, 1);
  assert.ok(
    list.every(
      (c) => c.object === 'chat.completion.chunk' && c.model === 'demo' && Number.isInteger(c.created),
    ),
  );
});

test('usage comes last, and only when asked for', async () => {
  const list = await chunks('say:hello', { stream_options: { include_usage: true } });
  assert.deepEqual(list.at(-1).choices, []);
  const { prompt_tokens: read, completion_tokens: written, total_tokens: total } = list.at(-1).usage;
  assert.ok(read > 0 && written > 0 && total === read + written);
  assert.ok((await chunks('say:hello')).every((c) => c.usage === undefined));
});

test('tool calls come in pieces that make JSON', async () => {
  const list = await chunks('parallel:["say:Look:","bash:echo a rather long command to be cut","read:x"]');
  const parts = deltas(list).flatMap((d) => d.tool_calls ?? []);
  const calls = [];
  for (const { index, id, type, function: fn } of parts) {
    if (id) calls[index] = { id, type, name: fn.name, json: '' };
    calls[index].json += fn.arguments;
  }
  assert.deepEqual(
    calls.map((c) => [c.type, c.name]),
    [
      ['function', 'bash'],
      ['function', 'read'],
    ],
  );
  assert.equal(JSON.parse(calls[0].json).command, 'echo a rather long command to be cut');
  assert.ok(parts.length > 4);
  assert.notEqual(calls[0].id, calls[1].id);
  assert.equal(list.at(-1).choices[0].finish_reason, 'tool_calls');
});

test('reasoning', async () => {
  const all = deltas(await chunks('reason:2'));
  assert.equal(all.map((d) => d.reasoning_content ?? '').join(''), 'r0 r1 ');
});

test('an answer in one piece', async () => {
  const body = await (await chat('parallel:["say:Look","bash:ls"]')).json();
  assert.equal(body.object, 'chat.completion');
  const [{ message, finish_reason: reason }] = body.choices;
  assert.equal(message.content, 'Look');
  assert.equal(message.tool_calls[0].function.name, 'bash');
  assert.equal(reason, 'tool_calls');
  assert.equal(body.usage.total_tokens, body.usage.prompt_tokens + body.usage.completion_tokens);
});

test('scripted errors are HTTP errors, for ever or for some attempts of a session', async () => {
  const first = await chat('err:429', { stream: true });
  assert.equal(first.status, 429);
  assert.equal((await first.json()).error.message, 'scripted error 429');
  const session = { 'x-session-id': 'ses_attempts' };
  const statuses = [];
  for (let i = 0; i < 3; i++) statuses.push((await chat('err:503:2;;say:ok', {}, session)).status);
  assert.deepEqual(statuses, [503, 503, 200]);
});

test('drop cuts the connection in the middle', async () => {
  const response = await chat('drop:9', { stream: true });
  let text = '';
  await assert.rejects(async () => {
    for await (const piece of response.body.pipeThrough(new TextDecoderStream())) text += piece;
  });
  assert.match(text, /This /);
  assert.doesNotMatch(text, /DONE/);
});

test('garbage is no event stream', async () => {
  const text = await (await chat('garbage', { stream: true })).text();
  assert.ok(
    text.split('\n\n').some((frame) => {
      try {
        JSON.parse(frame.replace(/^data: /, ''));
        return false;
      } catch {
        return frame !== '';
      }
    }),
  );
});

test('slow holds back even the headers', async () => {
  const start = performance.now();
  const response = await chat('slow:2:150', { stream: true });
  assert.ok(performance.now() - start >= 145);
  assert.match(await response.text(), /w1/);
});

test('gates open when released, before or after the request comes', async () => {
  const answer = chat('gate:late;;say:through');
  await model.waitGate('late');
  assert.equal(await model.release('late'), 1);
  assert.equal((await (await answer).json()).choices[0].message.content, 'through');

  assert.equal(await model.release('early'), 0);
  assert.equal((await chat('gate:early;;say:through')).status, 200);
  const hanging = chat('hang');
  await model.waitGate('hang');
  await model.release('hang');
  assert.equal((await hanging).status, 200);
});

test('a gate in the middle of an answer', async () => {
  const response = await chat('parallel:["say:first ","gate:middle","say:second"]', { stream: true });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  while (!text.includes('first ')) text += (await reader.read()).value;
  await model.waitGate('middle');
  assert.doesNotMatch(text, /second/);
  await model.release('middle');
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) text += piece.value;
  assert.match(text, /second/);
});

test('a client that leaves frees the gate, and is recorded', async () => {
  const leave = new AbortController();
  const answer = chat('gate:left;;say:x', { signal: leave.signal }, { 'x-session-id': 'ses_left' });
  await model.waitGate('left');
  leave.abort();
  await assert.rejects(answer);
  const entry = await model.waitRequest((r) => r.session === 'ses_left' && r.state !== 'playing');
  assert.equal(entry.state, 'aborted');
  assert.ok(!(await model.waiting()).includes('left'));
});

test('requests are recorded with session, script and, on demand, body; never the key', async () => {
  await model.clear();
  await (
    await chat('say:a;;say:b', {}, { 'x-session-id': 'ses_1', authorization: 'Bearer sk-secret' })
  ).text();
  const [entry] = await model.requests();
  assert.deepEqual(
    [entry.session, entry.model, entry.kind, entry.scenario, entry.step, entry.state, entry.prompt],
    ['ses_1', 'demo', 'chat', 'prompt', 0, 'sent', 'say:a;;say:b'],
  );
  assert.equal(entry.body, undefined);
  const full = JSON.stringify(await model.requests({ bodies: true }));
  assert.match(full, /"messages"/);
  assert.doesNotMatch(full, /sk-secret/);
});

test('an outage of one model leaves the others alone', async () => {
  await model.outage('demo', 503);
  assert.equal((await chat('say:x')).status, 503);
  assert.equal((await chat('say:x', { model: 'demo-backup' })).status, 200);
  await model.outage('demo', null);
  assert.equal((await chat('say:x')).status, 200);
  await assert.rejects(model.outage('demo', 200), /400/);
});

test('the list of models', async () => {
  const { object, data } = await (await fetch(`${model.url}/models`)).json();
  assert.equal(object, 'list');
  assert.ok(data.some((m) => m.id === 'demo' && m.object === 'model'));
});

for (const [what, body, message] of [
  ['no JSON', '{', /not JSON/],
  ['no object', '[]', /JSON object/],
  ['null', 'null', /JSON object/],
  ['no model', '{"messages":[{"role":"user","content":"x"}]}', /"model"/],
  ['no messages', '{"model":"demo"}', /"messages"/],
  ['empty messages', '{"model":"demo","messages":[]}', /at least one/],
  ['a message that is none', '{"model":"demo","messages":[null]}', /messages\[0\]/],
  ['stream that is no boolean', '{"model":"demo","messages":[{"role":"user"}],"stream":1}', /"stream"/],
  [
    'a script with a mistake',
    '{"model":"demo","messages":[{"role":"user","content":"say:a;;text:x"}]}',
    /script step 2/,
  ],
]) {
  test(`refused with 400: ${what}`, async () => {
    const response = await fetch(`${model.url}/chat/completions`, { method: 'POST', body });
    assert.equal(response.status, 400);
    assert.match((await response.json()).error.message, message);
  });
}

test('a body without end is refused, an unknown path is 404', async () => {
  const { hostname, port } = new URL(model.url);
  const request = httpRequest({ hostname, port, method: 'POST', path: '/v1/chat/completions' });
  const megabyte = Buffer.alloc(1 << 20, 'x');
  request.on('error', () => {}); // the server closes the connection while we still write
  Readable.from(
    (function* () {
      while (!request.res) yield megabyte;
    })(),
  ).pipe(request);
  const [response] = await once(request, 'response');
  assert.equal(response.statusCode, 413);
  request.destroy();
  assert.equal((await fetch(new URL('/nowhere', model.url))).status, 404);
  assert.equal((await chat('say:still there')).status, 200);
});

test('one line of output; SIGTERM and SIGINT end it even in the middle of an answer', async () => {
  for (const signal of ['SIGTERM', 'SIGINT']) {
    const child = spawn(process.execPath, [SERVER, '--quiet'], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (output += text));
    await once(child.stdout, 'data');
    const url = /^model listening on (http:\/\/127\.0\.0\.1:\d+\/v1)\n$/.exec(output)[1];
    const body = JSON.stringify({
      model: 'demo',
      messages: [{ role: 'user', content: 'parallel:["say:x","gate:never"]' }],
      stream: true,
    });
    const response = await fetch(`${url}/chat/completions`, { method: 'POST', body });
    child.kill(signal);
    assert.deepEqual(await once(child, 'exit'), [0, null]);
    await assert.rejects(response.text());
    assert.match(output, /^[^\n]*\n$/);
  }
});

test('mistakes on the command line are one line and status 1', async () => {
  for (const args of [
    ['--listen', 'nowhere'],
    ['--listen', '127.0.0.1:99999'],
    ['--script', '/does/not/exist.yaml'],
    ['--unknown'],
  ]) {
    const child = spawn(process.execPath, [SERVER, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text) => (errors += text));
    const [code] = await once(child, 'close');
    assert.equal(code, 1);
    assert.match(errors, /^model: [^\n]+\n$/, errors);
  }
});
