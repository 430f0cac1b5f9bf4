// Where this tab is, as whom it acts, and what that person has read. Another tab may be somebody else.

import { inChannel, names, store } from './store.js';

export const here = { me: null, channel: null, thread: null, home: null };

/** The address is `#C…`, `#C…/ts`, `#home`. */
export function readAddress() {
  let text = location.hash.slice(1);
  try {
    text = decodeURIComponent(text);
  } catch {
    text = ''; // not an address of ours
  }
  const [channel, thread] = text.split('/');
  here.home = channel === 'home';
  here.channel = here.home ? null : channel || store.channels.keys().next().value || null;
  here.thread = here.home ? null : thread || null;
}

export function go(channel, thread) {
  const to = thread ? `${channel}/${thread}` : channel;
  if (location.hash !== `#${to}`) location.hash = to;
}

const remember = (key, value) => {
  sessionStorage.setItem(key, value);
  localStorage.setItem(key, value); // where the next tab begins
};

export function become(id) {
  here.me = id;
  names.me = id;
  store.version++;
  remember('localslack.me', id);
}

/** A person who exists: the tab's own, the last one anywhere, or the first. */
export function settle() {
  const people = store.users.filter((u) => !u.is_bot && u.id !== 'USLACKBOT');
  const wanted = [here.me, sessionStorage.getItem('localslack.me'), localStorage.getItem('localslack.me')];
  const found = wanted.find((id) => people.some((u) => u.id === id)) ?? people[0]?.id;
  if (found && found !== here.me) become(found);
}

// --- what was read ---

const read = new Map(); // "me|channel" → ts

export const readUpTo = (channel) => read.get(`${here.me}|${channel.id}`);

export function markRead(channel) {
  read.set(`${here.me}|${channel.id}`, channel.last ?? '0');
}

/** {messages, mentions} that came since this person looked; everything that was there at first counts as read. */
export function unreadOf(channel) {
  const since = readUpTo(channel);
  if (since === undefined) {
    markRead(channel);
    return { messages: 0, mentions: 0 };
  }
  const count = { messages: 0, mentions: 0 };
  if (!channel.last || channel.last <= since) return count;
  for (const m of [...channel.messages.values()].reverse()) {
    if (m.ts <= since) break;
    if (!inChannel(m) || m.user === here.me || m.subtype === 'tombstone') continue;
    count.messages++;
    if (channel.type === 'im' || channel.type === 'mpim' || String(m.text ?? '').includes(`<@${here.me}>`)) count.mentions++;
  }
  return count;
}
