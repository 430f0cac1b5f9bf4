// The page: channels at the left, the channel in the middle, a thread at the right, the requests below; on a phone
// one of them at a time. The address (#C…/ts) is where we are.

import { arrange, avatar, clear, h } from './dom.js';
import { composer } from './composer.js';
import { go, here, markRead, readAddress, readUpTo, settle, unreadOf } from './here.js';
import { icon } from './icons.js';
import { listenToKeys, openHelp, openSwitcher } from './keys.js';
import { MessageList } from './list.js';
import { editMessage } from './messages.js';
import { onFeed, panelButton, togglePanel } from './panel.js';
import { notice, openMenu } from './popover.js';
import { openDirect, renderSidebar } from './sidebar.js';
import { statusLine, statusMark, suggestedPrompts } from './status.js';
import { follow, inChannel, isDirect, loadEarlier, loadThread, post, store, subscribe, titleOf, userOf } from './store.js';
import { homeView, showModal } from './views.js';

const $ = (id) => document.getElementById(id);
const parts = { changed: renderSoon, openPanel: () => togglePanel(true, 'connection'), openSwitcher, openHelp };

// --- the two panes of messages ---

function ephemerals(channel, accept) {
  return store.ephemerals.filter((e) => e.channel === channel.id && e.user === here.me && accept(e.message)).map((e) => e.message);
}

function merged(messages, extra) {
  return extra.length ? [...messages, ...extra].sort((a, b) => (a.ts < b.ts ? -1 : 1)) : messages;
}

let wantsReply = null; // "C…/ts" of the thread that takes the focus once it is drawn

const openThread = (channel, ts) => {
  wantsReply = `${channel}/${ts}`;
  go(channel, ts);
  renderSoon(); // it may be open already
};

/** The list and the composer of a channel (thread null) or of a thread, for one person. */
class Pane {
  constructor(channelId, thread, me) {
    this.key = `${channelId}/${thread ?? ''} ${me}`;
    this.thread = thread;
    const channel = () => store.channels.get(channelId);
    this.channel = channel;
    this.me = me;
    this.list = new MessageList({
      channel, me, open: openThread, inThread: Boolean(thread), readUpTo: thread ? null : readUpTo(channel()),
      collect: () => this.collect(), statusOf: thread ? null : (m) => statusMark(channel(), m),
      earlier: thread ? null : () => loadEarlier(channel()),
      empty: () => h('div', { class: 'empty' }, thread ? 'This thread does not exist.' : h('span', null, h('p', { class: 'empty-title' }, `This is the beginning of ${isDirect(channel()) ? '' : '#'}${titleOf(channel(), me)}.`),
        h('p', null, 'Say something, or type / for a command.'))),
      tail: () => [statusLine(channel(), thread, me), suggestedPrompts(channel(), thread, this.collect(), (text) => void this.usePrompt(text))].filter(Boolean),
    });
    this.composer = composer({ me, channel, thread, editLast: () => this.editLast(), sent: () => this.list.toEnd() });
    if (thread && !channel().messages.has(thread)) void loadThread(channel(), thread);
    else if (thread && channel().messages.get(thread).reply_count) void loadThread(channel(), thread);
  }

  collect() {
    const channel = this.channel();
    const { thread } = this;
    if (!thread) return merged([...channel.messages.values()].filter(inChannel), ephemerals(channel, inChannel));
    const root = channel.messages.get(thread);
    if (!root) return [];
    const isReply = (m) => m.thread_ts === thread && m.ts !== thread;
    return [root, ...merged([...channel.messages.values()].filter(isReply), ephemerals(channel, isReply))];
  }

  editLast() {
    const mine = this.collect().findLast((m) => m.user === this.me && !m.bot_id && !m.is_ephemeral && m.subtype !== 'tombstone');
    const el = mine && this.list.elementOf(mine.ts);
    if (!el) return false;
    editMessage(el, mine, this.channel());
    return true;
  }

  async usePrompt(text) {
    await post('message', { user: this.me, channel: this.channel().id, text, ...(this.thread ? { thread_ts: this.thread } : {}) });
  }
}

let channelPane = null;
let threadPane = null;

function bar(...children) {
  return h('div', { class: 'bar' }, children);
}

