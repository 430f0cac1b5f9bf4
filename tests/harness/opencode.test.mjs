// The harness keeps its promises: isolated, quiet on the network, quick with plugins, and nothing left
// behind.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { until } from './child.mjs';
import { startModel } from './model.mjs';
import { ApiError, findOpenCode, freePort, startOpenCode } from './opencode.mjs';

const PLUGIN = `
import { appendFileSync } from 'node:fs';
export const Probe = async ({ directory }) => {
  appendFileSync(process.env.PROBE, JSON.stringify({
    directory, gateway: process.env.GATEWAY_URL, token: process.env.GATEWAY_BRIDGE_TOKEN,
  }) + '\\n');
  return {};
};
`;

let scratch;
let model;
let proxy;
let opencode;
const proxied = []; // what OpenCode wanted from the network
const project = () => join(scratch, 'project');
const options = () => ({
  home: join(scratch, 'home'),
  directory: project(),
  modelUrl: model.url,
  pluginPath: join(scratch, 'probe.js'),
  gatewayUrl: 'http://127.0.0.1:1',
  bridgeToken: 'bridge-token',
  password: 'server-password',
  config: { permission: { bash: 'allow' }, username: 'tester' },
  env: {
    PROBE: join(scratch, 'probe.log'),
    HTTP_PROXY: `http://127.0.0.1:${proxy.address().port}`,
    HTTPS_PROXY: `http://127.0.0.1:${proxy.address().port}`,
    NO_PROXY: '127.0.0.1,localhost',
  },
});

before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'harness-test-'));
  mkdirSync(project());
  mkdirSync(join(project(), '.opencode'));
  writeFileSync(join(project(), '.opencode/opencode.json'), '{"share":"manual"}');
  writeFileSync(join(scratch, 'probe.js'), PLUGIN);
  proxy = createServer((request, response) => {
    proxied.push(request.url);
    response.writeHead(502).end();
  }).on('connect', (request, socket) => {
    proxied.push(request.url);
    socket.destroy();
  });
  await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  model = await startModel();
  process.env.OPENCODE_CONFIG_CONTENT = '{"username":"from the environment of the user"}';
  opencode = await startOpenCode(options());
});

after(async () => {
  delete process.env.OPENCODE_CONFIG_CONTENT;
  await opencode?.stop();
  await model?.stop();
  proxy?.close();
  if (scratch) await rm(scratch, { recursive: true, force: true, maxRetries: 5 });
});

test('a plugin is loaded at the first request of a directory, without delay', async () => {
  assert.ok(!existsSync(join(scratch, 'probe.log')), 'not before');
  const start = performance.now();
  await opencode.wake(project());
  // 0.3 s as a rule; an npm install that cannot reach its registry takes over a minute.
  assert.ok(performance.now() - start < 15_000);
  const lines = readFileSync(join(scratch, 'probe.log'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(lines[0], { directory: project(), gateway: 'http://127.0.0.1:1', token: 'bridge-token' });
});

test('configuration: the template, what the test lays over it, nothing of the user', async () => {
  const config = await opencode.api('GET', '/config', undefined, { directory: project() });
  assert.equal(config.username, 'tester');
  assert.deepEqual([config.permission.bash, config.permission.edit], ['allow', 'allow']);
  assert.equal(config.provider.scripted.options.baseURL, model.url);
  const { all, connected } = await opencode.api('GET', '/provider', undefined, { directory: project() });
  assert.deepEqual(
    all.map((p) => p.id),
    ['scripted'],
  );
  assert.deepEqual(connected, ['scripted']);
  const path = await opencode.api('GET', '/path', undefined, { directory: project() });
  assert.ok(
    [path.home, path.config, path.state].every((p) => p.startsWith(scratch)),
    JSON.stringify(path),
  );
});

test('the shell of the agent sees nothing of the environment of the test', async () => {
  process.env.HARNESS_TEST_SECRET = 'secret';
  const session = await opencode.session(project());
  await opencode.prompt(session.id, 'bash:env;;say:done');
  const messages = await opencode.idle(session.id, { directory: project() });
  delete process.env.HARNESS_TEST_SECRET;
  const output = messages.flatMap((m) => m.parts).find((p) => p.tool === 'bash').state.output;
  assert.match(output, new RegExp(`^HOME=${scratch}/home$`, 'm'));
  assert.doesNotMatch(output, /HARNESS_TEST_SECRET|NODE_TEST_CONTEXT|OPENCODE_CONFIG_CONTENT/);
});

test('the network is left alone, searching included', async () => {
  const session = await opencode.session(project());
  await opencode.prompt(session.id, 'tool:grep:{"pattern":"manual"};;say:done');
  const messages = await opencode.idle(session.id, { directory: project() });
  assert.equal(messages.flatMap((m) => m.parts).find((p) => p.tool === 'grep').state.status, 'completed');
  assert.deepEqual(proxied, []);
  assert.deepEqual(readdirSync(join(scratch, 'home/.config/opencode/node_modules')), []);
});

test('api: passwords, errors, the page of the web UI', async () => {
  assert.equal((await fetch(new URL('/global/health', opencode.url))).status, 401);
  await assert.rejects(
    opencode.api('GET', '/session/ses_missing'),
    (error) => error instanceof ApiError && error.status === 404,
  );
  await assert.rejects(
    opencode.api('GET', '/no/such/path'),
    (error) => error instanceof ApiError && error.status === 200,
  );
  assert.equal((await opencode.api('GET', '/global/health')).version, opencode.version);
});

test('events end with the server, and say so', async () => {
  const events = await opencode.events();
  const { id } = await opencode.session(project(), { title: 'Kept' });
  await events.wait('session.created', (p) => p.info.id === id);

  await opencode.prompt(id, 'bash:echo $$ > pid; exec sleep 1000;;say:never');
  const pid = await until(
    'the command runs',
    () => existsSync(join(project(), 'pid')) && readFileSync(join(project(), 'pid'), 'utf8').trim(),
  );
  await opencode.kill9();
  await assert.rejects(events.wait('session.deleted'), /the event stream is over/);
  await events.close();
  await until('the command of the killed server is gone', () => !existsSync(`/proc/${pid}`), 5000);

  opencode = await startOpenCode({ ...options(), port: opencode.port });
  assert.equal((await opencode.api('GET', `/session/${id}`)).title, 'Kept');
});

test('a home of its own is removed in the end; a failed start leaves nothing', async () => {
  await assert.rejects(startOpenCode({ config: { model: 7 }, port: opencode.port }), /ended early|timed out/);
  await assert.rejects(startOpenCode({ home: homedir() }), /home of the user/);
  const own = await startOpenCode({ modelUrl: model.url });
  assert.ok(existsSync(own.home));
  assert.equal((await own.stop()).signal !== 'SIGKILL', true);
  assert.ok(!existsSync(own.home));
});

test('a program that is not there is explained', async () => {
  const named = process.env.OPENCODE_BIN;
  process.env.OPENCODE_BIN = join(scratch, 'probe.js'); // exists, but is no program
  await assert.rejects(findOpenCode(), /npm ci/);
  if (named === undefined) delete process.env.OPENCODE_BIN;
  else process.env.OPENCODE_BIN = named;
  assert.ok(existsSync(await findOpenCode()));
  assert.ok((await freePort()) > 0);
});
