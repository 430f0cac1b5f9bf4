// `opencode-slack routing`: what people and scripts ask of the router, outside of Slack.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { runGateway, startGateway } from '../harness/gateway.mjs';
import { startLocalSlack } from '../harness/localslack.mjs';

const DATA = fileURLToPath(new URL('../../src/core/routing-data/', import.meta.url));
const TRAIN = ['architect', 'builder', 'party-mode', 'pm'].map((agent) => join(DATA, `train-${agent}.jsonl`));
const HOLD_OUT = join(DATA, 'hold-out.jsonl');

let scratch;
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'routing-'));
});
after(() => rm(scratch, { recursive: true, force: true }));

const routing = (...args) => runGateway(['routing', ...args]);

test('a decision is told, for people and for programs', async () => {
  const told = await routing('decide', 'How should we structure the', 'repository?');
  assert.equal(told.code, 0);
  assert.match(told.output, /architect, claude, complexity \d+ \((low|medium|high)\), confidence 0\.\d\d, by learned/);
  assert.match(told.output, /→ architect; complexity/);

  const { code, output } = await routing('decide', '--json', '--keywords', 'Login broken on Safari');
  assert.equal(code, 0);
  const decision = JSON.parse(output);
  assert.equal(decision.agent, 'builder');
  assert.equal(decision.model, 'qwen');
  assert.equal(decision.by, 'keywords');
  const sum = Object.values(decision.scores).reduce((a, b) => a + b, 0);
  assert.ok(Math.abs(sum - 1) < 0.001, `scores add up to ${sum}`);
});

test('both are measured on the hold-out, with confusion and calibration', async () => {
  const accuracy = {};
  for (const who of ['keywords', 'learned']) {
    const { code, output } = await routing('evaluate', `--${who}`, HOLD_OUT);
    assert.equal(code, 0);
    accuracy[who] = Number(/right: ([\d.]+)%/.exec(output)[1]);
    assert.match(output, /is \\ decided\s+architect\s+pm\s+builder\s+party-mode\s+precision\s+recall/);
    assert.match(output, /expected calibration error: 0\.\d{3}/);
  }
  assert.ok(accuracy.learned > accuracy.keywords, JSON.stringify(accuracy));
});

test('training twice gives the same file, and the file serves', async () => {
  const files = [join(scratch, 'one.model'), join(scratch, 'two.model')];
  for (const file of files) {
    const { code, output } = await routing('train', ...TRAIN, '--split', 'train', '-o', file);
    assert.equal(code, 0, output);
    assert.match(output, /it serves/);
  }
  const [one, two] = await Promise.all(files.map((file) => readFile(file)));
  assert.ok(one.equals(two));
  assert.ok(one.length < 1024 * 1024);

  const { output } = await routing('decide', '--model', files[0], 'write user stories for the returns');
  assert.match(output, /^pm, claude, .* by learned/);

  one[one.length >> 1] ^= 1;
  await writeFile(files[1], one);
  const damaged = await routing('decide', '--model', files[1], 'anything');
  assert.equal(damaged.code, 1);
  assert.match(damaged.output, /damaged: its checksum is wrong/);
});

test('what is wrong is said, with the line', async () => {
  const file = join(scratch, 'bad.jsonl');
  await writeFile(file, '{"text": "a", "agent": "pm"}\n{"text": "b", "agent": "cook"}\n');
  const bad = await routing('evaluate', file);
  assert.equal(bad.code, 1);
  assert.match(bad.output, /bad\.jsonl, line 2: its agent is none of/);

  await writeFile(file, '{"text": "a", "agent": "pm"}\n');
  const few = await routing('train', file, '-o', join(scratch, 'none.model'));
  assert.equal(few.code, 1);
  assert.match(few.output, /too few/);

  assert.match((await routing('evaluate', join(scratch, 'missing'))).output, /No such file/);
  for (const args of [[], ['unknown'], ['decide'], ['decide', '--loud', 'x']]) {
    const { code, output } = await routing(...args);
    assert.equal(code, 2, `routing ${args.join(' ')}`);
    assert.match(output, /routing decide/);
  }
});

test('the records of the running gateway are exported', async () => {
  const slack = await startLocalSlack();
  const gateway = await startGateway({ slackUrl: slack.url, directory: scratch });
  const env = {
    SLACK_BOT_TOKEN: 'xoxb-local', SLACK_APP_TOKEN: 'xapp-1-local', OPENCODE_DIRECTORY: scratch,
    GATEWAY_LISTEN: new URL(gateway.url).host, GATEWAY_BRIDGE_TOKEN: gateway.token,
  };
  try {
    const { code, output } = await runGateway(['routing', 'export'], env);
    assert.equal(code, 0, output);
    assert.equal(output.trim(), ''); // nothing was routed yet
    const { status, body } = await gateway.api('GET', '/api/routing');
    assert.equal(status, 200);
    assert.deepEqual(body, { records: [] });
  } finally {
    await gateway.stop();
    await slack.stop();
  }
  const { code, output } = await runGateway(['routing', 'export'], env);
  assert.equal(code, 1);
  assert.match(output, /is it running/);
});

test('a gateway decides with a model of its users\' own; a file that is none stops the start', async () => {
  const slack = await startLocalSlack();
  try {
    const own = join(scratch, 'own.model');
    assert.equal((await routing('train', ...TRAIN, '-o', own)).code, 0);
    const gateway = await startGateway({ slackUrl: slack.url, directory: scratch, env: { GATEWAY_ROUTING_MODEL: own } });
    try {
      await gateway.ready();
      await slack.say('U0ANN', 'C0GENERAL', '<@U0BOT> How should we structure the repository?');
      const { body } = await slack.waitFor(async () => {
        const answer = await gateway.api('GET', '/api/routing');
        return answer.body.records.length > 0 && answer;
      }, { what: 'the task to be routed' });
      assert.equal(body.records[0].decision.agent, 'architect');
      assert.equal(body.records[0].decision.by, 'learned');
    } finally {
      await gateway.stop();
    }
    const none = join(scratch, 'none.model');
    await writeFile(none, 'not a model');
    await assert.rejects(
      startGateway({ slackUrl: slack.url, directory: scratch, env: { GATEWAY_ROUTING_MODEL: none } }),
      /cannot use routing\.model .*none\.model.*routing train/,
    );
  } finally {
    await slack.stop();
  }
});
