// Modals and the App Home.

import { renderBlocks } from './blocks.js';
import { clear, h } from './dom.js';
import { names, post, store } from './store.js';

export function viewEnv(view, me) {
  const key = `view:${view.root_view_id}`;
  return {
    key, names, users: store.users, channels: [...store.channels.values()], errors: store.viewErrors.get(view.id),
    get: (block_id, action_id) => store.inputs.get(`${key}|${block_id}|${action_id}`),
    set: (block_id, action_id, choice) => store.inputs.set(`${key}|${block_id}|${action_id}`, choice),
    act: (block, el, choice) => post('action', {
      user: me, view_id: view.id, action_id: el.action_id, block_id: block.block_id, choice, state: choices(key) }),
  };
}

/** {block_id: {action_id: choice}} of everything touched in one place. */
export function choices(key) {
  const out = {};
  for (const [name, choice] of store.inputs) {
    if (!name.startsWith(`${key}|`)) continue;
    const [, block_id, action_id] = name.split('|');
    (out[block_id] ??= {})[action_id] = choice === '' ? null : choice;
  }
  return out;
}

function forget(key) {
  for (const name of store.inputs.keys()) if (name.startsWith(`${key}|`)) store.inputs.delete(name);
}

const layer = () => document.getElementById('modal');

/** Shows the view on top of the stack of `me`, or nothing. */
export function showModal(me) {
  const dialog = layer();
  const open = store.views.filter((v) => v.user === me).at(-1)?.view;
  if (!open) {
    if (dialog.open) dialog.close();
    clear(dialog);
    return;
  }
  const env = viewEnv(open, me);
  const submit = h('button', { class: 'btn btn-primary', type: 'submit' }, open.submit?.text ?? 'Submit');
  const close = async () => {
    forget(env.key);
    await post('view_close', { user: me, view_id: open.id });
  };
  const focused = document.activeElement?.dataset?.action;
  clear(dialog, h('form', {
    class: 'modal', novalidate: true,
    onsubmit: async (e) => {
      e.preventDefault();
      submit.disabled = true;
      store.viewErrors.delete(open.id);
      const report = await post('view_submit', { user: me, view_id: open.id, values: choices(env.key) });
      submit.disabled = false;
      if (report.acked && !report.response_action) forget(env.key);
    },
  },
  h('header', null, h('h2', null, open.title?.text ?? ''),
    h('button', { class: 'btn-plain', type: 'button', 'aria-label': 'Close', onclick: close }, '✕')),
  h('div', { class: 'modal-body' }, renderBlocks(open.blocks, env)),
  h('footer', null,
    h('button', { class: 'btn', type: 'button', onclick: close }, open.close?.text ?? 'Cancel'),
    open.submit || open.blocks.some((b) => b.type === 'input') ? submit : null)));
  dialog.oncancel = (e) => {
    e.preventDefault();
    void close();
  };
  if (!dialog.open) dialog.showModal();
  const first = (focused && dialog.querySelector(`[data-action="${CSS.escape(focused)}"]`)) ||
    dialog.querySelector('.has-error .input, .modal-body .input, .modal-body select');
  first?.focus();
}

export function homeView(me) {
  const view = store.homes.get(me);
  if (!view) return h('div', { class: 'empty' }, 'This app has not published a home for you yet.');
  return h('div', { class: 'home' }, renderBlocks(view.blocks, viewEnv(view, me)));
}
