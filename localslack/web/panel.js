// "Requests": what goes on between the app and this Slack, for its developer. Problems in plain words, the calls
// of the Web API, the envelopes and what became of them, the connection. A click shows the JSON.

import { arrange, clear, h } from './dom.js';
import { icon } from './icons.js';
import { get, post, store } from './store.js';

const ROWS_MAX = 300;
const WAIT_MS = 100;
const TABS = [['problems', 'Problems'], ['calls', 'Calls'], ['envelopes', 'Envelopes'], ['connection', 'Connection']];

const view = { open: false, tab: 'problems', filter: '', onlyErrors: false, seen: 0 }; // seen: number of the last problem that was shown
const data = { calls: [], outcomes: [], frames: [], problems: [], faults: [], loadedProblems: false };
let el = null;
let timer = null;
let before = null; // the element that had the focus when the panel was opened

const clock = (ms) => new Date(ms).toLocaleTimeString('en-GB', { hour12: false });

/** Newer records than those we have; the records are numbered. */
async function fetchNewer(address, list) {
  const since = list.at(-1)?.n ?? 0;
  const answer = await get(`${address}?limit=${ROWS_MAX}&since=${since}`);
  const rows = Array.isArray(answer) ? answer : (answer?.[address] ?? []);
  return [...list, ...rows.filter((r) => !(r.n <= since))].slice(-ROWS_MAX);
}

/** Those from before the page was there; what the feed said meanwhile comes after them. */
async function fetchProblems() {
  data.loadedProblems = true;
  const answer = await get(`problems?limit=${ROWS_MAX}`);
  const rows = Array.isArray(answer) ? answer : (answer?.problems ?? []);
  const last = rows.at(-1)?.n ?? 0;
  store.problems = [...rows, ...store.problems.filter((p) => p.n > last)];
  draw();
  drawButton();
}

async function refresh() {
  timer = null;
  if (!view.open) return;
  if (view.tab === 'calls') data.calls = await fetchNewer('calls', data.calls);
  if (view.tab === 'envelopes') {
    data.outcomes = await fetchNewer('outcomes', data.outcomes);
    data.frames = await fetchNewer('frames', data.frames);
  }
  if (view.tab === 'connection') data.faults = (await get('faults'))?.faults ?? [];
  draw();
}

const soon = () => {
  if (view.open && timer === null) timer = setTimeout(() => void refresh(), WAIT_MS);
};

/** What the feed said; many of one moment are fetched together. */
export function onFeed(event) {
  if (event === 'reset') Object.assign(data, { calls: [], outcomes: [], frames: [], loadedProblems: false });
  // After a break of the feed some may have been missed.
  if (event === 'online') data.loadedProblems = false;
  if (event === 'all' && !data.loadedProblems) void fetchProblems();
  if (['call', 'envelope', 'socket', 'faults', 'problem', 'all', 'reset'].includes(event)) {
    soon();
    drawButton();
  }
}

// --- rows ---

const shownRow = new Set(); // keys of the rows whose JSON is shown
const rowNodes = new Map(); // key → {source, open, el}

/** A row is drawn once; a click opens what is behind it. */
function row(key, source, cells, details, className = '') {
  const known = rowNodes.get(key);
  const open = shownRow.has(key);
  if (known?.source === source && known.open === open) return known.el;
  const made = h('div', { class: `req ${className} ${open ? 'open' : ''}` },
    h('button', { class: 'req-row', type: 'button', 'aria-expanded': String(open), dataset: { action: key }, onclick: () => {
      if (!shownRow.delete(key)) shownRow.add(key);
      draw();
      el.querySelector(`[data-action="${CSS.escape(key)}"]`)?.focus();
    } }, cells), open ? h('div', { class: 'req-details' }, details()) : null);
  rowNodes.set(key, { source, open, el: made });
  return made;
}

const json = (title, value) => (value === undefined || value === null ? null : h('div', { class: 'json' }, h('div', { class: 'json-title' }, title,
  h('button', { class: 'tool', type: 'button', title: 'Copy', 'aria-label': `Copy ${title}`, onclick: () => void navigator.clipboard?.writeText(JSON.stringify(value, null, 2)) }, icon('copy'))),
h('pre', null, JSON.stringify(value, null, 2))));

const problemTitle = (p) => String(p.title ?? p.what ?? p.text ?? p.error ?? 'Something went wrong.');

function problemRow(p, i) {
  return row(`problem ${p.n ?? i}`, p, [h('span', { class: 'req-time' }, p.at_ms ? clock(p.at_ms) : ''), icon('warning', 'bad'), h('span', { class: 'req-main' }, h('span', null, problemTitle(p)),
    p.where ? h('code', null, String(p.where)) : null)],
  () => [p.where ? h('p', null, h('strong', null, 'Where: '), String(p.where)) : null, p.fix ? h('p', null, h('strong', null, 'What to do: '), String(p.fix)) : null,
    p.reference ? h('p', { class: 'muted' }, String(p.reference)) : null, json('As recorded', p)]);
}

