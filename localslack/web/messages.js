// One message.

import { attachment, folded, isLong, renderBlocks } from './blocks.js';
import { avatar, fullTimeOf, h, ownPath, safeUrl, sizeOf, timeOf } from './dom.js';
import { emojiCharacter } from './emoji.js';
import { icon } from './icons.js';
import { ask, openMenu } from './popover.js';
import { pickEmoji } from './picker.js';
import { choiceOf, choicesOf, inChannel, interact, keepChoice, names, post, store, userOf } from './store.js';
import { decode, emoji, encode, mrkdwn, tokensOnly } from './text.js';

const QUICK = ['white_check_mark', 'eyes', 'raised_hands'];

const isAppMessage = (m) => Boolean(m.bot_id);
export const authorOf = (m) => String(m.username ?? (isAppMessage(m) ? (m.bot_profile?.name ?? store.app.name) : (names.user(m.user) ?? m.user ?? 'somebody')));

function authorAvatar(m) {
  const sign = m.icons?.emoji ? emojiCharacter(m.icons.emoji.replaceAll(':', '')) : null;
  return avatar(authorOf(m), { app: isAppMessage(m), sign });
}

export function messageEnv(message, channel, me) {
  const key = `msg:${channel.id}:${message.ts}`;
  return {
    key, names, me, users: store.users, channels: [...store.channels.values()], conversation: channel.id, place: { channel: channel.id, ts: message.ts },
    get: (block_id, action_id) => choiceOf(key, block_id, action_id),
    set: (block_id, action_id, choice) => keepChoice(key, block_id, action_id, choice),
    act: (block, el, choice) => interact('action', {
      user: me, channel: channel.id, ts: message.ts, action_id: el.action_id, block_id: block.block_id, choice, state: choicesOf(key) }),
  };
}

function content(m, channel, me) {
  if (m.subtype === 'tombstone') return h('div', { class: 'muted tombstone' }, icon('trash'), m.text || 'This message was deleted.');
  const env = messageEnv(m, channel, me);
  // A person's rich_text says the same as the text; the text also knows our own marks.
  const blocks = isAppMessage(m) || m.is_ephemeral ? m.blocks : null;
  const text = String(m.text ?? '');
  const body = blocks?.length ? renderBlocks(blocks, env) : text ? h('div', { class: 'b-text' }, m.mrkdwn === false ? tokensOnly(text, names) : mrkdwn(text, names)) : null;
  return [
    !blocks?.length && isLong(text) ? folded(env.key, body) : body,
    (m.attachments ?? []).map((a) => attachment(a, env)),
    m.files?.length ? h('div', { class: 'files' }, m.files.map(file)) : null,
  ];
}

const IMAGE_TYPES = /^image\/(png|jpe?g|gif|webp|avif|svg\+xml)$/;

function file(f) {
  const path = ownPath(f.url_private);
  const name = String(f.title || f.name || 'file');
  const download = path ? h('a', { class: 'tool', href: ownPath(f.url_private_download) ?? path, download: f.name ?? true, title: 'Download', 'aria-label': `Download ${name}` }, icon('download')) : null;
  if (path && IMAGE_TYPES.test(f.mimetype ?? '')) {
    return h('figure', { class: 'file-image' }, h('figcaption', null, h('span', { class: 'file-name' }, name), download),
      h('a', { href: path, target: '_blank', rel: 'noopener' }, h('img', { class: 'image', src: path, alt: name, loading: 'lazy' })));
  }
  return h('div', { class: 'file' },
    h('div', { class: 'file-head' }, icon('file'), h('span', { class: 'file-name' }, safeUrl(f.permalink) || path ? h('a', { href: path ?? f.permalink, target: '_blank', rel: 'noopener noreferrer' }, name) : name),
      h('span', { class: 'muted' }, [f.pretty_type, sizeOf(f.size)].filter(Boolean).join(' · ')), download),
    f.preview ? h('pre', { class: 'file-preview' }, f.preview, f.preview_is_truncated ? '\n…' : '') : null);
}

