// What a person pressed shows its effect at once: a spinner until the app acknowledged, a warning when it did not.
// The marks survive that the message around them is drawn anew: they are kept here and found by their key.

import { h } from './dom.js';
import { icon } from './icons.js';
import { store } from './store.js';

const marks = new Map(); // key → {state: 'busy' | 'failed', text}
const MARKS_MAX = 200;

const keyOf = (env, block, el, part = '') => JSON.stringify([env.key, block.block_id, el.action_id, part]);

function apply(wrap, mark) {
  wrap.classList.toggle('busy', mark?.state === 'busy');
  wrap.classList.toggle('failed', mark?.state === 'failed');
  wrap.querySelector(':scope > .warn')?.remove();
  const control = wrap.querySelector('button, input, select, textarea');
  if (mark?.state === 'busy') control?.setAttribute('aria-busy', 'true');
  else control?.removeAttribute('aria-busy');
  if (mark?.state === 'failed') wrap.append(h('span', { class: 'warn', role: 'alert', title: mark.text }, icon('warning'), h('span', null, mark.text)));
}

function set(key, mark) {
  marks.delete(key);
  if (mark) {
    if (marks.size >= MARKS_MAX) marks.delete(marks.keys().next().value);
    marks.set(key, mark);
  }
  for (const wrap of document.querySelectorAll(`[data-pend="${CSS.escape(key)}"]`)) apply(wrap, mark);
}

/** Why an app did not acknowledge, in plain words. */
export function whyNot(report) {
  const app = store.app.name;
  switch (report.error) {
    case 'no_socket': return `${app} is not connected.`;
    case 'timeout': case 'operation_timeout': return `${app} did not respond in time.`;
    case 'socket_closed': case 'lost': return `${app} disconnected before it responded.`;
    case undefined: return `${app} did not respond.`;
    default: return /^[a-z_]+$/.test(report.error) ? `${app} did not respond (${report.error.replaceAll('_', ' ')}).` : report.error;
  }
}

/** Wraps a control so that it can show what became of it. */
export function markable(env, block, el, part, control, className = '') {
  const key = keyOf(env, block, el, part);
  const wrap = h('span', { class: `elem ${className}`, dataset: { pend: key } }, control);
  const mark = marks.get(key);
  if (mark) apply(wrap, mark);
  return wrap;
}

/** Sends a click and shows it until it is acknowledged. A control that is busy takes no second click. */
export async function press(env, block, el, choice, part = '') {
  const key = keyOf(env, block, el, part);
  if (marks.get(key)?.state === 'busy') return null;
  set(key, { state: 'busy' });
  const report = await env.act(block, el, choice);
  set(key, report.acked ? null : { state: 'failed', text: whyNot(report) });
  return report;
}

/** A new version of a message or view has no old warnings. */
export function forgetFailures(place) {
  const start = `[${JSON.stringify(place)},`;
  for (const [key, mark] of marks) if (mark.state === 'failed' && key.startsWith(start)) marks.delete(key);
}
