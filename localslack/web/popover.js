// What lies over the page: popovers beside their anchor, menus, dialogs that ask, notices.

import { h } from './dom.js';

const GAP = 4;
const EDGE = 8;
let current = null; // one popover at a time

export function closePopover({ focus = false } = {}) {
  if (!current) return;
  const { el, anchor, onclose } = current;
  current = null;
  el.remove();
  anchor.setAttribute('aria-expanded', 'false');
  if (focus) anchor.focus({ preventScroll: true });
  onclose?.();
}

export const popoverOpen = () => current !== null;

function place() {
  const { el, anchor, align } = current;
  if (!anchor.isConnected) {
    closePopover();
    return;
  }
  const at = anchor.getBoundingClientRect();
  const box = el.getBoundingClientRect();
  const below = at.bottom + GAP + box.height <= innerHeight - EDGE;
  const top = below || at.top < box.height + GAP + EDGE ? Math.min(at.bottom + GAP, innerHeight - box.height - EDGE) : at.top - box.height - GAP;
  const left = align === 'end' ? at.right - box.width : at.left;
  el.style.top = `${Math.max(EDGE, top)}px`;
  el.style.left = `${Math.max(EDGE, Math.min(left, innerWidth - box.width - EDGE))}px`;
}

/** Opens `content` beside `anchor`; a second call for the same anchor closes it. */
export function openPopover(anchor, content, { align = 'start', className = '', onclose, label } = {}) {
  const again = current?.anchor === anchor;
  closePopover({ focus: again });
  if (again) return null;
  const el = h('div', { class: `popover ${className}`, 'aria-label': label }, content);
  // A modal dialog hides what is outside of it from clicks and from the keyboard.
  (anchor.closest('dialog') ?? document.body).append(el);
  current = { el, anchor, align, onclose };
  anchor.setAttribute('aria-expanded', 'true');
  place();
  return el;
}

document.addEventListener('pointerdown', (e) => {
  if (current && !current.el.contains(e.target) && !current.anchor.contains(e.target)) closePopover();
}, true);
document.addEventListener('keydown', (e) => {
  if (current && e.key === 'Escape') {
    e.preventDefault();
    e.stopPropagation();
    closePopover({ focus: true });
  }
}, true);
document.addEventListener('scroll', (e) => {
  if (current && !current.el.contains(e.target)) place();
}, true);
addEventListener('resize', () => current && place());

/** Moves the focus among `items` with the arrows, Home and End. */
export function arrows(e, items) {
  const at = items.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[e.key];
  if (to === undefined || items.length === 0) return;
  e.preventDefault();
  e.stopPropagation();
  items[(to + items.length) % items.length].focus();
}

/** rows: {label, sign?, note?, danger?, checked?, run} or 'line' or null. */
export function openMenu(anchor, rows, options = {}) {
  const menu = h('div', { class: 'menu', role: 'menu', onkeydown: (e) => arrows(e, [...menu.querySelectorAll('[role^=menuitem]')]) },
    rows.filter(Boolean).map((row) => (row === 'line' ? h('hr') : h('button', {
      class: `menu-item ${row.danger ? 'danger' : ''}`, type: 'button', role: row.checked === undefined ? 'menuitem' : 'menuitemradio',
      'aria-checked': row.checked === undefined ? undefined : String(row.checked),
      onclick: () => {
        closePopover({ focus: true });
        row.run();
      },
    }, row.sign, h('span', { class: 'menu-label' }, row.label), row.note ? h('span', { class: 'muted' }, row.note) : null))));
  const el = openPopover(anchor, menu, options);
  el?.querySelector('[role^=menuitem]')?.focus({ preventScroll: true });
  return el;
}

/** A dialog that asks; `yes` runs when the person agrees. Texts are nodes or strings. */
export function ask({ title, text, confirm, deny, danger = false, yes }) {
  const before = document.activeElement;
  const dialog = h('dialog', { class: 'confirm', 'aria-label': typeof title === 'string' ? title : undefined, onclose: () => {
    dialog.remove();
    before?.focus?.({ preventScroll: true });
  } },
  h('h2', null, title), h('div', { class: 'confirm-text' }, text),
  h('div', { class: 'dialog-buttons' },
    h('button', { class: 'btn', type: 'button', onclick: () => dialog.close() }, deny),
    h('button', {
      class: `btn ${danger ? 'btn-danger' : 'btn-primary'}`, type: 'button', autofocus: true,
      onclick: () => {
        dialog.close();
        yes();
      },
    }, confirm)));
  document.body.append(dialog);
  dialog.showModal();
}

/** A dialog with any content, for this page's own forms. Returns it. */
export function openDialog(title, content, className = '') {
  const dialog = h('dialog', { class: className, 'aria-label': title, onclose: () => dialog.remove(),
    onclick: (e) => e.target === dialog && dialog.close() }, content);
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

const NOTICE_MS = 6000;
const NOTICES_MAX = 4;

export function notice(text) {
  const all = document.getElementById('notices');
  const el = h('div', { class: 'notice' }, text);
  while (all.childElementCount >= NOTICES_MAX) all.firstElementChild.remove();
  all.append(el);
  setTimeout(() => el.remove(), NOTICE_MS);
}