export async function react(channel, m, me, name) {
  const mine = m.reactions?.find((r) => r.name === name)?.users.includes(me);
  await post('reaction', { user: me, channel: channel.id, ts: m.ts, name, remove: Boolean(mine) });
}

function reactions(m, channel, me) {
  if (!m.reactions?.length) return null;
  return h('div', { class: 'reactions' }, m.reactions.map((r) => h('button', {
    class: `reaction ${r.users.includes(me) ? 'mine' : ''}`, type: 'button', 'aria-pressed': String(r.users.includes(me)), dataset: { action: `react/${r.name}` },
    title: `${r.users.map((u) => names.user(u) ?? u).join(', ')} reacted with :${r.name}:`, 'aria-label': `${r.name}, ${r.count}`,
    onclick: () => void react(channel, m, me, r.name),
  }, emoji(r.name), h('span', null, String(r.count)))), addReaction(m, channel, me, 'reaction reaction-add'));
}

function addReaction(m, channel, me, className) {
  const button = h('button', { class: className, type: 'button', title: 'Add a reaction', 'aria-label': 'Add a reaction', 'aria-haspopup': 'dialog', 'aria-expanded': 'false',
    dataset: { action: 'react' }, onclick: () => pickEmoji(button, (name) => void react(channel, m, me, name)) }, icon('smile'));
  return button;
}

function threadSummary(m, channel, open) {
  if (!m.reply_count) return null;
  return h('button', { class: 'thread-summary', type: 'button', dataset: { action: 'thread' }, onclick: () => open(channel.id, m.ts) },
    (m.reply_users ?? []).slice(0, 4).map((id) => avatar(names.user(id) ?? id, { app: userOf(id)?.is_bot })),
    h('strong', null, `${m.reply_count} ${m.reply_count === 1 ? 'reply' : 'replies'}`),
    h('span', { class: 'muted' }, `Last reply ${timeOf(m.latest_reply)}`));
}

// --- what one can do with it ---

export function editMessage(el, m, channel) {
  const body = el.querySelector('.message-content');
  if (!body || body.querySelector('.editing')) return;
  const before = [...body.childNodes];
  const area = h('textarea', { class: 'input', rows: 3, 'aria-label': 'Edit the message', value: decode(String(m.text ?? ''), names) });
  const cancel = () => {
    body.replaceChildren(...before);
    el.focus();
  };
  const save = async () => {
    const text = area.value.trim();
    if (!text) return;
    if (text !== decode(String(m.text ?? ''), names)) {
      const answer = await post('edit', { channel: channel.id, ts: m.ts, text: encode(text, store.users, [...store.channels.values()]) });
      if (!answer.ok) return;
    }
    if (el.isConnected) cancel();
  };
  area.addEventListener('keydown', (e) => {
    if (e.key === 'Escape') cancel();
    else if (e.key === 'Enter' && !e.shiftKey && !e.isComposing) void save();
    else return;
    e.preventDefault();
    e.stopPropagation();
  });
  body.replaceChildren(h('div', { class: 'editing' }, area, h('div', { class: 'dialog-buttons' },
    h('button', { class: 'btn', type: 'button', onclick: cancel }, 'Cancel'),
    h('button', { class: 'btn btn-primary', type: 'button', onclick: save }, 'Save'))));
  area.focus();
  area.setSelectionRange(area.value.length, area.value.length);
}

export function deleteMessage(m, channel) {
  ask({ title: 'Delete this message?', text: h('div', { class: 'quoted' }, mrkdwn(String(m.text ?? '').slice(0, 300), names)), confirm: 'Delete', deny: 'Cancel', danger: true,
    yes: () => void post('delete', { channel: channel.id, ts: m.ts }) });
}

const linkTo = (m, channel) => `${location.origin}/#${channel.id}/${m.thread_ts ?? m.ts}`;

