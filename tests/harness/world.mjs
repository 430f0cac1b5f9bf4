// Everything at once: localslack, a scripted model, the real OpenCode with the plugin, and the gateway.

import { randomUUID } from 'node:crypto';
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
import { startTcpProxy } from './tcp-proxy.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PLUGIN = join(ROOT, 'plugin/dist/bridge.js');

export const ANN = 'U0ANN';
export const BOB = 'U0BOB';
export const BOT = 'U0BOT';
export const GENERAL = 'C0GENERAL';

/** Plain text of a message: its fallback and all texts of its blocks. */
export function textOf(message) {
  if (!message) return '';
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

export const isProgress = (m) => m.bot_id && /^(Working|Done in|Stopped after|Failed after)/.test(m.text);
const said = (list) => {
  const card = list.find((m) => m.bot_id);
  return list.filter((m) => m.bot_id && m !== card && !isProgress(m));
};

/** All buttons of a message: {action_id, value, text}. */
export function buttonsOf(message) {
  return (message?.blocks ?? [])
    .flatMap((block) => (block.type === 'actions' ? block.elements : block.accessory ? [block.accessory] : []))
    .filter((element) => element.type === 'button')
    .map((element) => ({ action_id: element.action_id, value: element.value, text: element.text.text, block_id: element.block_id }));
}

/**
 * Starts a world. Options: `script` for the model (default: prompts carry their own), `gatewayEnv`, `failpoint`,
 * `config` for OpenCode's configuration (default: bash asks), `opencode: false` for a world without one, `proxy: true`
 * for a TCP relay between plugin and gateway (`world.proxy`).
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
    if (options.proxy) world.proxy = keep(await startTcpProxy(world.gatewayPort));
    world.startOpenCode = async () => {
      world.opencode = await startOpenCode({
        home: join(scratch, 'home'),
        directory,
        modelUrl: world.model.url,
        pluginPath: PLUGIN,
        gatewayUrl: `http://127.0.0.1:${world.proxy?.port ?? world.gatewayPort}`,
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
        env: { GATEWAY_OPENCODE_MODEL: 'scripted/demo', GATEWAY_PROGRESS_INTERVAL_MS: '1000', ...options.gatewayEnv, ...more.env },
      });
      return world.gateway;
    };
    if (options.opencode !== false) await world.startOpenCode();
    closers.unshift(() => world.opencode?.stop());
    closers.unshift(() => world.gateway?.stop());
    await world.startGateway({ failpoint: options.failpoint });
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

  const ownRoots = async (channel) =>
    (await slack.messages(channel)).filter((m) => m.bot_id && (!m.thread_ts || m.thread_ts === m.ts));

  /** `/opencode start …`; returns the thread once its card is there. */
  const start = async (text, { user = ANN, channel = GENERAL } = {}) => {
    const before = new Set((await ownRoots(channel)).map((m) => m.ts));
    await slack.command(user, channel, '/opencode', `start ${text}`);
    const card = await slack.waitFor(async () => (await ownRoots(channel)).find((m) => !before.has(m.ts)), {
      what: `the card of "${text}"`,
    });
    return thread(channel, card.ts);
  };

  /** A mention; returns the thread that it opens, which is there at once. */
  const mention = async (text, { user = ANN, channel = GENERAL } = {}) =>
    thread(channel, await slack.say(user, channel, `<@${BOT}> ${text}`));

  /** A thread, as somebody who looks at it would see it. */
  const thread = (channel, ts) => {
    const messages = () => slack.thread(channel, ts);
    const wait = (what, check, timeoutMs = 30_000) =>
      slack.waitFor(async () => check(await messages()), { what, timeout_ms: timeoutMs });
    const all = (pattern) => async () => (await messages()).filter((m) => pattern.test(textOf(m)));
    const self = {
      channel,
      ts,
      messages,
      wait,
      all: (pattern) => all(pattern)(),
      card: async () => (await messages()).find((m) => m.bot_id),
      /** The first message of the bot, other than the card and the progress, whose text matches. */
      says: (pattern, timeoutMs) =>
        wait(`a message like ${pattern}`, (list) => said(list).find((m) => pattern.test(textOf(m))), timeoutMs),
      /** The progress message of the last turn. */
      progress: (pattern, timeoutMs) =>
        wait(
          `progress like ${pattern}`,
          (list) => list.findLast((m) => isProgress(m) && pattern.test(textOf(m))),
          timeoutMs,
        ),
      said: async () => said(await messages()),
      cardSays: (pattern, timeoutMs) =>
        wait(
          `the card to say ${pattern}`,
          (list) => {
            const card = list.find((m) => m.bot_id);
            return card && pattern.test(textOf(card)) && card;
          },
          timeoutMs,
        ),
      /** The last message that has a button with this action_id (or one that begins with it). */
      button: (actionId, timeoutMs) =>
        wait(
          `a button ${actionId}`,
          (list) => {
            const message = list.findLast((m) => buttonsOf(m).some((b) => b.action_id.startsWith(actionId)));
            return message && { message, buttons: buttonsOf(message).filter((b) => b.action_id.startsWith(actionId)) };
          },
          timeoutMs,
        ),
      /** Clicks it; `pick` chooses among several by their text. */
      click: async (actionId, { user = ANN, state, pick } = {}) => {
        const { message, buttons } = await self.button(actionId);
        const button = pick ? buttons.find((b) => pick.test(b.text)) : buttons[0];
        if (!button) throw new Error(`no button ${pick} among ${buttons.map((b) => b.text)}`);
        return slack.click({
          user,
          channel,
          ts: message.ts,
          action_id: button.action_id,
          block_id: button.block_id,
          value: button.value,
          ...(state ? { state } : {}),
        });
      },
      reply: (text, user = ANN) => slack.say(user, channel, text, { thread_ts: ts }),
      /** What only `user` was told in this thread or channel. */
      told: (user, pattern, timeoutMs = 10_000) =>
        slack.waitFor(
          (state) => state.ephemerals.findLast((e) => e.user === user && pattern.test(textOf(e.message))),
          { what: `${user} to be told ${pattern}`, timeout_ms: timeoutMs },
        ),
    };
    return self;
  };

  /** A click on a message as it was seen before, even if it has changed meanwhile, as a phone that lags behind does. */
  const clickAgain = ({ channel, ts: threadTs }, message, button, { user = ANN } = {}) =>
    slack.post('deliver', {
      envelope: {
        envelope_id: randomUUID(),
        type: 'interactive',
        accepts_response_payload: false,
        payload: {
          type: 'block_actions',
          team: { id: 'T0LOCAL' },
          user: { id: user, team_id: 'T0LOCAL' },
          container: { type: 'message', message_ts: message.ts, channel_id: channel, thread_ts: threadTs },
          channel: { id: channel },
          message,
          actions: [{ type: 'button', ...button, text: { type: 'plain_text', text: button.text }, action_ts: `${Date.now() / 1000}` }],
        },
      },
    });

  const restartGateway = async (more = {}) => {
    await world.startGateway(more);
    await world.gateway.ready({ bridges: more.bridges ?? 1, timeoutMs: 60_000 });
    return world.gateway;
  };

  /** Requests that OpenCode waits for: [{id, sessionID, …}]. */
  const pending = (kind) => world.opencode.api('GET', `/${kind}`, undefined, { directory: world.directory });
  return { close, start, mention, thread, clickAgain, restartGateway, pending, until };
}
