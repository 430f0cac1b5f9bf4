// The left column: the workspace, its channels and people, the app, and who one is.

import { avatar, clear, h } from './dom.js';
import { become, go, here, unreadOf } from './here.js';
import { icon } from './icons.js';
import { openDialog, openMenu } from './popover.js';
import { isDirect, otherOf, post, store, titleOf, userOf } from './store.js';

const PEOPLE_SHOWN = 50;

const presence = (user) => h('span', { class: `presence ${user?.is_away ? 'away' : 'active'}`, role: 'img', 'aria-label': user?.is_away ? 'Away' : 'Active' });

function channelLink(c) {
  const current = c.id === here.channel;
  const unread = unreadOf(c);
  const other = c.type === 'im' ? userOf(otherOf(c, here.me)) : null;
  const sign = other ? h('span', { class: 'nav-avatar' }, avatar(other.real_name, { app: other.is_bot }), presence(other))
    : icon(isDirect(c) ? 'users' : c.type === 'group' ? 'lock' : 'hash');
  return h('a', { class: `nav ${current ? 'current' : ''} ${unread.messages && !current ? 'unread' : ''}`, href: `#${c.id}`, 'aria-current': current ? 'page' : undefined, dataset: { channel: c.id } },
    h('span', { class: 'nav-sign' }, sign), h('span', { class: 'nav-name' }, titleOf(c, here.me)),
    unread.mentions && !current ? h('span', { class: 'count', 'aria-label': `${unread.mentions} unread` }, String(unread.mentions)) : null);
}

const section = (title, add, ...rows) => [h('div', { class: 'nav-title' }, h('h2', null, title), add), rows];

/** A channel's name as Slack takes it. */
const channelName = (text) => text.trim().toLowerCase().replace(/\s+/g, '-').replace(/[^\p{L}\p{N}_-]/gu, '').slice(0, 80);

function formDialog(title, label, note, action, run) {
  const field = h('input', { class: 'input', type: 'text', autocomplete: 'off', maxlength: 80, 'aria-label': label, autofocus: true });
  const dialog = openDialog(title, h('form', { class: 'small-form', onsubmit: async (e) => {
    e.preventDefault();
    if (field.value.trim() && await run(field.value.trim())) dialog.close();
  } }, h('h2', null, title), h('label', null, h('div', { class: 'label' }, label), field), h('div', { class: 'muted' }, note),
  h('div', { class: 'dialog-buttons' }, h('button', { class: 'btn', type: 'button', onclick: () => dialog.close() }, 'Cancel'), h('button', { class: 'btn btn-primary', type: 'submit' }, action))), 'confirm');
}

function addChannel() {
  formDialog('New channel', 'Name', 'Everybody and the app will be in it.', 'Create', async (text) => {
    const answer = await post('channels', { name: channelName(text), members: store.users.map((u) => u.id) });
    if (answer.ok) go(answer.id);
    return answer.ok;
  });
}

function addPerson() {
  formDialog('New person', 'Name', 'A person to act as, in all public channels.', 'Add', async (text) => {
    const answer = await post('users', { name: channelName(text) || 'person', real_name: text });
    if (!answer.ok) return false;
    for (const c of store.channels.values()) if (c.type === 'channel' && c.name) await post('channels', { name: c.name, members: [answer.id] });
    here.me = answer.id;
    become(answer.id);
    return true;
  });
}

export async function openDirect(user) {
  const known = [...store.channels.values()].find((c) => c.type === 'im' && c.members.includes(user) && c.members.includes(here.me));
  const answer = known ? { ok: true, id: known.id } : await post('channels', { type: 'im', members: [here.me, user] });
  if (answer.ok) go(answer.id);
}

function directMenu(anchor) {
  openMenu(anchor, store.users.filter((u) => u.id !== here.me && u.id !== 'USLACKBOT').slice(0, PEOPLE_SHOWN)
    .map((u) => ({ label: u.real_name, sign: avatar(u.real_name, { app: u.is_bot }), note: `@${u.name}`, run: () => void openDirect(u.id) })), { label: 'Message somebody' });
}

