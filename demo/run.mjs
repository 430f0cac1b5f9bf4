// The demonstration: localslack, a scripted model, the real OpenCode with the plugin, and the gateway, on this machine
// and for as long as the person likes. `./dev demo` builds everything and then starts this.
//
//   node demo/run.mjs [--model provider/model] [--port N]
//
// With --model OpenCode keeps the person's own configuration and credentials (HOME is theirs), and only the plugin is
// added; otherwise it is closed off from both.

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { startGateway } from '../tests/harness/gateway.mjs';
import { startLocalSlack } from '../tests/harness/localslack.mjs';
import { startModel } from '../tests/harness/model.mjs';
import { freePort, startOpenCode } from '../tests/harness/opencode.mjs';
import { prepareSample } from './prepare.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const STATE = join(ROOT, '.demo');
const PLUGIN = join(ROOT, 'plugin/dist/bridge.js');
const TOKEN = 'bridge-token-of-the-demo';
const CHANNEL = 'C0GENERAL';
const KEPT_VARIABLES = /_API_KEY$|^(AWS|GOOGLE|AZURE)_|^(HTTPS?|NO)_PROXY$/i; // what providers read

const { values: options } = parseArgs({
  options: {
    model: { type: 'string' },
    port: { type: 'string', default: '3000' },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (options.help) {
  console.log(`Shows the whole product on this machine.

  --model provider/model   use a real model with your own OpenCode credentials (default: a scripted one)
  --port N                 where the page is (default 3000; another one is taken if it is in use)
  --keep                   go on with the sessions of the last demo instead of starting afresh`);
  process.exit(0);
}

const parts = [];
let stopping = null;

/** Stops everything, the last started first. */
async function stop(code) {
  stopping ??= (async () => {
    console.log('\nStopping …');
    for (const { name, part } of parts.reverse()) {
      await part.stop();
      writeFileSync(join(STATE, `${name}.log`), part.log());
    }
    console.log(`Stopped. The logs are in ${STATE}.`);
    process.exit(code);
  })();
  return stopping;
}

/** Starts one part, and says so in one line. */
async function step(name, what, start) {
  const began = Date.now();
  process.stdout.write(`  ${what} … `);
  const part = await start();
  parts.push({ name, part });
  console.log(`${((Date.now() - began) / 1000).toFixed(1)} s`);
  return part;
}

async function startSlack() {
  const wanted = Number(options.port);
  try {
    return await startLocalSlack({ port: wanted });
  } catch (error) {
    if (wanted === 0) throw error;
    process.stdout.write(`(port ${wanted} is in use) `);
    return startLocalSlack({ port: 0 });
  }
}

/** OpenCode with the scripted model, or with the person's own configuration and the model they named. */
function openCodeOptions(directory, gatewayUrl, model) {
  const common = { directory, pluginPath: PLUGIN, gatewayUrl, bridgeToken: TOKEN };
  if (model) return { ...common, home: join(STATE, 'home'), modelUrl: model.url };
  const providers = ownProviders();
  return {
    ...common,
    home: join(STATE, 'home'),
    config: {
      model: options.model,
      small_model: options.model,
      enabled_providers: [options.model.split('/')[0]],
      provider: providers,
    },
    env: {
      XDG_DATA_HOME: process.env.XDG_DATA_HOME ?? join(homedir(), '.local/share'), // auth.json: the credentials
      ...Object.fromEntries(Object.entries(process.env).filter(([name]) => KEPT_VARIABLES.test(name))),
      SCRIPTED_MODEL_URL: 'http://127.0.0.1:9/v1',
      OPENCODE_DISABLE_MODELS_FETCH: '',
    },
  };
}

/** Providers that the person has configured for their own OpenCode, a local one for example. */
function ownProviders() {
  const file = join(process.env.XDG_CONFIG_HOME ?? join(homedir(), '.config'), 'opencode/opencode.json');
  if (!existsSync(file)) return {};
  try {
    return JSON.parse(readFileSync(file, 'utf8')).provider ?? {};
  } catch (error) {
    console.log(`(${file} is not plain JSON, its providers are not used: ${error.message})`);
    return {};
  }
}

async function main() {
  if (!options.keep) rmSync(STATE, { recursive: true, force: true });
  mkdirSync(STATE, { recursive: true });
  console.log('Starting the demonstration:');
  const slack = await step('localslack', 'localslack, a Slack on this machine', startSlack);
  const model = options.model
    ? null
    : await step('model', 'a scripted model', () => startModel({ script: join(ROOT, 'demo/script.yaml') }));
  const repositories = join(STATE, 'repositories');
  const directory = join(repositories, 'tidy-slug');
  mkdirSync(repositories, { recursive: true });
  prepareSample(directory);
  const gatewayPort = await freePort();
  const gatewayUrl = `http://127.0.0.1:${gatewayPort}`;
  const opencode = await step('opencode', 'OpenCode, with the bridge plugin', () =>
    startOpenCode(openCodeOptions(directory, gatewayUrl, model)),
  );
  const gateway = await step('gateway', 'the gateway', async () => {
    const part = await startGateway({
      slackUrl: slack.url,
      directory,
      stateDir: STATE,
      port: gatewayPort,
      bridgeToken: TOKEN,
      opencodeUrl: opencode.url,
      env: {
        GATEWAY_OPENCODE_MODEL: options.model ?? 'scripted/demo',
        GATEWAY_WORKSPACE_REPOSITORIES_ROOT: repositories,
        GATEWAY_STATE_DIRECTORY: join(STATE, 'sessions'),
      },
    });
    parts.push({ name: 'gateway', part }); // to be stopped, and its log kept, even if it never becomes ready
    await part.ready({ bridges: 1, timeoutMs: 60_000 });
    parts.pop();
    return part;
  });
  console.log(`
Open   ${slack.url}/#${CHANNEL}
Type   /opencode start fix the failing slug test
       then answer the question, allow the test run, and read the report in the thread.
Or     /opencode start alone, for the form: with a repository chosen, the agent works in a worktree of its own,
       and !cleanup in the thread removes it.

OpenCode's own page, where the same session is seen:  ${opencode.url}
The gateway's metrics:  ${gateway.url}/metrics        Ctrl-C stops everything.`);
  for (const [name, part] of Object.entries({ localslack: slack, OpenCode: opencode, 'the gateway': gateway })) {
    part.child?.exit.then(({ code, signal }) => {
      if (stopping) return;
      console.error(`\n${name} ended (${signal ?? code}):\n${part.log().slice(-2000)}`);
      stop(1);
    });
  }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stop(0));
main().catch((error) => {
  console.error(`\n${error.message}`);
  return stop(1);
});
