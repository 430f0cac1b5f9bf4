// The page: channels at the left, the channel in the middle, a thread at the right; on a phone one of them at a
// time. The address (#C…/ts) is where we are.

import { avatar, clear, h } from './dom.js';
import { renderList } from './messages.js';
import { follow, names, post, store, subscribe, titleOf } from './store.js';
import { encode } from './text.js';
import { homeView, showModal } from './views.js';

const $ = (id) => document.getElementById(id);
const here = { me: localStorage.getItem('me') ?? 'U0ANN', channel: null, thread: null, home: false };

// --- where we are ---

function readAddress() {
  const [channel, thread] = decodeURIComponent(location.hash.slice(1)).split('/');
  here.home = channel === 'home';
  here.channel = here.home ? null : channel || store.channels.keys().next().value;
  here.thread = thread || null;
}

function go(channel, thread) {
  location.hash = thread ? `${channel}/${thread}` : channel;
}

// --- sidebar ---

function channelLink(c) {
  const direct = c.type === 'im' || c.type === 'mpim';
  const current = c.id === here.channel;
  return h('a', { class: `nav ${current ? 'current' : ''} ${c.unread && !current ? 'unread' : ''}`, href: `#${c.id}` },
    h('span', { class: 'nav-sign' }, direct ? '●' : c.type === 'group' ? '🔒' : '#'), h('span', { class: 'nav-name' }, titleOf(c, here.me)),
    c.unread && !current ? h('span', { class: 'count' }, String(c.unread)) : null);
}

function renderSidebar() {
  const mine = [...store.channels.values()].filter((c) => c.members.includes(here.me));
  const people = store.users.filter((u) => !u.is_bot);
  const live = [...store.sockets.values()].filter((s) => s === 'live').length;
  clear($('sidebar'),
    h('div', { class: 'brand' }, h('span', { class: 'brand-mark' }, '◈'), 'localslack',
      h('span', { class: `dot ${live ? 'on' : 'off'}`, title: `${live} live socket(s) of ${store.app.name}` })),
    h('nav', null,
      h('div', { class: 'nav-title' }, 'Channels'), mine.filter((c) => c.name && c.type !== 'mpim').map(channelLink),
      h('div', { class: 'nav-title' }, 'Direct messages'), mine.filter((c) => !c.name || c.type === 'mpim').map(channelLink),
      mine.some((c) => c.type === 'im' && c.members.includes(store.app.user_id)) ? null : h('button', {
        class: 'nav', type: 'button', onclick: openDirect }, h('span', { class: 'nav-sign' }, '+'), `Message ${store.app.name}`),
      h('div', { class: 'nav-title' }, 'Apps'),
      h('a', { class: `nav ${here.home ? 'current' : ''}`, href: '#home' }, h('span', { class: 'nav-sign' }, '⌂'), `${store.app.name} home`)),
    h('div', { class: 'who' }, h('span', { class: 'muted' }, 'Acting as'),
      h('div', { class: 'who-list' }, people.map((u) => h('button', {
        class: `who-one ${u.id === here.me ? 'current' : ''}`, type: 'button', title: u.real_name, 'aria-pressed': String(u.id === here.me),
        onclick: () => become(u.id) }, avatar(u.real_name), h('span', null, u.real_name))))));
}

function become(id) {
  here.me = id;
  localStorage.setItem('me', id);
  render();
}

async function openDirect() {
  const answer = await post('channels', { type: 'im', members: [here.me, store.app.user_id] });
  if (answer.ok) go(answer.id);
}

// --- lists ---

/** The app's own words for what it is doing. */
function statusLine(channel, ts) {
  const s = store.statuses.get(`${channel}:${ts}`);
  if (!s?.status) return null;
  return h('div', { class: 'status' }, h('span', { class: 'spinner' }), `${store.app.name} ${s.status}`,
    s.loading_messages?.length ? h('span', { class: 'muted' }, ` ${s.loading_messages[0]}`) : null);
}

