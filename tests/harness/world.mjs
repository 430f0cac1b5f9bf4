// Everything at once: localslack, a scripted model, the real OpenCode with the plugin, and the gateway.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { prepareSample } from '../../demo/prepare.mjs';
import { until } from './child.mjs';
import { startGateway } from './gateway.mjs';
import { startLocalSlack } from './localslack.mjs';
import { startModel } from './model.mjs';
import { freePort, startOpenCode } from './opencode.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PLUGIN = join(ROOT, 'plugin/dist/bridge.js');

/** Plain text of a message: its fallback and all texts of its blocks. */
export function textOf(message) {
  const texts = [];
  const walk = (node) => {
    if (Array.isArray(node)) node.forEach(walk);
    else if (node !== null && typeof node === 'object') {
      for (const [key, value] of Object.entries(node)) {
        if (key === 'text' && typeof value === 'string') texts.push(value);
        else walk(value);
      }
    }
  };
  walk(message.blocks ?? []);
  return [message.text ?? '', ...texts].join('\n');
}

/** All buttons of a message: {action_id, value, text}. */
export function buttonsOf(message) {
  return (message?.blocks ?? [])
    .flatMap((block) => (block.type === 'actions' ? block.elements : block.accessory ? [block.accessory] : []))
    .filter((element) => element.type === 'button')
    .map((element) => ({ action_id: element.action_id, value: element.value, text: element.text.text, block_id: element.block_id }));
}

/**
 * Starts a world. Options: `script` for the model (default: prompts carry their own), `gatewayEnv`, `failpoint`,
 * `config` for OpenCode's configuration (default: bash asks), `opencode: false` for a world without one.
 */
export async function startWorld(options = {}) {
  const scratch = await mkdtemp(join(tmpdir(), 'world-'));
  const directory = join(scratch, 'repo');
  const closers = [() => rm(scratch, { recursive: true, force: true, maxRetries: 3 })];
  const world = { scratch, directory, gatewayPort: await freePort(), closers };
  const keep = (part) => {
    closers.unshift(() => part.stop());
    return part;
  };
  try {
    prepareSample(directory);
    world.slack = keep(await startLocalSlack({ args: options.slackArgs ?? [] }));
    world.model = keep(await startModel({ script: options.script }));
    world.startOpenCode = async () => {
      world.opencode = await startOpenCode({
        home: join(scratch, 'home'),
        directory,
        modelUrl: world.model.url,
        pluginPath: PLUGIN,
        gatewayUrl: `http://127.0.0.1:${world.gatewayPort}`,
        bridgeToken: 'bridge-token-of-the-tests',
        config: options.config,
        port: world.opencode?.port,
      });
      return world.opencode;
    };
    world.startGateway = async (more = {}) => {
      world.gateway = await startGateway({
        slackUrl: world.slack.url,
        directory,
        stateDir: scratch,
        port: world.gatewayPort,
        opencodeUrl: world.opencode?.url,
        ...more,
        env: { OPENCODE_MODEL: 'scripted/demo', PROGRESS_INTERVAL_MS: '1000', ...options.gatewayEnv, ...more.env },
      });
      return world.gateway;
    };
    if (options.opencode !== false) await world.startOpenCode();
    closers.unshift(() => world.opencode?.stop());
    await world.startGateway({ failpoint: options.failpoint });
    closers.unshift(() => world.gateway.stop());
    await world.gateway.ready({ bridges: options.opencode === false ? 0 : 1, timeoutMs: 60_000 });
  } catch (error) {
    for (const close of closers) await close();
    throw error;
  }
  return Object.assign(world, actions(world));
}

function actions(world) {
  const { slack } = world;
  const close = async () => {
    for (const one of world.closers) await one();
  };

  /** `/opencode start …`; returns a Session once its card is there. */
  const start = async (text, { user = 'U_ANN', channel = 'C_GENERAL' } = {}) => {
    const before = new Set((await slack.messages(channel)).map((m) => m.ts));
    await slack.command({ user, channel, command: '/opencode', text: `start ${text}` });
    const card = await slack.waitFor(
      async () => (await slack.messages(channel)).find((m) => !before.has(m.ts) && !m.thread_ts_is_other && m.bot_id),
      { what: `the card of "${text}"` },
    );
    return thread(channel, card.ts);
  };

  /** A thread, as somebody who looks at it would. */
  const thread = (channel, ts) => {
    const messages = () => slack.thread(channel, ts);
    const wait = (what, check, timeoutMs = 30_000) =>
      slack.waitFor(async () => check(await messages()), { what, timeout_ms: timeoutMs });
    const self = {
      channel,
      ts,
      messages,
      wait,
      card: async () => (await messages())[0],
      /** The first message (from the `after`th on) whose text matches. */
      say: (pattern, timeoutMs, after = 0) =>
        wait(`a message like ${pattern}`, (all) => all.slice(after).find((m) => pattern.test(textOf(m))), timeoutMs),
      gone: (pattern, timeoutMs) =>
        wait(`no message like ${pattern}`, (all) => !all.some((m) => pattern.test(textOf(m))), timeoutMs),
      cardSays: (pattern, timeoutMs) =>
        wait(`the card to say ${pattern}`, (all) => pattern.test(textOf(all[0])) && all[0], timeoutMs),
      /** A message that has a button with this action_id (prefix). */
      button: (actionId, timeoutMs, nth = 0) =>
        wait(
          `a button ${actionId}`,
          (all) => {
            const message = all.filter((m) => buttonsOf(m).some((b) => b.action_id.startsWith(actionId)))[nth];
            return message && { message, button: buttonsOf(message).find((b) => b.action_id.startsWith(actionId)) };
          },
          timeoutMs,
        ),
      click: async (actionId, { user = 'U_ANN', state, nth, value } = {}) => {
        const { message, button } = await self.button(actionId, undefined, nth);
        const chosen = value === undefined ? button : buttonsOf(message).find((b) => b.value === value);
        return slack.click({ user, channel, ts: message.ts, action_id: chosen.action_id, value: chosen.value, state });
      },
      reply: (text, user = 'U_ANN') => slack.say({ user, channel, text, thread_ts: ts }),
    };
    return self;
  };

  const restartGateway = async (more) => {
    await world.startGateway(more);
    await world.gateway.ready();
    return world.gateway;
  };
  return { close, start, thread, restartGateway, until };
}
