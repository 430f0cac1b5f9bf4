// A relay for TCP connections whose faults a test decides: cut, unreachable, or silent in one direction, which is
// what a process sees of a peer that has acted but whose answer is still on its way.

import { connect, createServer } from 'node:net';

/**
 * Relays to 127.0.0.1:`targetPort` from a free port. Returns
 *  port, url       where to connect
 *  cut()           ends every connection and lets none in until restore()
 *  drop()          ends every connection; new ones are let in at once
 *  hold(direction) keeps what is sent 'up' (to the target) or 'down' (back) until restore()
 *  restore()       everything passes again, also what was held on connections that still are
 *  connections()   how many there are
 *  stop()
 */
export async function startTcpProxy(targetPort) {
  const pairs = new Set();
  const held = new Set();
  let open = true;

  const end = (pair) => {
    pairs.delete(pair);
    pair.client.destroy();
    pair.target.destroy();
  };
  const flow = (pair) => {
    for (const [direction, from] of [['up', pair.client], ['down', pair.target]]) {
      if (held.has(direction)) from.pause();
      else from.resume();
    }
  };
  const relay = (from, to) => {
    from.on('data', (bytes) => {
      if (!to.write(bytes)) from.pause();
    });
  };

  const server = createServer((client) => {
    if (!open) {
      client.destroy();
      return;
    }
    const target = connect(targetPort, '127.0.0.1');
    const pair = { client, target };
    pairs.add(pair);
    client.setNoDelay(true);
    target.setNoDelay(true);
    relay(client, target);
    relay(target, client);
    client.on('drain', () => flow(pair));
    target.on('drain', () => flow(pair));
    // A connection that ends is over in both directions: nothing here uses a half-closed one.
    for (const socket of [client, target]) {
      socket.on('error', () => end(pair)); // the cut itself, as the sockets see it
      socket.on('close', () => end(pair));
    }
    flow(pair);
  });
  await new Promise((done, reject) => server.once('error', reject).listen(0, '127.0.0.1', done));
  const { port } = server.address();

  return {
    port,
    url: `http://127.0.0.1:${port}`,
    connections: () => pairs.size,
    drop: () => [...pairs].forEach(end),
    cut: () => {
      open = false;
      [...pairs].forEach(end);
    },
    hold: (direction) => {
      held.add(direction);
      pairs.forEach(flow);
    },
    restore: () => {
      open = true;
      held.clear();
      pairs.forEach(flow);
    },
    stop: async () => {
      [...pairs].forEach(end);
      await new Promise((done) => server.close(done));
    },
  };
}