const inChannel = (m) => !m.thread_ts || m.thread_ts === m.ts || m.subtype === 'thread_broadcast';

function withEphemerals(messages, channel, accept) {
  const mine = store.ephemerals.filter((e) => e.channel === channel.id && e.user === here.me && accept(e.message)).map((e) => e.message);
  return [...messages, ...mine].sort((a, b) => (a.ts < b.ts ? -1 : 1));
}

/** Replaces the content and stays at the end when the reader was there. */
function fill(el, ...children) {
  const atEnd = el.scrollHeight - el.scrollTop - el.clientHeight < 80 || el.dataset.place !== el.dataset.shown;
  const before = el.scrollTop;
  const focus = document.activeElement;
  const keep = el.contains(focus) && focus.dataset.action ? { action: focus.dataset.action, ts: focus.closest('.message')?.dataset.ts } : null;
  clear(el, ...children);
  el.scrollTop = atEnd ? el.scrollHeight : before;
  el.dataset.shown = el.dataset.place;
  if (keep?.ts) el.querySelector(`[data-ts="${CSS.escape(keep.ts)}"] [data-action="${CSS.escape(keep.action)}"]`)?.focus();
}

function renderChannel() {
  const main = $('channel');
  if (here.home) {
    clear(main, header(`${store.app.name} home`, null), h('div', { class: 'list' }, homeView(here.me)));
    return;
  }
  const channel = store.channels.get(here.channel);
  if (!channel) {
    clear(main, header('Nothing here', null), h('div', { class: 'empty' }, 'There is no such channel.'));
    return;
  }
  channel.unread = 0;
  let list = main.querySelector('.list');
  if (!list || main.dataset.channel !== channel.id || main.dataset.me !== here.me) {
    list = h('div', { class: 'list', role: 'log' });
    clear(main, header('', null), list, composer(channel, null));
    main.dataset.channel = channel.id;
    main.dataset.me = here.me;
  }
  const direct = channel.type === 'im' || channel.type === 'mpim';
  main.querySelector('.bar').replaceWith(header(`${direct ? '' : '# '}${titleOf(channel, here.me)}`, `${channel.members.length} members`));
  const messages = withEphemerals([...channel.messages.values()].filter(inChannel), channel, inChannel);
  list.dataset.place = `${channel.id} ${here.me}`;
  fill(list, messages.length ? null : h('div', { class: 'empty' }, 'No messages yet. Say something, or type / for a command.'),
    renderList(messages, channel, { me: here.me, open: go }));
}

function renderThread() {
  const pane = $('thread');
  const channel = store.channels.get(here.channel);
  const root = channel?.messages.get(here.thread);
  document.body.classList.toggle('with-thread', Boolean(here.thread));
  if (!here.thread) {
    clear(pane);
    pane.dataset.thread = '';
    return;
  }
  const place = `${here.channel}/${here.thread} ${here.me}`;
  let list = pane.querySelector('.list');
  if (!list || pane.dataset.thread !== place) {
    list = h('div', { class: 'list', role: 'log' });
    clear(pane, h('div', { class: 'bar' },
      h('button', { class: 'btn-plain back', type: 'button', 'aria-label': 'Back', onclick: () => go(here.channel) }, '‹'),
      h('h1', null, 'Thread'), h('span', { class: 'muted' }, channel ? `# ${titleOf(channel, here.me)}` : ''),
      h('button', { class: 'btn-plain close', type: 'button', 'aria-label': 'Close the thread', onclick: () => go(here.channel) }, '✕')),
    list, channel ? composer(channel, here.thread) : null);
    pane.dataset.thread = place;
  }
  if (!root) {
    clear(list, h('div', { class: 'empty' }, 'This thread does not exist.'));
    return;
  }
  const inThread = (m) => m.thread_ts === here.thread;
  const replies = [...channel.messages.values()].filter((m) => inThread(m) && m.ts !== here.thread);
  list.dataset.place = place;
  fill(list, renderList([root, ...withEphemerals(replies, channel, inThread)], channel, { me: here.me, open: go, inThread: true }),
    statusLine(channel.id, here.thread));
}

