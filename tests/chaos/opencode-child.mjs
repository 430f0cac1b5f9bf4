// OpenCode and its plugin, played in a process of their own, so that they can be killed: what OpenCode would have on its
// disk goes into a file, line by line, and the next life begins with it. SIGUSR2 cuts the bridge.
//
//   node opencode-child.mjs FILE GATEWAY_URL TOKEN DIRECTORY

import { openSync, writeSync } from 'node:fs';

import { FakeOpenCode } from '../harness/fake-bridge.mjs';
import { readKept } from './kept.mjs';

const [file, gatewayUrl, token, directory] = process.argv.slice(2);
const kept = readKept(file, { mend: true });
const out = openSync(file, 'a');
const opencode = new FakeOpenCode({
  gatewayUrl,
  token,
  directory,
  kept: [...kept.sessions.values()],
  keep: (record) => writeSync(out, `${JSON.stringify(record)}\n`),
});
process.on('SIGUSR2', () => opencode.cut());
console.log('opencode is up');