const menuButton = () => h('button', { class: 'btn-plain menu-button', type: 'button', 'aria-label': 'Open the channel list', onclick: () => document.body.classList.toggle('with-menu') }, icon('menu'));
const offline = () => (store.online ? null : h('span', { class: 'offline', role: 'status' }, 'reconnecting…'));

function membersButton(channel) {
  const members = channel.members.map((id) => userOf(id)).filter(Boolean);
  const button = h('button', { class: 'members', type: 'button', 'aria-haspopup': 'menu', 'aria-expanded': 'false', title: 'Members', 'aria-label': `${channel.members.length} members`, onclick: () => openMenu(button,
    members.slice(0, 100).map((u) => ({ label: u.real_name, sign: avatar(u.real_name, { app: u.is_bot }), note: u.id === here.me ? 'you' : u.is_bot ? 'app' : u.is_away ? 'away' : '', run: () => u.id !== here.me && void openDirect(u.id) })), { align: 'end' }) },
  icon('users'), members.slice(0, 3).map((u) => avatar(u.real_name, { app: u.is_bot })), h('span', null, String(channel.members.length)));
  return button;
}

function channelBar(channel) {
  const direct = isDirect(channel);
  return bar(menuButton(), h('h1', null, direct ? null : icon(channel.type === 'group' ? 'lock' : 'hash'), h('bdi', null, titleOf(channel, here.me))),
    h('span', { class: 'topic' }, channel.topic?.value ?? channel.topic ?? ''), offline(), h('span', { class: 'grow' }), direct ? null : membersButton(channel), panelButton());
}

function renderHome(main) {
  const tab = (id, label, run) => h('button', { role: 'tab', type: 'button', 'aria-selected': String(id === 'home'), onclick: run }, label);
  clear(main, bar(menuButton(), h('h1', null, avatar(store.app.name, { app: true }), h('bdi', null, store.app.name)),
    h('div', { class: 'tabs', role: 'tablist', 'aria-label': store.app.name }, tab('home', 'Home'), tab('messages', 'Messages', () => {
      void post('home', { user: here.me, tab: 'messages' });
      void openDirect(store.app.user_id);
    })), offline(), h('span', { class: 'grow' }), panelButton()), h('div', { class: 'list list-home', tabindex: '-1' }, homeView(here.me)));
  channelPane = null;
}

let homeDrawn = null;

function renderChannel() {
  const main = $('channel');
  if (here.home) {
    const state = `${here.me} ${store.version} ${store.online}`;
    const view = store.homes.get(here.me);
    if (homeDrawn?.state === state && homeDrawn.view === view) return;
    homeDrawn = { state, view };
    renderHome(main);
    return;
  }
  homeDrawn = null;
  const channel = store.channels.get(here.channel);
  if (!channel) {
    clear(main, bar(menuButton(), h('h1', null, 'Nothing here'), h('span', { class: 'grow' }), panelButton()), h('div', { class: 'empty' }, 'There is no such channel.'));
    channelPane = null;
    return;
  }
  if (channelPane?.key !== `${channel.id}/ ${here.me}`) {
    unreadOf(channel); // what was there before the first look counts as read
    channelPane = new Pane(channel.id, null, here.me);
    clear(main, channelBar(channel), channelPane.list.el, channel.is_archived ? h('div', { class: 'archived' }, icon('info'), 'This channel is archived.') : channelPane.composer.el);
    channelPane.bar = '';
    if (!here.thread && matchMedia('(hover: hover)').matches) channelPane.composer.focus();
  }
  const state = JSON.stringify([store.version, store.online, channel.members.length, channel.topic]);
  if (channelPane.bar !== state) {
    channelPane.bar = state;
    main.querySelector('.bar').replaceWith(channelBar(channel));
  }
  channelPane.list.draw();
  if (channelPane.list.following && document.visibilityState === 'visible') markRead(channel);
}

function closeThread() {
  const { channel, thread } = here;
  if (!thread) return;
  go(channel);
  requestAnimationFrame(() => (channelPane?.list.elementOf(thread) ?? $('channel').querySelector('.composer textarea'))?.focus({ preventScroll: true }));
}

