// Check 10: every envelope goes to exactly one of the app's sockets.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { socketClient, start } from './support.mjs';

describe('10.10 one of many sockets', () => {
  let slack;
  const clients = [];
  const heard = [];
  before(async () => {
    slack = await start();
    for (let i = 0; i < 3; i++) {
      const client = socketClient(slack);
      heard.push([]);
      client.on('message', async ({ event, ack }) => {
        heard[i].push(event.text);
        await ack();
      });
      await client.start();
      clients.push(client);
    }
    await slack.waitForSockets(3);
  });
  after(async () => {
    await Promise.all(clients.map((c) => c.disconnect()));
    await slack.stop();
  });

  const say = async (prefix, n) => {
    const texts = Array.from({ length: n }, (_, i) => `${prefix}${i}`);
    for (const text of texts) await slack.say('ann', 'general', text);
    await slack.waitFor((s) => heard.flat().filter((t) => t.startsWith(prefix)).length >= n && s.envelopes.pending === 0, { what: 'all events' });
    return texts;
  };

  test('three clients: each event once, each client some', async () => {
    const texts = await say('m', 60);
    assert.deepEqual(heard.flat().sort(), [...texts].sort());
    // 60 envelopes miss one of three sockets with a probability of 3·(2/3)^60, that is 8 in 10^11.
    assert.ok(heard.every((h) => h.length > 0), `shares: ${heard.map((h) => h.length)}`);
  });

  test('sticky: one client has them all', async () => {
    await slack.post('switches', { sticky: true });
    await say('s', 15);
    assert.deepEqual(heard.map((h) => h.filter((t) => t.startsWith('s')).length).sort((a, b) => a - b), [0, 0, 15]);
    await slack.post('switches', { sticky: false });
  });

  test('when one client leaves the others have the rest', async () => {
    await clients[0].disconnect();
    await slack.waitFor((s) => s.sockets.length === 2, { what: 'its socket to go' });
    const before = heard[0].length;
    const texts = await say('r', 20);
    assert.equal(heard[0].length, before);
    assert.deepEqual(heard.flat().filter((t) => t.startsWith('r')).sort(), [...texts].sort());
    await clients[0].start();
  });
});