function header(title, note) {
  return h('div', { class: 'bar' },
    h('button', { class: 'btn-plain menu-button', type: 'button', 'aria-label': 'Channels',
      onclick: () => document.body.classList.toggle('with-menu') }, '☰'),
    h('h1', null, title), note ? h('span', { class: 'muted' }, note) : null,
    store.online ? null : h('span', { class: 'offline' }, 'reconnecting…'));
}

// --- composer ---

function composer(channel, thread) {
  const area = h('textarea', { rows: 1, placeholder: thread ? 'Reply…' : `Message ${channel.name ? `#${channel.name}` : titleOf(channel, here.me)}`,
    'aria-label': thread ? 'Reply' : 'Message' });
  const hints = h('div', { class: 'hints' });
  const grow = () => {
    area.rows = Math.min(area.value.split('\n').length, 8);
    const commands = !thread && /^\/\S*$/.test(area.value) ? store.app.slash_commands.filter((c) => c.startsWith(area.value)) : [];
    clear(hints, commands.map((c) => h('button', { class: 'hint', type: 'button', onclick: () => {
      area.value = `${c} `;
      area.focus();
      grow();
    } }, h('strong', null, c), h('span', { class: 'muted' }, store.app.name))));
  };
  const send = async () => {
    const text = area.value.trim();
    if (!text) return;
    area.value = '';
    grow();
    await say(channel, thread, text);
  };
  area.addEventListener('input', grow);
  area.addEventListener('keydown', (e) => {
    if (e.key !== 'Enter' || e.shiftKey || e.isComposing) return;
    e.preventDefault();
    void send();
  });
  return h('div', { class: 'composer' }, hints, h('div', { class: 'composer-box' }, area,
    h('button', { class: 'send', type: 'button', 'aria-label': 'Send', onclick: send }, '➤')));
}

async function say(channel, thread, text) {
  const command = /^(\/\S+)\s*([\s\S]*)$/.exec(text);
  if (command && thread) {
    notice(`${command[1]} is not supported in threads. Sorry!`);
    return;
  }
  if (command) await post('command', { user: here.me, channel: channel.id, command: command[1], text: command[2] });
  else await post('message', { user: here.me, channel: channel.id, text: encode(text, store.users, [...store.channels.values()]), ...(thread ? { thread_ts: thread } : {}) });
}

// --- notices, drawing ---

function notice(text) {
  const el = h('div', { class: 'notice', role: 'status' }, text);
  $('notices').append(el);
  setTimeout(() => el.remove(), 6000);
}

function render() {
  if (!store.ready) return;
  if (!store.users.some((u) => u.id === here.me && !u.is_bot)) here.me = store.users.find((u) => !u.is_bot)?.id;
  document.title = here.home ? 'Home · localslack' : `${names.channel(here.channel) ?? 'localslack'} · localslack`;
  renderSidebar();
  renderChannel();
  renderThread();
  showModal(here.me);
}

let drawing = false;
/** Many events of one moment are drawn once. */
function renderSoon() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    render();
  });
}

function on(event, data) {
  if (event === 'all') readAddress();
  if (event === 'message' && data.channel !== here.channel && data.message.user !== here.me) {
    const channel = store.channels.get(data.channel);
    if (channel) channel.unread++;
  }
  if (event === 'notice') notice(data);
  else if (event === 'failure') {
    if (data.user === here.me) notice(data.text);
  } else renderSoon();
}

window.addEventListener('hashchange', () => {
  document.body.classList.remove('with-menu');
  readAddress();
  if (here.home) void post('home', { user: here.me });
  render();
});
document.addEventListener('click', (e) => {
  for (const open of document.querySelectorAll('details[open].palette, details[open].overflow')) {
    if (!open.contains(e.target)) open.open = false;
  }
  if (!e.target.closest('#sidebar, .menu-button')) document.body.classList.remove('with-menu');
});
subscribe(on);
follow();