function whoMenu(anchor, changed) {
  const me = userOf(here.me);
  const people = store.users.filter((u) => !u.is_bot && u.id !== 'USLACKBOT').slice(0, PEOPLE_SHOWN);
  openMenu(anchor, [
    ...people.map((u) => ({ label: u.real_name, sign: avatar(u.real_name), checked: u.id === here.me, run: () => {
      become(u.id);
      changed();
    } })),
    'line',
    { label: me?.is_away ? 'Set yourself as active' : 'Set yourself as away', sign: presence({ is_away: !me?.is_away }), run: () => void post('users', { id: here.me, presence: me?.is_away ? 'active' : 'away' }) },
    { label: 'Add a person…', sign: icon('plus'), run: addPerson },
  ], { label: 'Act as', className: 'who-menu' });
}

const addButton = (label, run) => {
  const button = h('button', { class: 'nav-add', type: 'button', title: label, 'aria-label': label, 'aria-expanded': 'false', onclick: () => run(button) }, icon('plus'));
  return button;
};

function connection() {
  if (!store.online) return ['off', 'localslack does not answer'];
  const live = [...store.sockets.values()].filter((s) => s === 'live').length;
  return live ? ['on', `${store.app.name} is connected${live > 1 ? ` (${live} sockets)` : ''}`] : ['off', `${store.app.name} is not connected`];
}

let drawn = null; // what the column shows, as one text

/** `parts`: {changed(), openPanel(), openSwitcher(), openHelp()}. Drawn again only when something in it changed. */
export function renderSidebar(el, parts) {
  const me = userOf(here.me);
  const mine = [...store.channels.values()].filter((c) => c.members.includes(here.me) && !c.is_archived);
  const now = JSON.stringify([store.version, here.me, here.home, here.channel, connection(), mine.map((c) => [c.id, unreadOf(c)])]);
  if (now === drawn) return;
  drawn = now;
  const channels = mine.filter((c) => !isDirect(c));
  const direct = mine.filter(isDirect);
  const [state, text] = connection();
  const who = h('button', { class: 'who', type: 'button', 'aria-haspopup': 'menu', 'aria-expanded': 'false', 'aria-label': `Acting as ${me?.real_name}`, dataset: { action: 'who' }, onclick: () => whoMenu(who, parts.changed) },
    h('span', { class: 'nav-avatar big' }, avatar(me?.real_name), presence(me)),
    h('span', { class: 'who-text' }, h('span', { class: 'who-label' }, 'Acting as'), h('span', { class: 'who-name' }, me?.real_name ?? '?')), icon('down'));
  const scrolled = el.querySelector('nav')?.scrollTop ?? 0;
  const focused = document.activeElement?.closest?.('#sidebar [data-channel]')?.dataset.channel;
  clear(el,
    h('div', { class: 'brand' }, h('span', { class: 'brand-name' }, 'localslack'),
      h('button', { class: 'nav-add', type: 'button', title: 'Keyboard shortcuts (?)', 'aria-label': 'Keyboard shortcuts', onclick: parts.openHelp }, icon('keyboard'))),
    h('button', { class: 'jump', type: 'button', onclick: parts.openSwitcher }, icon('search'), h('span', null, 'Jump to…'), h('kbd', null, 'Ctrl K')),
    h('nav', { 'aria-label': 'Channels' },
      section('Channels', addButton('New channel', addChannel), channels.map(channelLink)),
      section('Direct messages', addButton('Message somebody', directMenu), direct.map(channelLink)),
      section('Apps', null, h('a', { class: `nav ${here.home ? 'current' : ''}`, href: '#home', 'aria-current': here.home ? 'page' : undefined },
        h('span', { class: 'nav-sign' }, h('span', { class: 'nav-avatar' }, avatar(store.app.name, { app: true }))), h('span', { class: 'nav-name' }, store.app.name)))),
    h('button', { class: 'connection', type: 'button', title: 'Open the requests panel', onclick: parts.openPanel }, h('span', { class: `dot ${state}` }), h('span', null, text)),
    who);
  el.querySelector('nav').scrollTop = scrolled;
  if (focused) el.querySelector(`[data-channel="${CSS.escape(focused)}"]`)?.focus();
}
