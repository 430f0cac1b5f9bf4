// What an app says it is doing: the line under a thread, its Stop button, the prompts that it suggests.

import { h } from './dom.js';
import { icon } from './icons.js';
import { post, store } from './store.js';

const ROTATE_MS = 2500;

const sentence = (s) => {
  const status = String(s.status || 'is working…');
  return `${s.username ?? store.app.name} ${status}`;
};

/** Loading messages take turns while the line is in the document. */
function rotating(texts) {
  const el = h('span', { class: 'muted' }, texts[0]);
  let at = 0;
  const timer = setInterval(() => {
    if (!el.isConnected) {
      clearInterval(timer);
      return;
    }
    at = (at + 1) % texts.length;
    el.textContent = texts[at];
  }, ROTATE_MS);
  return el;
}

const lines = new WeakMap(); // status → its element, so that its turns and its button are kept

export function statusLine(channel, thread, me) {
  const s = store.statuses.get(`${channel.id}:${thread ?? ''}`);
  if (!s) return null;
  if (lines.has(s)) return lines.get(s);
  const texts = (s.loading_messages ?? []).map(String);
  const stop = s.stoppable ? h('button', { class: 'btn btn-small', type: 'button', onclick: async () => {
    stop.disabled = true;
    await post('agent_stop', { user: me, channel: channel.id, thread_ts: thread ?? undefined });
    stop.disabled = false;
  } }, icon('stop'), 'Stop') : null;
  const el = h('div', { class: 'status', role: 'status' }, h('span', { class: 'spinner' }), h('span', null, sentence(s)), texts.length ? rotating(texts) : null, stop);
  lines.set(s, el);
  return el;
}

/** The same in one line under a message of the channel. */
const marks = new WeakMap();
export function statusMark(channel, m) {
  const s = store.statuses.get(`${channel.id}:${m.ts}`);
  if (!s) return null;
  if (!marks.has(s)) marks.set(s, { draw: () => h('div', { class: 'status status-mark' }, h('span', { class: 'spinner' }), sentence(s)) });
  return marks.get(s);
}

/** `messages`: what is in the place; the prompts go when a person has written there after them. */
export function suggestedPrompts(channel, thread, messages, use) {
  const p = store.prompts.get(`${channel.id}:${thread ?? ''}`);
  if (!p || messages.some((m) => !m.bot_id && m.ts !== thread && m.ts > (p.since ?? '0'))) return null;
  return h('div', { class: 'prompts', role: 'group', 'aria-label': p.title ?? 'Suggested prompts' }, p.title ? h('span', { class: 'muted' }, String(p.title)) : null,
    p.prompts.slice(0, 4).map((one) => h('button', { class: 'btn btn-prompt', type: 'button', title: one.message, onclick: () => use(String(one.message)) }, String(one.title))));
}
