// The workspace as the server shows it, kept current by its feed. Nothing is polled: after a break in the feed
// the whole state is fetched once.

export const store = {
  ready: false,
  online: false,
  app: null,
  users: [],
  channels: new Map(), // id → {id, name, type, members, messages: Map ts → message, unread}
  ephemerals: [],      // {channel, user, message}
  views: [],           // {user, view}, the last of a user is on top
  homes: new Map(),    // user → view
  statuses: new Map(), // "C…:ts" → {status, loading_messages}
  sockets: new Map(),  // id → state
  viewErrors: new Map(), // view id → {block_id: text}
  inputs: new Map(),   // "place|block_id|action_id" → choice
};

const listeners = new Set();
export function subscribe(fn) {
  listeners.add(fn);
}
const tell = (event, data) => listeners.forEach((fn) => fn(event, data));

export async function post(path, body) {
  const response = await fetch(`/_local/${path}`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  const answer = await response.json();
  if (!response.ok) tell('notice', answer.error ?? `failed (${response.status})`);
  return answer;
}

export async function load() {
  const state = await (await fetch('/_local/state')).json();
  store.app = state.app;
  store.users = state.users;
  store.channels = new Map(state.channels.map((c) => [c.id,
    { ...c, unread: store.channels.get(c.id)?.unread ?? 0, messages: new Map(c.messages.map((m) => [m.ts, m])) }]));
  store.ephemerals = state.ephemerals;
  store.views = state.views;
  store.homes = new Map(state.homes.map((v) => [v.user, v.view]));
  store.statuses = new Map(state.statuses.map((s) => [`${s.channel}:${s.thread_ts}`, s]));
  store.sockets = new Map(state.sockets.map((s) => [s.id, s.state]));
  store.ready = true;
  tell('all');
}

const channelOf = (data) => store.channels.get(data.channel);

const handlers = {
  message(data) {
    channelOf(data)?.messages.set(data.message.ts, data.message);
  },
  update(data) {
    channelOf(data)?.messages.set(data.message.ts, data.message);
  },
  reaction(data) {
    channelOf(data)?.messages.set(data.message.ts, data.message);
  },
  delete(data) {
    channelOf(data)?.messages.delete(data.ts);
    store.ephemerals = store.ephemerals.filter((e) => e.channel !== data.channel || e.message.ts !== data.ts);
  },
  ephemeral(data) {
    store.ephemerals = [...store.ephemerals.filter((e) => e.message.ts !== data.message.ts), data];
  },
  view(data) {
    if (data.is_home) {
      store.homes.set(data.user, data.view);
      return;
    }
    const known = store.views.findIndex((v) => v.view.id === data.view.id);
    store.viewErrors.delete(data.view.id);
    if (known >= 0) store.views[known] = data;
    else {
      // A new root replaces what the person had open.
      if (!data.view.previous_view_id) store.views = store.views.filter((v) => v.user !== data.user);
      store.views.push(data);
    }
  },
  view_closed(data) {
    store.views = store.views.filter((v) => (data.view_id ? v.view.id !== data.view_id : v.user !== data.user));
  },
  view_errors(data) {
    store.viewErrors.set(data.view_id, data.errors);
  },
  status(data) {
    const key = `${data.channel}:${data.thread_ts}`;
    if (data.status) store.statuses.set(key, data);
    else if (data.session !== 'processing') store.statuses.delete(key);
    else store.statuses.set(key, { ...data, status: 'is working…' });
  },
  socket(data) {
    if (data.state === 'gone') store.sockets.delete(data.id);
    else store.sockets.set(data.id, data.state);
  },
};

/** Follows the feed for ever; the browser reconnects by itself. */
export function follow() {
  const source = new EventSource('/_local/events');
  source.addEventListener('ready', () => {
    store.online = true;
    void load();
  });
  source.addEventListener('error', () => {
    store.online = false;
    tell('online');
  });
  for (const [name, handle] of Object.entries(handlers)) {
    source.addEventListener(name, (e) => {
      const data = JSON.parse(e.data);
      handle(data);
      tell(name, data);
    });
  }
  for (const name of ['channel', 'user', 'reset']) source.addEventListener(name, () => void load());
  source.addEventListener('failure', (e) => tell('failure', JSON.parse(e.data)));
}

export const userOf = (id) => store.users.find((u) => u.id === id);

export const names = {
  user: (id) => userOf(id)?.real_name,
  userName: (id) => userOf(id)?.name,
  channel: (id) => store.channels.get(id)?.name,
};

/** What `me` would call a channel; direct messages go by the other side. */
export function titleOf(channel, me) {
  if (channel.name && channel.type !== 'mpim') return channel.name;
  const others = channel.members.filter((id) => id !== me).map((id) => names.user(id) ?? id);
  return others.join(', ') || 'you';
}
