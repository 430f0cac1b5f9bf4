// One message, and lists of them.

import { renderBlocks } from './blocks.js';
import { avatar, dayOf, h, link, timeOf } from './dom.js';
import { names, post, store, userOf } from './store.js';
import { PALETTE, decode, emoji, encode, mrkdwn } from './text.js';
import { choices } from './views.js';

const GROUP_SECONDS = 300;

const isAppMessage = (m) => Boolean(m.bot_id);
const authorOf = (m) => m.username ?? (isAppMessage(m) ? store.app.name : (names.user(m.user) ?? m.user));

function env(message, channel, me) {
  const key = `msg:${channel.id}:${message.ts}`;
  return {
    key, names, users: store.users, channels: [...store.channels.values()],
    get: (block_id, action_id) => store.inputs.get(`${key}|${block_id}|${action_id}`),
    set: (block_id, action_id, choice) => store.inputs.set(`${key}|${block_id}|${action_id}`, choice),
    act: (block, el, choice) => post('action', {
      user: me, channel: channel.id, ts: message.ts, action_id: el.action_id, block_id: block.block_id,
      choice, state: choices(key) }),
  };
}

function content(m, channel, me) {
  if (m.subtype === 'tombstone') return h('div', { class: 'muted' }, m.text);
  // A person's rich_text says the same as the text; the text also knows our own marks.
  const blocks = isAppMessage(m) || m.is_ephemeral ? m.blocks : null;
  return [
    blocks?.length ? renderBlocks(blocks, env(m, channel, me)) : h('div', { class: 'b-text' }, mrkdwn(m.text ?? '', names)),
    (m.attachments ?? []).map((a) => h('div', { class: 'attachment' },
      a.blocks ? renderBlocks(a.blocks, env(m, channel, me)) : mrkdwn(a.text ?? a.fallback ?? '', names))),
    (m.files ?? []).map(file),
  ];
}

function file(f) {
  return h('div', { class: 'file' },
    h('div', { class: 'file-head' }, h('span', { class: 'file-icon' }, '📄'),
      link(f.url_private, f.title || f.name), h('span', { class: 'muted' }, `${f.pretty_type} · ${f.size} bytes`)),
    f.preview ? h('pre', null, f.preview, f.preview_is_truncated ? '\n…' : '') : null);
}

async function react(channel, m, me, name) {
  const mine = m.reactions?.find((r) => r.name === name)?.users.includes(me);
  await post('reaction', { user: me, channel: channel.id, ts: m.ts, name, remove: Boolean(mine) });
}

function reactions(m, channel, me) {
  if (!m.reactions?.length) return null;
  return h('div', { class: 'reactions' }, m.reactions.map((r) => h('button', {
    class: `reaction ${r.users.includes(me) ? 'mine' : ''}`, type: 'button',
    title: `${r.users.map((u) => names.user(u) ?? u).join(', ')} reacted with :${r.name}:`,
    onclick: () => void react(channel, m, me, r.name),
  }, emoji(r.name), h('span', null, String(r.count)))));
}

function threadSummary(m, channel, open) {
  if (!m.reply_count) return null;
  return h('button', { class: 'thread-summary', type: 'button', onclick: () => open(channel.id, m.ts) },
    (m.reply_users ?? []).slice(0, 3).map((id) => avatar(names.user(id), userOf(id)?.is_bot)),
    h('strong', null, `${m.reply_count} ${m.reply_count === 1 ? 'reply' : 'replies'}`),
    h('span', { class: 'muted' }, `Last reply ${timeOf(m.latest_reply)}`));
}

function edit(el, m, channel) {
  const area = h('textarea', { class: 'input', rows: 3, value: decode(m.text, names) });
  const save = () => post('edit', { channel: channel.id, ts: m.ts, text: encode(area.value, store.users, [...store.channels.values()]) });
  const body = el.querySelector('.message-content');
  const before = [...body.childNodes];
  const cancel = () => body.replaceChildren(...before);
  body.replaceChildren(h('div', { class: 'editing' }, area, h('div', { class: 'dialog-buttons' },
    h('button', { class: 'btn', type: 'button', onclick: cancel }, 'Cancel'),
    h('button', { class: 'btn btn-primary', type: 'button', onclick: save }, 'Save'))));
  area.focus();
}

function toolbar(m, channel, me, open, inThread, self) {
  if (m.is_ephemeral || m.subtype === 'tombstone') return null;
  const palette = h('details', { class: 'palette' }, h('summary', { class: 'tool', 'aria-label': 'React', title: 'React' }, '☺'),
    h('div', { class: 'menu menu-row' }, PALETTE.map((name) => h('button', {
      class: 'tool', type: 'button',
      onclick: () => {
        palette.open = false;
        void react(channel, m, me, name);
      },
    }, emoji(name)))));
  return h('div', { class: 'toolbar' }, palette,
    inThread ? null : h('button', { class: 'tool', type: 'button', title: 'Reply in thread', 'aria-label': 'Reply in thread',
      onclick: () => open(channel.id, m.thread_ts ?? m.ts) }, '💬'),
    m.user === me ? [
      h('button', { class: 'tool', type: 'button', title: 'Edit', 'aria-label': 'Edit', onclick: () => edit(self(), m, channel) }, '✎'),
      h('button', { class: 'tool', type: 'button', title: 'Delete', 'aria-label': 'Delete',
        onclick: () => void post('delete', { channel: channel.id, ts: m.ts }) }, '🗑')] : null);
}

export function renderMessage(m, channel, { me, open, inThread, compact }) {
  const author = authorOf(m);
  const el = h('article', { class: `message ${compact ? 'compact' : ''} ${m.is_ephemeral ? 'ephemeral' : ''}`, dataset: { ts: m.ts } },
    compact ? h('time', { class: 'gutter' }, timeOf(m.ts)) : avatar(author, isAppMessage(m)),
    h('div', { class: 'message-main' },
      m.is_ephemeral ? h('div', { class: 'only-you' }, '👁 Only visible to you') : null,
      compact ? null : h('div', { class: 'message-head' }, h('strong', null, author),
        isAppMessage(m) ? h('span', { class: 'badge' }, 'APP') : null,
        h('time', { title: new Date(Number(m.ts) * 1000).toLocaleString() }, timeOf(m.ts))),
      h('div', { class: 'message-content' }, content(m, channel, me)),
      m.edited ? h('span', { class: 'edited' }, '(edited)') : null,
      reactions(m, channel, me),
      inThread ? null : threadSummary(m, channel, open)),
    toolbar(m, channel, me, open, inThread, () => el));
  return el;
}

/** `messages` oldest first, with a line between days; runs of one author are drawn together. */
export function renderList(messages, channel, options) {
  const out = [];
  let before = null;
  for (const m of messages) {
    const day = dayOf(m.ts);
    const newDay = !before || dayOf(before.ts) !== day;
    if (newDay && !options.inThread) out.push(h('div', { class: 'day' }, h('span', null, day)));
    const compact = !newDay && !m.is_ephemeral && !before.is_ephemeral && authorOf(before) === authorOf(m) &&
      Number(m.ts) - Number(before.ts) < GROUP_SECONDS && !(options.inThread && before === messages[0]);
    out.push(renderMessage(m, channel, { ...options, compact }));
    if (options.inThread && m === messages[0] && messages.length > 1) {
      out.push(h('div', { class: 'day day-left' }, h('span', null, `${messages.length - 1} ${messages.length === 2 ? 'reply' : 'replies'}`)));
    }
    before = m;
  }
  return out;
}
