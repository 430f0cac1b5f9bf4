// The keyboard: the quick switcher, the help, and keys that work on the message in focus.

import { avatar, clear, h } from './dom.js';
import { go, here, unreadOf } from './here.js';
import { icon } from './icons.js';
import { deleteMessage, editMessage, react } from './messages.js';
import { pickEmoji } from './picker.js';
import { openDialog, popoverOpen } from './popover.js';
import { openDirect } from './sidebar.js';
import { isDirect, otherOf, store, titleOf, userOf } from './store.js';

const FOUND_MAX = 12;
const HELP = [
  ['Anywhere', [['Ctrl K', 'Jump to a channel or a person'], ['Ctrl .', 'Requests panel'], ['Alt ↑ / Alt ↓', 'Previous, next channel'], ['F6', 'Next part of the page'], ['Esc', 'Close what is open'], ['?', 'This help']]],
  ['Writing', [['Enter', 'Send'], ['Shift Enter', 'New line'], ['↑', 'Edit your last message'], ['Ctrl ↑', 'Go to the messages'], ['@  #  :  /', 'Complete a name, a channel, an emoji, a command']]],
  ['On a message', [['↑ / ↓', 'Previous, next message'], ['Enter or T', 'Open the thread'], ['R', 'React'], ['1 – 3', 'React with ✅ 👀 🙌'], ['E', 'Edit'], ['Delete', 'Delete'], ['M', 'All actions']]],
];
const QUICK = ['white_check_mark', 'eyes', 'raised_hands'];

export function openHelp() {
  if (document.querySelector('dialog.help')) return;
  const dialog = openDialog('Keyboard shortcuts', h('div', null, h('header', null, h('h2', null, 'Keyboard shortcuts'),
    h('button', { class: 'btn-plain', type: 'button', 'aria-label': 'Close', autofocus: true, onclick: () => dialog.close() }, icon('close'))),
  h('div', { class: 'help-body' }, HELP.map(([title, rows]) => h('section', null, h('h3', null, title),
    rows.map(([keys, what]) => h('div', { class: 'help-row' }, h('span', null, what), h('kbd', null, keys))))))), 'help');
}

/** Where one can go: {label, note, sign, run}. */
function places() {
  const channels = [...store.channels.values()].filter((c) => c.members.includes(here.me) && !c.is_archived);
  const talking = new Set(channels.filter((c) => c.type === 'im').map((c) => otherOf(c, here.me)));
  return [
    ...channels.map((c) => ({ label: titleOf(c, here.me), unread: unreadOf(c).messages, sign: c.type === 'im' ? avatar(titleOf(c, here.me), { app: userOf(otherOf(c, here.me))?.is_bot })
      : icon(isDirect(c) ? 'users' : c.type === 'group' ? 'lock' : 'hash'), run: () => go(c.id) })),
    { label: `${store.app.name}: Home`, sign: icon('home'), run: () => go('home') },
    ...store.users.filter((u) => !talking.has(u.id) && u.id !== here.me && u.id !== 'USLACKBOT').map((u) => ({ label: u.real_name, note: 'new message', sign: avatar(u.real_name, { app: u.is_bot }), run: () => void openDirect(u.id) })),
  ];
}

