// The workspace as the server shows it, kept current by its feed. Nothing is polled: after a break in the feed
// the whole state is fetched once, and what the feed said meanwhile is applied after it.

/** Newest messages of each channel that are fetched at first, and the older ones at a time. */
const FIRST = 300;
const MORE = 200;
/** After the feed was refused. */
const AGAIN_MS = 1000;
/** Places (messages, views) whose choices are kept. */
const PLACES_MAX = 500;

export const store = {
  ready: false,
  online: false,
  version: 0,          // grows when names or people changed: all is drawn anew
  app: null,
  users: [],
  channels: new Map(), // id → {id, name, type, members, messages: Map ts → message, has_more, …}
  ephemerals: [],      // {channel, user, message}
  views: [],           // {user, view}, the last of a user is on top
  homes: new Map(),    // user → view
  statuses: new Map(), // "C…:ts" → {status, loading_messages, session, stoppable}
  prompts: new Map(),  // "C…:ts" or "C…:" → {title, prompts}
  titles: new Map(),   // "C…:ts" → text
  sockets: new Map(),  // id → state
  viewErrors: new Map(), // view id → {block_id: text}
  problems: [],        // newest last
  inFlight: 0,         // interactions of this page that wait for the app
};

const listeners = new Set();
/** `fn(event, data)` after the store has taken it in. */
export function subscribe(fn) {
  listeners.add(fn);
}
export const tell = (event, data) => listeners.forEach((fn) => fn(event, data));

