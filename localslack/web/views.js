// Modals and the App Home.

import { renderBlocks } from './blocks.js';
import { clear, focusOf, h, restoreFocus } from './dom.js';
import { icon } from './icons.js';
import { forgetFailures, whyNot } from './pending.js';
import { choiceOf, choicesOf, forgetChoices, interact, keepChoice, names, store } from './store.js';

export function viewEnv(view, me) {
  const key = `view:${view.id}`;
  return {
    key, names, me, users: store.users, channels: [...store.channels.values()], errors: store.viewErrors.get(view.id), place: { view_id: view.id },
    get: (block_id, action_id) => choiceOf(key, block_id, action_id),
    set: (block_id, action_id, choice) => keepChoice(key, block_id, action_id, choice),
    act: (block, el, choice) => interact('action', {
      user: me, view_id: view.id, action_id: el.action_id, block_id: block.block_id, choice, state: choicesOf(key) }),
  };
}

const layer = () => document.getElementById('modal');
let shown = null;      // {id, hash, errors, me, version}: what is drawn
let failure = null;    // {id, text}: the last submit was not acknowledged
let submitting = null; // id of the view that is on its way

async function submit(view, me) {
  if (submitting) return;
  submitting = view.id;
  failure = null;
  store.viewErrors.delete(view.id);
  draw(view, me);
  const report = await interact('view_submit', { user: me, view_id: view.id, values: choicesOf(`view:${view.id}`) });
  submitting = null;
  if (!report.acked && !report.errors) failure = { id: view.id, text: report.ok === false ? report.error : `${whyNot(report)} What you entered is still here: try again.` };
  else if (report.view_error) failure = { id: view.id, text: `${store.app.name} answered in a way that Slack would refuse: ${[report.view_error, ...(report.view_errors ?? [])].join(' ')}` };
  else if (report.acked && !report.response_action) forgetChoices(`view:${view.id}`);
  shown = null;
  showModal(me);
}

async function close(view, me) {
  failure = null;
  forgetChoices(`view:${view.id}`);
  await interact('view_close', { user: me, view_id: view.id, clear: Boolean(view.clear_on_close) });
}

function draw(view, me) {
  const dialog = layer();
  const env = viewEnv(view, me);
  const isBusy = submitting === view.id;
  const depth = store.views.filter((v) => v.user === me).length;
  const hasInputs = (view.blocks ?? []).some((b) => b.type === 'input');
  const title = view.title?.text ?? '';
  const scrolled = shown?.id === view.id ? dialog.querySelector('.modal-body')?.scrollTop ?? 0 : 0;
  const focus = shown?.id === view.id ? focusOf(dialog) : null;
  shown = { id: view.id, hash: view.hash, errors: env.errors, me, version: store.version };
  dialog.setAttribute('aria-label', title);
  clear(dialog, h('form', {
    class: 'modal', novalidate: true, 'aria-busy': isBusy ? 'true' : undefined,
    onsubmit: (e) => {
      e.preventDefault();
      void submit(view, me);
    },
  },
  h('header', null, depth > 1 ? h('button', { class: 'btn-plain', type: 'button', 'aria-label': 'Back', onclick: () => void close(view, me) }, icon('back')) : null,
    h('h2', null, title), depth > 1 ? h('span', { class: 'muted' }, `${depth} of 3`) : null,
    h('button', { class: 'btn-plain modal-close', type: 'button', 'aria-label': 'Close', onclick: () => void close(view, me) }, icon('close'))),
  h('div', { class: 'modal-body' },
    failure?.id === view.id ? h('div', { class: 'alert alert-error', role: 'alert' }, icon('warning'), h('div', null, failure.text)) : null,
    renderBlocks(view.blocks, env)),
  h('footer', null,
    h('button', { class: 'btn', type: 'button', onclick: () => void close(view, me) }, view.close?.text ?? 'Cancel'),
    view.submit || hasInputs ? h('button', { class: `btn btn-primary ${isBusy ? 'busy' : ''}`, type: 'submit', disabled: isBusy }, h('span', { class: 'btn-label' }, view.submit?.text ?? 'Submit')) : null)));
  dialog.querySelector('.modal-body').scrollTop = scrolled;
  return focus;
}

/** Where the keyboard begins: what was wrong, what the app wants, the first field. */
function focusFirst(dialog, focus) {
  restoreFocus(dialog, focus);
  if (focus && dialog.contains(document.activeElement) && document.activeElement !== dialog) return;
  const first = dialog.querySelector('.has-error :is(input, textarea, select, button)') ?? dialog.querySelector('.modal-body [autofocus]') ??
    dialog.querySelector('.modal-body :is(input:not([type=hidden]), textarea, select, .select)') ?? dialog.querySelector('footer .btn-primary, footer .btn');
  first?.focus();
}

/** Shows the view on top of the stack of `me`, or nothing. What did not change stays as it is. */
export function showModal(me) {
  const dialog = layer();
  const open = store.views.filter((v) => v.user === me).at(-1)?.view;
  if (!open) {
    if (dialog.open) dialog.close();
    if (shown) clear(dialog);
    shown = null;
    return;
  }
  const errors = store.viewErrors.get(open.id);
  if (shown && shown.id === open.id && shown.hash === open.hash && shown.errors === errors && shown.me === me && shown.version === store.version) return;
  if (shown?.id === open.id && shown.hash !== open.hash) forgetFailures(`view:${open.id}`);
  const focus = draw(open, me);
  dialog.oncancel = (e) => {
    e.preventDefault();
    void close(open, me);
  };
  if (!dialog.open) dialog.showModal();
  focusFirst(dialog, focus);
}

const homes = new WeakMap(); // view → {me, version, el}

export function homeView(me) {
  const view = store.homes.get(me);
  if (!view) return h('div', { class: 'empty' }, h('p', null, `${store.app.name} has not published a home for you.`), h('p', { class: 'muted' }, 'An app does so with views.publish, usually on the event app_home_opened.'));
  const known = homes.get(view);
  if (known?.me === me && known.version === store.version) return known.el;
  const el = h('div', { class: 'home' }, renderBlocks(view.blocks, viewEnv(view, me)));
  homes.set(view, { me, version: store.version, el });
  return el;
}