export function openSwitcher() {
  if (document.querySelector('dialog.switcher')) return;
  let rows = [];
  let active = 0;
  const list = h('div', { class: 'listbox', role: 'listbox', id: 'switcher-list', 'aria-label': 'Places' });
  const field = h('input', { class: 'input', type: 'text', placeholder: 'Jump to…', 'aria-label': 'Jump to', role: 'combobox', 'aria-expanded': 'true', 'aria-controls': 'switcher-list', autocomplete: 'off', autofocus: true });
  const mark = () => {
    [...list.children].forEach((el, i) => {
      el.classList.toggle('active', i === active);
      el.setAttribute('aria-selected', String(i === active));
    });
    field.setAttribute('aria-activedescendant', `switcher-${active}`);
    list.children[active]?.scrollIntoView({ block: 'nearest' });
  };
  const use = (row) => {
    dialog.close();
    row.run();
  };
  const draw = () => {
    const q = field.value.trim().toLowerCase().replace(/^[#@]/, '');
    rows = places().filter((p) => p.label.toLowerCase().includes(q)).sort((a, b) => b.label.toLowerCase().startsWith(q) - a.label.toLowerCase().startsWith(q) || (b.unread ?? 0) - (a.unread ?? 0)).slice(0, FOUND_MAX);
    active = 0;
    clear(list, rows.length ? rows.map((p, i) => h('div', { class: 'option', role: 'option', id: `switcher-${i}`, onclick: () => use(p) }, p.sign, h('span', { class: 'option-label' }, p.label),
      p.unread ? h('span', { class: 'count' }, String(p.unread)) : null, p.note ? h('span', { class: 'muted' }, p.note) : null)) : h('div', { class: 'listbox-empty' }, 'Nothing has that name'));
    mark();
  };
  field.addEventListener('input', draw);
  field.addEventListener('keydown', (e) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (step && rows.length) active = (active + step + rows.length) % rows.length;
    else if (e.key === 'Enter' && rows[active]) use(rows[active]);
    else return;
    e.preventDefault();
    mark();
  });
  const dialog = openDialog('Jump to', h('div', null, field, list), 'switcher');
  draw();
  field.focus();
}

// --- keys ---

/** Of each part what takes the focus, the best first. */
const PARTS = [['#sidebar .nav.current', '#sidebar .nav'], ['#channel .composer textarea', '#channel button'], ['#thread .composer textarea'], ['#panel [role=tab][aria-selected=true]']];

function nextPart() {
  const parts = PARTS.map((selectors) => selectors.map((s) => document.querySelector(s)).find(Boolean)).filter(Boolean);
  const at = parts.findIndex((p) => p.closest('aside, main, section')?.contains(document.activeElement));
  parts[(at + 1) % parts.length]?.focus();
}

function nextChannel(step) {
  const links = [...document.querySelectorAll('#sidebar a.nav')];
  const at = links.findIndex((a) => a.classList.contains('current'));
  const to = links[(at + step + links.length) % links.length];
  if (to) location.hash = to.getAttribute('href');
}

function messageKey(e, el, openThread) {
  const channel = store.channels.get(here.channel);
  const m = channel?.messages.get(el.dataset.ts);
  if (!m) return false;
  const mine = m.user === here.me && !m.bot_id;
  const quick = QUICK[Number(e.key) - 1];
  if (e.key === 'ArrowUp' || e.key === 'ArrowDown') moveFocus(el, e.key === 'ArrowUp' ? -1 : 1);
  else if (e.key === 'Enter' || e.key === 't') openThread(channel.id, m.thread_ts ?? m.ts);
  else if (e.key === 'r') pickEmoji(el.querySelector('.toolbar [data-action=react]') ?? el, (name) => void react(channel, m, here.me, name));
  else if (quick) void react(channel, m, here.me, quick);
  else if (e.key === 'e' && mine) editMessage(el, m, channel);
  else if (e.key === 'Delete' && mine) deleteMessage(m, channel);
  else if (e.key === 'm') el.querySelector('.toolbar .tool:last-child')?.click();
  else return false;
  return true;
}

function moveFocus(el, step) {
  const all = [...el.closest('.list-inner').querySelectorAll('.message')];
  const to = all[all.indexOf(el) + step];
  if (to) to.focus();
  else if (step > 0) el.closest('#channel, #thread')?.querySelector('.composer textarea')?.focus();
}

/** From an empty composer Shift+Tab goes to its tools as always; Ctrl+↑ goes to the messages. */
function toMessages(area) {
  const all = area.closest('#channel, #thread')?.querySelectorAll('.message');
  all?.[all.length - 1]?.focus();
}

/** `parts`: {openThread(channel, ts), togglePanel(), escape()} */
export function listenToKeys(parts) {
  document.addEventListener('keydown', (e) => {
    if (e.defaultPrevented || e.isComposing) return;
    const typing = e.target.matches?.('input, textarea, select, [contenteditable]');
    const inDialog = document.querySelector('dialog[open]') !== null;
    const ctrl = e.ctrlKey || e.metaKey;
    if (ctrl && e.key.toLowerCase() === 'k' && !document.getElementById('modal').open) openSwitcher();
    else if (inDialog || popoverOpen()) return;
    else if (ctrl && e.key === '.') parts.togglePanel();
    else if (ctrl && e.key === '/') openHelp();
    else if (ctrl && e.key === 'ArrowUp' && typing) toMessages(e.target);
    else if (e.altKey && (e.key === 'ArrowUp' || e.key === 'ArrowDown')) nextChannel(e.key === 'ArrowUp' ? -1 : 1);
    else if (e.key === 'F6') nextPart();
    else if (e.key === 'Escape') parts.escape(e);
    else if (ctrl || e.altKey || typing) return;
    else if (e.key === '?') openHelp();
    else if (!e.target.matches?.('.message') || !messageKey(e, e.target, parts.openThread)) return;
    e.preventDefault();
  });
}