/** POST to /_local/…; a refusal is told as a notice, and comes back as {ok: false, error}. */
export async function post(path, body) {
  try {
    const response = await fetch(`/_local/${path}`, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    const answer = await response.json();
    if (!response.ok) tell('notice', answer.error ?? `localslack refused this (${response.status}).`);
    return answer;
  } catch (error) {
    tell('notice', 'localslack does not answer.');
    return { ok: false, error: error.message };
  }
}

/** The same for what the app has to acknowledge: {acked, error?, …}. */
export async function interact(path, body) {
  store.inFlight++;
  try {
    return await post(path, body);
  } finally {
    store.inFlight--;
  }
}

/** GET of /_local/…; null when the server has no such address. */
export async function get(path) {
  const response = await fetch(`/_local/${path}`);
  return response.ok ? response.json() : null;
}

/** Uploads a file of `user`; its id, or null after a notice. */
export async function upload(user, file) {
  const made = await post('files', { user, name: file.name || 'file', length: file.size, mimetype: file.type || undefined });
  if (!made.ok) return null;
  const response = await fetch(made.upload_url, { method: 'POST', headers: { 'content-type': 'application/octet-stream' }, body: file });
  if (response.ok) return made.id;
  tell('notice', `${file.name} could not be uploaded.`);
  return null;
}

// --- choices in blocks ---

const inputs = new Map(); // place → {block_id: {action_id: choice}}, without prototypes: the ids are the app's
const bare = () => Object.create(null);

export const choicesOf = (place) => inputs.get(place) ?? bare();
export const choiceOf = (place, block, action) => inputs.get(place)?.[block]?.[action];

export function keepChoice(place, block, action, choice) {
  if (!inputs.has(place)) {
    if (inputs.size >= PLACES_MAX) inputs.delete(inputs.keys().next().value);
    inputs.set(place, bare());
  }
  const blocks = inputs.get(place);
  (blocks[block] ??= bare())[action] = choice === '' ? null : choice;
}

export const forgetChoices = (place) => inputs.delete(place);

// --- messages ---

/** Keeps the map in the order of time; nearly always the message is the newest. */
function put(channel, message) {
  const { messages } = channel;
  const last = channel.last;
  const isNew = !messages.has(message.ts);
  messages.set(message.ts, message);
  if (isNew && last && message.ts < last) sort(channel);
  else if (!last || message.ts > last) channel.last = message.ts;
}

function sort(channel) {
  const all = [...channel.messages.values()].sort((a, b) => (a.ts < b.ts ? -1 : 1));
  channel.messages = new Map(all.map((m) => [m.ts, m]));
  channel.last = all.at(-1)?.ts;
}

/** Adds what is older in the channel itself (threads are loaded when they are opened); false when there is nothing older. */
export async function loadEarlier(channel) {
  if (!channel.has_more || channel.loading) return false;
  channel.loading = true;
  const before = channel.oldest ?? channel.messages.keys().next().value;
  const answer = await get(`history?channel=${channel.id}&in_channel=true&limit=${MORE}${before ? `&before=${before}` : ''}`);
  channel.loading = false;
  channel.has_more = Boolean(answer?.has_more);
  if (!answer?.messages.length) return false;
  channel.oldest = answer.messages[0].ts;
  for (const m of answer.messages) if (!channel.messages.has(m.ts)) channel.messages.set(m.ts, m);
  sort(channel);
  return true;
}

/** The whole of one thread, which may be older than what we have. */
export async function loadThread(channel, ts) {
  const answer = await get(`messages?channel=${channel.id}&thread_ts=${encodeURIComponent(ts)}`);
  if (!answer?.messages.length) return;
  for (const m of answer.messages) channel.messages.set(m.ts, m);
  sort(channel);
  tell('message', { channel: channel.id, message: answer.messages[0] });
}

// --- the feed ---

const keyOf = (o) => `${o.channel}:${o.thread_ts ?? ''}`;
const channelOf = (data) => store.channels.get(data.channel);
const take = (data) => {
  const channel = channelOf(data);
  if (channel) put(channel, data.message);
};

const handlers = {
  message: take,
  update: take,
  reaction: take,
  delete(data) {
    const channel = channelOf(data);
    if (channel?.messages.delete(data.ts) && channel.last === data.ts) channel.last = [...channel.messages.keys()].at(-1);
    store.ephemerals = store.ephemerals.filter((e) => e.channel !== data.channel || e.message.ts !== data.ts);
  },
  ephemeral(data) {
    store.ephemerals = [...store.ephemerals.filter((e) => e.message.ts !== data.message.ts), data];
  },
  view(data) {
    if (data.is_home || data.view.type === 'home') {
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
    const key = keyOf(data);
    if (data.status || data.session === 'processing') store.statuses.set(key, data);
    else store.statuses.delete(key);
    if (data.title) store.titles.set(key, data.title);
  },
  prompts(data) {
    // What a person says afterwards takes them away.
    if (data.prompts?.length) store.prompts.set(keyOf(data), { ...data, since: channelOf(data)?.last });
    else store.prompts.delete(keyOf(data));
  },
  title(data) {
    store.titles.set(keyOf(data), data.title);
  },
  socket(data) {
    if (data.state === 'gone') store.sockets.delete(data.id);
    else store.sockets.set(data.id, data.state);
  },
  call() {},
  envelope() {},
  faults() {},
  failure() {},
  problem(data) {
    store.problems = [...store.problems, data].slice(-500);
  },
};

function takeState(state) {
  const before = store.channels;
  store.app = state.app;
  store.users = state.users;
  store.channels = new Map(state.channels.map((c) => {
    const messages = new Map(c.messages.map((m) => [m.ts, m]));
    // What was scrolled back to stays, unless the workspace is a new one.
    const old = before.get(c.id);
    const oldest = c.messages[0]?.ts;
    const kept = old && oldest && messages.size && [...old.messages.keys()].some((ts) => messages.has(ts)) ? [...old.messages.values()].filter((m) => m.ts < oldest) : [];
    return [c.id, { ...c, messages: new Map([...kept.map((m) => [m.ts, m]), ...messages]), last: c.messages.at(-1)?.ts,
      oldest: kept.length ? old.oldest : oldest, has_more: kept.length ? old.has_more : (c.n_messages ?? 0) > c.messages.length }];
  }));
  store.ephemerals = state.ephemerals;
  store.views = state.views;
  store.homes = new Map(state.homes.map((v) => [v.user, v.view]));
  store.prompts = new Map((state.prompts ?? []).map((p) => [keyOf(p), p]));
  store.titles = new Map((state.titles ?? []).map((t) => [keyOf(t), t.title]));
  store.statuses = new Map();
  state.statuses.forEach(handlers.status);
  store.sockets = new Map(state.sockets.map((s) => [s.id, s.state]));
}

let loading = null; // events of the feed while a state is on its way
let again = false;

/** Fetches the state; a second wish during a fetch is fulfilled after it. */
export async function load() {
  if (loading) {
    again = true;
    return;
  }
  loading = [];
  try {
    const state = await get(`state?limit=${FIRST}`);
    if (state) takeState(state);
  } catch {
    again = false; // the feed breaks as well, and its return loads
    loading = null;
    return;
  }
  const missed = loading;
  loading = null;
  for (const [name, data] of missed) handlers[name](data);
  store.version++;
  store.ready = true;
  tell('all');
  if (again) {
    again = false;
    void load();
  }
}

function onEvent(name, data) {
  if (loading) {
    loading.push([name, data]);
    return;
  }
  handlers[name](data);
  tell(name, data);
}

/** Follows the feed for ever. */
export function follow() {
  const source = new EventSource('/_local/events');
  source.addEventListener('ready', () => {
    store.online = true;
    void load();
  });
  source.addEventListener('error', (e) => {
    if (e.data !== undefined) return; // an event that is called so, not the connection
    store.online = false;
    tell('online');
    // The browser tries again after a break, but not after a refusal.
    if (source.readyState === EventSource.CLOSED) setTimeout(follow, AGAIN_MS);
  });
  for (const name of Object.keys(handlers)) source.addEventListener(name, (e) => onEvent(name, JSON.parse(e.data)));
  for (const name of ['channel', 'user', 'reset']) {
    source.addEventListener(name, () => {
      tell(name);
      void load();
    });
  }
}

// --- names ---

export const userOf = (id) => store.users.find((u) => u.id === id);

export const names = {
  me: null,
  user: (id) => userOf(id)?.real_name,
  userName: (id) => userOf(id)?.name,
  channel: (id) => store.channels.get(id)?.name,
};

export const isDirect = (channel) => channel.type === 'im' || channel.type === 'mpim';

/** What `me` would call a channel; direct messages go by the other side. */
export function titleOf(channel, me) {
  if (channel.name && !isDirect(channel)) return channel.name;
  const others = channel.members.filter((id) => id !== me).map((id) => names.user(id) ?? id);
  return others.join(', ') || `${names.user(me) ?? me} (you)`;
}

export const otherOf = (channel, me) => channel.members.find((id) => id !== me) ?? me;

/** Of the channel itself, or shown in it as well. */
export const inChannel = (m) => !m.thread_ts || m.thread_ts === m.ts || m.subtype === 'thread_broadcast';