const errorOf = (c) => (c.response?.ok === false ? String(c.response.error ?? 'error') : c.status >= 400 ? `HTTP ${c.status}` : null);

function callRow(c) {
  const error = errorOf(c);
  const what = c.args?.channel ?? c.args?.channel_id ?? c.args?.user ?? c.args?.view_id ?? '';
  return row(`call ${c.n}`, c, [h('span', { class: 'req-time' }, clock(c.at_ms)), icon(error ? 'error' : 'check', error ? 'bad' : 'good'), h('span', { class: 'req-main' }, h('code', null, c.method),
    h('span', { class: 'muted' }, String(what))), error ? h('span', { class: 'req-error' }, error) : null, c.fault ? h('span', { class: 'badge' }, 'FAULT') : null,
  Number.isFinite(c.ms) ? h('span', { class: 'muted' }, `${c.ms} ms`) : null],
  () => [json('Arguments', c.args), json('Answer', c.response)], error ? 'is-bad' : '');
}

const OUTCOMES = { acked: 'acknowledged', timeout: 'not acknowledged in time', no_socket: 'no socket was connected', lost: 'given up after all tries', socket_closed: 'the socket closed before the acknowledgement' };

const parsed = (text) => {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
};

function envelopeRow(o) {
  const body = parsed(o.text ?? '{}');
  const isBad = o.outcome !== 'acked' && o.outcome !== 'sent';
  return row(`outcome ${o.n}`, o, [h('span', { class: 'req-time' }, clock(o.at_ms)), icon(isBad ? 'error' : 'check', isBad ? 'bad' : 'good'), h('span', { class: 'req-main' }, h('code', null, String(body.type ?? 'envelope')),
    h('span', { class: 'muted' }, String(body.event_id ?? ''))), h('span', { class: isBad ? 'req-error' : 'muted' }, OUTCOMES[o.outcome] ?? String(o.outcome)), body.attempt ? h('span', { class: 'badge' }, `RETRY ${body.attempt}`) : null],
  () => {
    const frames = data.frames.filter((f) => body.envelope_id && f.text?.includes(body.envelope_id));
    return [json('Outcome', body), frames.map((f) => json(f.direction === 'in' ? 'From the app' : 'To the app', parsed(f.text)))];
  }, isBad ? 'is-bad' : '');
}

const targetOf = (f) => (f.envelope === undefined ? (f.method === '*' ? 'any method' : f.method) : f.envelope === '*' ? 'any envelope' : `envelope ${f.envelope}`);
const rangeOf = (f) => (f.delay_max_ms ? `${f.delay_ms ?? 0} to ${f.delay_max_ms}` : f.delay_ms);

function faultText(f) {
  const what = f.error ?? f.status ?? (f.retry_after_s === undefined ? null : `${f.retry_after_s} s`);
  return [what === null ? f.action : `${f.action} (${what})`, f.delay_ms || f.delay_max_ms ? `${rangeOf(f)} ms` : null, f.times > 1 ? `${f.times} times` : null,
    f.for_ms ? `for ${Math.ceil(f.for_ms / 1000)} s` : null, f.probability === undefined ? null : `${Math.round(f.probability * 100)} %`].filter(Boolean).join(', ');
}

function connectionRows() {
  const sockets = [...store.sockets];
  const act = (label, action, id) => h('button', { class: 'btn btn-small', type: 'button', onclick: () => void post('sockets', { action, which: id }) }, label);
  return [h('div', { class: 'facts' },
    h('p', null, h('strong', null, 'Socket Mode: '), sockets.length ? `${sockets.length} ${sockets.length === 1 ? 'socket' : 'sockets'}` : `${store.app.name} is not connected. Start it with:`),
    sockets.length ? null : h('pre', null, `SLACK_API_URL=${location.origin}/api/\nSLACK_BOT_TOKEN=xoxb-local\nSLACK_APP_TOKEN=xapp-1-local`),
    sockets.map(([id, state]) => h('div', { class: 'fact' }, h('span', { class: `dot ${state === 'live' ? 'on' : 'off'}` }), h('span', null, `Socket ${id}: ${state}`), h('span', { class: 'grow' }), act('Warn', 'warning', id), act('Cut', 'kill', id))),
    h('p', null, h('strong', null, 'Faults: '), data.faults.length ? `${data.faults.length} active` : 'none active'),
    data.faults.map((f) => h('div', { class: 'fact' }, icon('bolt'), h('code', null, targetOf(f)), h('span', null, faultText(f)))),
    data.faults.length ? h('button', { class: 'btn btn-small', type: 'button', onclick: async () => {
      await post('faults', []);
      soon();
    } }, 'Clear all faults') : null)];
}