/** The rows of a message's menu; `at` is where a person did it. */
export function messageMenu(anchor, m, channel, { me, open, el }) {
  const mine = m.user === me && !m.bot_id;
  const shortcuts = (store.app.shortcuts ?? []).filter((s) => s.type === 'message');
  openMenu(anchor, [
    { label: 'Reply in thread', sign: icon('reply'), run: () => open(channel.id, m.thread_ts ?? m.ts) },
    { label: 'Copy link', sign: icon('link'), run: () => void navigator.clipboard?.writeText(linkTo(m, channel)) },
    { label: 'Copy text', sign: icon('copy'), run: () => void navigator.clipboard?.writeText(decode(String(m.text ?? ''), names)) },
    shortcuts.length ? 'line' : null,
    ...shortcuts.map((s) => ({ label: s.name, sign: icon('bolt'), note: store.app.name,
      run: () => void interact('shortcut', { user: me, callback_id: s.callback_id, channel: channel.id, ts: m.ts }) })),
    mine ? 'line' : null,
    mine ? { label: 'Edit message', sign: icon('pencil'), note: 'E', run: () => editMessage(el, m, channel) } : null,
    mine ? { label: 'Delete message', sign: icon('trash'), note: 'Del', danger: true, run: () => deleteMessage(m, channel) } : null,
  ], { align: 'end' });
}

function toolbar(m, channel, me, open, inThread, self) {
  if (m.is_ephemeral || m.subtype === 'tombstone') return null;
  const more = h('button', { class: 'tool', type: 'button', title: 'More', 'aria-label': 'More actions for this message', 'aria-haspopup': 'menu', 'aria-expanded': 'false',
    onclick: () => messageMenu(more, m, channel, { me, open, el: self() }) }, icon('more'));
  return h('div', { class: 'toolbar', role: 'toolbar', 'aria-label': 'Message actions' },
    QUICK.map((name) => h('button', { class: 'tool tool-quick', type: 'button', title: `React with :${name}:`, 'aria-label': `React with ${name}`,
      onclick: () => void react(channel, m, me, name) }, emoji(name))),
    addReaction(m, channel, me, 'tool'),
    inThread ? null : h('button', { class: 'tool', type: 'button', title: 'Reply in thread', 'aria-label': 'Reply in thread',
      onclick: () => open(channel.id, m.thread_ts ?? m.ts) }, icon('reply')), more);
}

/** Why a message is here although it belongs elsewhere, or is for one person only. */
function aside(m, channel, inThread, open) {
  if (m.is_ephemeral) return h('div', { class: 'aside' }, icon('eye'), 'Only visible to you');
  if (m.subtype !== 'thread_broadcast') return null;
  if (inThread) return h('div', { class: 'aside' }, icon('hash'), 'Also sent to the channel');
  return h('div', { class: 'aside' }, icon('reply'), 'Replied to ', h('button', { class: 'link', type: 'button', onclick: () => open(channel.id, m.thread_ts) }, 'a thread'));
}

/** options: {me, open(channel, ts), inThread, compact} */
export function renderMessage(m, channel, { me, open, inThread, compact }) {
  const author = authorOf(m);
  const streaming = m.streaming_state === 'in_progress';
  const el = h('article', { class: `message ${compact ? 'compact' : ''} ${m.is_ephemeral ? 'ephemeral' : ''} ${streaming ? 'streaming' : ''}`, dataset: { ts: m.ts }, tabindex: '-1',
    'aria-label': `${author}, ${timeOf(m.ts)}`, 'aria-busy': streaming ? 'true' : undefined },
  compact ? h('time', { class: 'gutter', title: fullTimeOf(m.ts) }, timeOf(m.ts)) : authorAvatar(m),
  h('div', { class: 'message-main' },
    aside(m, channel, inThread, open),
    compact ? null : h('div', { class: 'message-head' }, h('strong', { class: 'author' }, author), isAppMessage(m) ? h('span', { class: 'badge' }, 'APP') : null,
      h('time', { title: fullTimeOf(m.ts) }, timeOf(m.ts))),
    h('div', { class: 'message-content' }, content(m, channel, me)),
    m.edited && !isAppMessage(m) ? h('span', { class: 'edited' }, '(edited)') : null,
    m.streaming_state === 'errored' ? h('div', { class: 'aside' }, icon('warning'), 'This answer was cut off.') : null,
    reactions(m, channel, me),
    inThread || !inChannel(m) ? null : threadSummary(m, channel, open)),
  toolbar(m, channel, me, open, inThread, () => el));
  return el;
}
