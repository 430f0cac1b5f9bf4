// Check 6: every form of acknowledgement that a client sends, and those that mean nothing.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { GENERAL, RawSocket, boltApp, isEvent, openUrl, socketClient, start } from './support.mjs';

describe('10.6 acknowledgements', () => {
  let slack;
  let stop;
  before(async () => {
    slack = await start();
  });
  afterEach(async () => {
    await stop?.();
    stop = undefined;
    await slack.waitFor((s) => s.sockets.length === 0, { what: 'the sockets of the test to go' });
    await slack.post('reset');
  });
  after(() => slack.stop());

  const connectRaw = async () => {
    const raw = await RawSocket.open(await openUrl(slack, 'xapp-1-right'));
    stop = () => raw.destroy();
    await slack.waitForSockets(1);
    return raw;
  };

  const forms = {
    'nothing but the id': (id) => `{"envelope_id":"${id}"}`,
    'an empty payload, as Node sends': (id) => `{"envelope_id":"${id}","payload":{}}`,
    'spaces, as Python sends': (id) => `{"envelope_id": "${id}", "payload": {}}`,
    'other keys before it, other white space': (id) => `{ "payload" : {"text" : "x"} ,\n\t"envelope_id" : "${id}" }`,
    'a null payload': (id) => `{"envelope_id":"${id}","payload":null}`,
  };
  for (const [what, form] of Object.entries(forms)) {
    test(`taken: ${what}`, async () => {
      const raw = await connectRaw();
      const { acked } = (await slack.state()).envelopes;
      await slack.say('ann', 'general', 'hi');
      const { envelope_id } = await raw.text(isEvent);
      raw.send(form(envelope_id));
      await slack.waitFor((s) => s.envelopes.acked === acked + 1 && s.envelopes.pending === 0, { what: 'the acknowledgement' });
    });
  }

  test('unknown, twice, not JSON, not an object, binary: nothing happens, and the socket lives', async () => {
    const raw = await connectRaw();
    const { acked } = (await slack.state()).envelopes;
    await slack.say('ann', 'general', 'hi');
    const { envelope_id } = await raw.text(isEvent);
    for (const junk of ['not json', '', '[]', '7', '"x"', '{}', '{"envelope_id":7}', '{"envelope_id":"00000000-0000-4000-8000-000000000000"}']) raw.send(junk);
    raw.sendFrame(2, Buffer.from([0, 1, 2]));
    raw.send({ envelope_id });
    raw.send({ envelope_id, payload: { text: 'again' } });
    raw.sendFrame(9, 'alive?');
    await raw.until(() => raw.lastPong === 'alive?');
    assert.deepEqual([(await slack.state()).envelopes.acked, (await slack.state()).envelopes.pending], [acked + 1, 0]);
    assert.equal(raw.ended, false);
  });

  test('an acknowledgement over a sibling socket counts', async () => {
    const raw = await connectRaw();
    const other = await RawSocket.open(await openUrl(slack, 'xapp-1-right'));
    stop = () => [raw, other].forEach((s) => s.destroy());
    await slack.waitForSockets(2);
    await slack.post('switches', { sticky: true });
    await slack.say('ann', 'general', 'hi');
    const { envelope_id } = await raw.text(isEvent);
    other.send({ envelope_id });
    await slack.waitFor((s) => s.envelopes.pending === 0, { what: 'the acknowledgement' });
  });

  test('with sibling_acks off it does not: the event comes again', async () => {
    const raw = await connectRaw();
    const other = await RawSocket.open(await openUrl(slack, 'xapp-1-right'));
    stop = () => [raw, other].forEach((s) => s.destroy());
    await slack.waitForSockets(2);
    await slack.post('switches', { sticky: true, sibling_acks: false, ack_timeout_ms: 200, retry_scale: 0 });
    await slack.say('ann', 'general', 'hi');
    const { envelope_id } = await raw.text(isEvent);
    other.send({ envelope_id });
    const again = await raw.text((m) => isEvent(m) && m.retry_attempt === 1);
    raw.send({ envelope_id: again.envelope_id });
    await slack.waitFor((s) => s.envelopes.pending === 0, { what: 'the acknowledgement' });
  });

  test('the SDK: ack() of an event is an empty payload; a string becomes a text', async () => {
    const client = socketClient(slack);
    stop = () => client.disconnect();
    client.on('slash_commands', ({ ack }) => ack('working on it'));
    client.on('message', ({ ack }) => ack());
    await client.start();
    const report = await slack.command('ann', 'general', '/opencode', 'x');
    assert.deepEqual(report.response, { text: 'working on it' });
    await slack.say('ann', 'general', 'hi');
    await slack.waitFor((s) => s.envelopes.pending === 0 && s.channels.find((c) => c.id === GENERAL).messages.length > 0, { what: 'the event' });
    const acks = (await slack.get('frames')).filter((f) => f.direction.startsWith('in')).map((f) => JSON.parse(f.text));
    assert.deepEqual(acks.map((a) => a.payload), [{ text: 'working on it' }, {}]);
  });

  test('Bolt acknowledges an event before its listener has done anything', async () => {
    const app = boltApp(slack);
    stop = () => app.stop();
    let release;
    const held = new Promise((resolve) => (release = resolve));
    app.message(async ({ say }) => {
      await held;
      await say('done');
    });
    await app.start();
    await slack.say('ann', 'general', 'hi');
    await slack.waitFor((s) => s.envelopes.pending === 0, { what: 'the acknowledgement' });
    assert.equal((await slack.calls('chat.postMessage')).length, 0);
    release();
    await slack.waitForMessage((m) => m.text === 'done');
  });

  test('a second ack() in Bolt sends nothing', async () => {
    const app = boltApp(slack);
    stop = () => app.stop();
    let acked = 0;
    app.command('/opencode', async ({ ack }) => {
      await ack('first');
      await ack('second');
      acked = 2;
    });
    await app.start();
    const report = await slack.command('ann', 'general', '/opencode', 'x');
    assert.deepEqual(report.response, { text: 'first' });
    await slack.waitFor(() => acked === 2, { what: 'the second ack()' });
    assert.equal((await slack.get('frames')).filter((f) => f.direction.startsWith('in')).length, 1);
  });
});