function rows() {
  const q = view.filter.toLowerCase();
  const matches = (r) => !q || JSON.stringify(r).toLowerCase().includes(q);
  const newest = (list, make) => list.filter(matches).slice(-ROWS_MAX).reverse().map(make);
  switch (view.tab) {
    case 'problems': return newest(store.problems, problemRow);
    case 'calls': return newest(data.calls.filter((c) => !view.onlyErrors || errorOf(c)), callRow);
    case 'envelopes': return newest(data.outcomes.filter((o) => !view.onlyErrors || o.outcome !== 'acked'), envelopeRow);
    default: return connectionRows();
  }
}

const EMPTY = {
  problems: 'No problems so far. What an app sends wrongly is explained here.',
  calls: 'No calls of the Web API yet.', envelopes: 'No envelopes yet.', connection: '',
};

function draw() {
  if (!view.open || !el) return;
  for (const tab of el.querySelectorAll('[role=tab]')) {
    const on = tab.dataset.tab === view.tab;
    tab.setAttribute('aria-selected', String(on));
    tab.tabIndex = on ? 0 : -1;
    if (tab.dataset.tab === 'problems') tab.querySelector('.count')?.replaceWith(count());
  }
  el.querySelector('.panel-filter').hidden = view.tab === 'connection';
  el.querySelector('.only').hidden = view.tab !== 'calls' && view.tab !== 'envelopes';
  const list = rows();
  arrange(el.querySelector('.panel-rows'), list.length ? list : [h('div', { class: 'empty' }, view.filter ? 'Nothing matches the filter.' : EMPTY[view.tab])]);
  if (rowNodes.size > 4 * ROWS_MAX) rowNodes.clear();
  if (view.tab === 'problems') view.seen = store.problems.at(-1)?.n ?? view.seen;
  drawButton();
}

const count = () => h('span', { class: 'count', hidden: store.problems.length === 0 }, String(store.problems.length));

function show(tab) {
  view.tab = tab;
  draw();
  void refresh();
}

function build() {
  const tab = ([id, title]) => h('button', { role: 'tab', type: 'button', dataset: { tab: id }, 'aria-controls': 'panel-rows', onclick: () => show(id), onkeydown: (e) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
    if (!step) return;
    const at = TABS.findIndex(([t]) => t === view.tab);
    show(TABS[(at + step + TABS.length) % TABS.length][0]);
    el.querySelector('[aria-selected=true]').focus();
  } }, title, id === 'problems' ? count() : null);
  clear(el, h('div', { class: 'panel-bar' }, h('h2', null, 'Requests'), h('div', { class: 'tabs', role: 'tablist', 'aria-label': 'Requests' }, TABS.map(tab)),
    h('label', { class: 'only' }, h('input', { type: 'checkbox', checked: view.onlyErrors, onchange: (e) => {
      view.onlyErrors = e.target.checked;
      draw();
    } }), 'Only failures'),
    h('span', { class: 'panel-filter' }, icon('search'), h('input', { class: 'input', type: 'search', placeholder: 'Filter', 'aria-label': 'Filter', value: view.filter, oninput: (e) => {
      view.filter = e.target.value;
      draw();
    } })),
    h('button', { class: 'btn-plain', type: 'button', 'aria-label': 'Close the requests panel', onclick: () => togglePanel(false) }, icon('close'))),
  h('div', { class: 'panel-rows', id: 'panel-rows', role: 'tabpanel' }));
}

/** Opens or closes it. What was in focus before gets the focus back. */
export function togglePanel(open = !view.open, tab = null) {
  el = document.getElementById('panel');
  const hadFocus = el.contains(document.activeElement);
  if (open && !view.open) before = document.activeElement;
  view.open = open;
  if (tab) view.tab = tab;
  document.body.classList.toggle('with-panel', open);
  el.hidden = !open;
  if (!open) {
    clear(el);
    rowNodes.clear();
    drawButton();
    if (hadFocus) (before?.isConnected && before !== document.body ? before : document.querySelector('#channel .composer textarea, #channel .panel-button'))?.focus({ preventScroll: true });
    before = null;
    return;
  }
  build();
  draw();
  el.querySelector('[aria-selected=true]').focus({ preventScroll: true });
  void refresh();
}

export const panelOpen = () => view.open;

/** The button of the title bar; it says how many problems nobody has looked at. */
export function panelButton() {
  const fresh = store.problems.filter((p) => p.n > view.seen).length;
  return h('button', { class: `btn-plain panel-button ${view.open ? 'pressed' : ''}`, type: 'button', title: 'Requests (Ctrl .)', 'aria-label': 'Requests', 'aria-pressed': String(view.open),
    onclick: () => togglePanel() }, icon('terminal'), fresh > 0 && !view.open ? h('span', { class: 'count' }, String(fresh)) : null);
}

function drawButton() {
  for (const old of document.querySelectorAll('.panel-button')) old.replaceWith(panelButton());
}
