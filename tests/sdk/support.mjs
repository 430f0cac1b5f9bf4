// What the checks have in common: a localslack that takes one bot token and one app token, and the official clients
// pointed at it. Retries are quick and logs are silent, so that a failing call is seen and not waited for.

import assert from 'node:assert/strict';
import bolt from '@slack/bolt';
import { SocketModeClient } from '@slack/socket-mode';
import { WebClient } from '@slack/web-api';
import { startLocalSlack } from '../harness/localslack.mjs';

export { RawSocket, openUrl } from './raw-socket.mjs';

export const BOT_TOKEN = 'xoxb-right';
export const APP_TOKEN = 'xapp-1-right';
export const GENERAL = 'C0GENERAL';

const QUICK = { retries: 3, minTimeout: 20, maxTimeout: 60 };

/** A logger of the SDKs that keeps what it is told: {lines, …}. */
export function quietLogger() {
  const lines = [];
  const keep = (level) => (...words) => void lines.push(`${level}: ${words.join(' ')}`);
  return {
    lines, debug: keep('debug'), info: keep('info'), warn: keep('warn'), error: keep('error'),
    setLevel() {}, setName() {}, getLevel: () => 'debug',
  };
}

/** A localslack with the two tokens; `args` are more options of the program. */
export const start = (...args) =>
  startLocalSlack({ args: ['--quiet', '--bot-token', BOT_TOKEN, '--app-token', APP_TOKEN, ...args] });

export const webClient = (slack, options = {}) =>
  new WebClient(BOT_TOKEN, { slackApiUrl: slack.apiUrl, retryConfig: QUICK, logger: quietLogger(), ...options });

/** Version 3.1.0 of the SDK leaves a timer of 30 s behind for some of its sockets; it would hold the test's process. */
function withoutLeftovers(client) {
  const sockets = [];
  client.on('connecting', () => sockets.push(client.websocket));
  const disconnect = client.disconnect.bind(client);
  client.disconnect = async () => {
    await disconnect();
    for (const socket of sockets) clearTimeout(socket.closeHandshakeTimeout);
  };
  return client;
}

/**
 * The SDK waits `clientPingTimeout` before each reconnection; shorter than its 5 s, longer than a busy machine's pause.
 */
export const socketClient = (slack, options = {}) =>
  withoutLeftovers(new SocketModeClient({
    appToken: APP_TOKEN, clientPingTimeout: 400, logger: quietLogger(),
    clientOptions: { slackApiUrl: slack.apiUrl, retryConfig: QUICK }, ...options }));

export function boltApp(slack, options = {}) {
  const app = new bolt.App({
    token: BOT_TOKEN, appToken: APP_TOKEN, socketMode: true, logger: quietLogger(),
    clientOptions: { slackApiUrl: slack.apiUrl, retryConfig: QUICK }, ...options });
  if (app.receiver.client) withoutLeftovers(app.receiver.client);
  return app;
}

/** The next event of that name; its arguments. */
export function nextEvent(emitter, name, timeout_ms = 15_000) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no '${name}' within ${timeout_ms} ms`)), timeout_ms);
    emitter.once(name, (...args) => {
      clearTimeout(timer);
      resolve(args);
    });
  });
}

/** That the call fails with this error of Slack, or code of the SDK; gives the error. */
export async function failsWith(promise, error) {
  const thrown = await promise.then((answer) => assert.fail(`no ${error}, but ${JSON.stringify(answer)}`), (e) => e);
  assert.equal(thrown.data?.error ?? thrown.code ?? thrown.message, error);
  return thrown;
}

/** A call without an SDK: {status, headers, …the answer}. */
export async function rawCall(slack, method, init = {}, query = '') {
  const response = await fetch(`${slack.apiUrl}${method}${query}`, {
    ...init, headers: { authorization: `Bearer ${BOT_TOKEN}`, ...init.headers } });
  return { status: response.status, headers: response.headers, ...(await response.json()) };
}

export const isEvent = (message) => message.type === 'events_api';

export const plain = (text) => ({ type: 'plain_text', text });
export const mrkdwn = (text) => ({ type: 'mrkdwn', text });
export const section = (text, more = {}) => ({ type: 'section', text: mrkdwn(text), ...more });
export const option = (value, text = value.toUpperCase()) => ({ text: plain(text), value });
export const button = (action_id, text = action_id, more = {}) => ({
  type: 'button', action_id, text: plain(text), value: `${action_id}-value`, ...more });