function threadBar(channel) {
  const title = store.titles.get(`${channel.id}:${here.thread}`);
  return bar(h('button', { class: 'btn-plain back', type: 'button', 'aria-label': 'Back', onclick: closeThread }, icon('back')),
    h('h1', null, h('bdi', null, title ?? 'Thread')), h('span', { class: 'topic' }, isDirect(channel) ? titleOf(channel, here.me) : `#${channel.name}`), h('span', { class: 'grow' }),
    h('button', { class: 'btn-plain close', type: 'button', 'aria-label': 'Close the thread', title: 'Close (Esc)', onclick: closeThread }, icon('close')));
}

function renderThread() {
  const pane = $('thread');
  const channel = store.channels.get(here.channel);
  const isOpen = Boolean(here.thread && channel);
  document.body.classList.toggle('with-thread', isOpen);
  if (!isOpen) {
    if (threadPane) clear(pane);
    threadPane = null;
    return;
  }
  if (threadPane?.key !== `${channel.id}/${here.thread} ${here.me}`) {
    threadPane = new Pane(channel.id, here.thread, here.me);
    clear(pane, threadBar(channel), threadPane.list.el, threadPane.composer.el);
    threadPane.bar = '';
  }
  const state = JSON.stringify([store.version, store.titles.get(`${channel.id}:${here.thread}`)]);
  if (threadPane.bar !== state) {
    threadPane.bar = state;
    pane.querySelector('.bar').replaceWith(threadBar(channel));
  }
  threadPane.list.draw();
  if (wantsReply !== `${channel.id}/${here.thread}`) return;
  wantsReply = null;
  threadPane.composer.focus();
}

// --- drawing ---

function renderTitle() {
  const unread = [...store.channels.values()].filter((c) => c.members.includes(here.me)).reduce((n, c) => n + unreadOf(c).mentions, 0);
  const channel = store.channels.get(here.channel);
  const place = here.home ? store.app.name : channel ? titleOf(channel, here.me) : null;
  document.title = `${unread ? `(${unread}) ` : ''}${place ? `${place} · ` : ''}localslack`;
}

function render() {
  if (!store.ready) return;
  settle();
  renderChannel();
  renderThread();
  renderSidebar($('sidebar'), parts);
  renderTitle();
  showModal(here.me);
}

/** Draws closer together than a frame are one. */
const FRAME_MS = 16;
const HIDDEN_MS = 200;
let drawing = false;
let drawnAt = 0;

/** The first of many events is drawn at once, the others of its frame together. A hidden tab draws too, only less often. */
function renderSoon() {
  if (drawing) return;
  drawing = true;
  const draw = () => {
    drawing = false;
    render();
    drawnAt = performance.now();
  };
  if (document.visibilityState !== 'visible') setTimeout(draw, HIDDEN_MS);
  else if (performance.now() - drawnAt > FRAME_MS) setTimeout(draw, 0);
  else requestAnimationFrame(draw);
}

const UNDRAWN = new Set(['call', 'envelope', 'faults', 'problem']);

let arrived = false;

function arrive() {
  if (here.home) void post('home', { user: here.me });
}

function on(event, data) {
  onFeed(event);
  if (event === 'all') {
    readAddress();
    settle();
    if (!arrived) arrive();
    arrived = true;
  }
  if (event === 'notice') notice(data);
  // What this page asked for shows its failure in place.
  else if (event === 'failure') {
    if (data.user === here.me && store.inFlight === 0) notice(data.text);
  } else if (!UNDRAWN.has(event)) renderSoon();
}

addEventListener('hashchange', () => {
  document.body.classList.remove('with-menu');
  readAddress();
  arrive();
  render();
});
addEventListener('visibilitychange', renderSoon);
document.addEventListener('click', (e) => {
  if (!e.target.closest('#sidebar, .menu-button, .popover, dialog')) document.body.classList.remove('with-menu');
  // Without a mouse a tap on a message shows what one can do with it.
  for (const m of document.querySelectorAll('.message.picked')) if (!m.contains(e.target)) m.classList.remove('picked');
  if (!matchMedia('(hover: hover)').matches && !e.target.closest('a, button, input, textarea, select, summary')) e.target.closest('.message')?.classList.add('picked');
});
listenToKeys({
  openThread,
  togglePanel: () => togglePanel(),
  escape: () => {
    if (document.body.classList.contains('with-menu')) document.body.classList.remove('with-menu');
    else if (here.thread) closeThread();
    else togglePanel(false);
  },
});
arrange($('notices'), []);
subscribe(on);
follow();
