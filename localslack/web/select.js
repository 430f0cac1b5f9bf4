// Selects of one or many with search: a button that opens a list box under a text field.

import { avatar, clear, h } from './dom.js';
import { icon } from './icons.js';
import { markable, press } from './pending.js';
import { closePopover, openPopover } from './popover.js';
import { interact, isDirect, titleOf, userOf } from './store.js';
import { withEmoji } from './text.js';

const SHOWN_MAX = 100;
const SUGGEST_WAIT_MS = 250;
let n_lists = 0;

const plain = (text) => String(text?.text ?? '');
const labelled = (o) => ({ value: o.value, label: plain(o.text), description: o.description ? plain(o.description) : null, option: o });

const people = () => (env) => env.users.filter((u) => u.id !== 'USLACKBOT').map((u) => ({ value: u.id, label: u.real_name, description: `@${u.name}`, sign: avatar(u.real_name, { app: u.is_bot }) }));

const KINDS = { channel: 'public', group: 'private', im: 'im', mpim: 'mpim' };
const conversations = (el) => (env) => env.channels
  .filter((c) => (el.type.includes('channels') ? c.type === 'channel' : true))
  .filter((c) => !isDirect(c) || c.members.includes(env.me))
  .filter((c) => !el.filter?.include || el.filter.include.includes(KINDS[c.type]))
  .filter((c) => !(el.filter?.exclude_bot_users && c.type === 'im' && c.members.some((id) => userOf(id)?.is_bot)))
  .map((c) => ({ value: c.id, label: titleOf(c, env.me), sign: icon(c.type === 'group' ? 'lock' : isDirect(c) ? 'users' : 'hash') }));

/** (env) → groups [{label?, options}] for what is in the block or in the workspace; null for external ones. */
function sourceOf(el) {
  if (el.type.includes('external')) return null;
  if (el.type.includes('users')) return (env) => [{ options: people()(env) }];
  if (el.type.includes('channels') || el.type.includes('conversations')) return (env) => [{ options: conversations(el)(env) }];
  return () => (el.option_groups ? el.option_groups.map((g) => ({ label: plain(g.label), options: (g.options ?? []).map(labelled) }))
    : [{ options: (el.options ?? []).map(labelled) }]);
}

/** The initial choice in the form in which it is kept: values, and whole options of external selects. */
export function initialSelection(el, env) {
  const external = el.type.includes('external');
  const one = el.initial_option ? (external ? el.initial_option : el.initial_option.value) : undefined;
  const many = el.initial_options ? el.initial_options.map((o) => (external ? o : o.value)) : undefined;
  const here = el.default_to_current_conversation && env.conversation ? (el.type.startsWith('multi') ? [env.conversation] : env.conversation) : undefined;
  return one ?? many ?? el.initial_user ?? el.initial_users ?? el.initial_channel ?? el.initial_channels ??
    el.initial_conversation ?? el.initial_conversations ?? here ?? (el.type.startsWith('multi') ? [] : null);
}

async function suggest(env, block, el, value) {
  const report = await interact('suggest', { user: env.me, ...env.place, action_id: el.action_id, block_id: block.block_id, value });
  if (!report.options && !report.option_groups) return null;
  if (report.option_groups) return report.option_groups.map((g) => ({ label: plain(g.label), options: (g.options ?? []).map(labelled) }));
  return [{ options: (report.options ?? []).map(labelled) }];
}

/** The open list: `picked(item)` on a choice, `isChosen(item)` for the check marks. */
function openList(anchor, { title, source, many, isChosen, picked }) {
  const id = `list-${++n_lists}`;
  const box = h('div', { class: 'listbox', role: 'listbox', id, 'aria-label': title, 'aria-multiselectable': many ? 'true' : undefined });
  const field = h('input', { class: 'input listbox-search', type: 'text', placeholder: 'Search', role: 'combobox', 'aria-label': `Search ${title}`,
    'aria-expanded': 'true', 'aria-controls': id, 'aria-autocomplete': 'list', autocomplete: 'off', spellcheck: 'false' });
  let active = 0;
  let rows = [];
  let asked = 0;
  const mark = () => {
    rows.forEach((row, i) => row.el.classList.toggle('active', i === active));
    if (rows[active]) {
      field.setAttribute('aria-activedescendant', rows[active].el.id);
      rows[active].el.scrollIntoView({ block: 'nearest' });
    } else field.removeAttribute('aria-activedescendant');
  };
  const pick = (row) => {
    picked(row.item);
    if (!many) closePopover({ focus: true });
    else row.el.setAttribute('aria-selected', String(isChosen(row.item)));
  };
  const row = (item) => {
    const made = { item, el: h('div', { class: 'option', role: 'option', id: `${id}-${rows.length}`, 'aria-selected': String(isChosen(item)) },
      item.sign, h('span', { class: 'option-label' }, withEmoji(item.label), item.description ? h('span', { class: 'muted' }, item.description) : null), icon('check', 'option-check')) };
    made.el.addEventListener('click', () => pick(made));
    rows.push(made);
    return made.el;
  };
  const show = (groups) => {
    rows = [];
    let left = SHOWN_MAX;
    const out = groups.flatMap((g) => {
      const options = g.options.slice(0, left);
      left -= options.length;
      return options.length ? [g.label ? h('div', { class: 'option-group', role: 'presentation' }, g.label) : null, options.map(row)] : [];
    });
    clear(box, rows.length ? out : h('div', { class: 'listbox-empty' }, 'No results'));
    active = Math.max(0, rows.findIndex((r) => isChosen(r.item)));
    mark();
  };
  const refresh = async () => {
    const n = ++asked;
    const groups = await source(field.value.trim(), () => n === asked, (text) => clear(box, h('div', { class: 'listbox-empty' }, text)));
    if (groups && n === asked && box.isConnected) show(groups);
  };
  field.addEventListener('input', () => void refresh());
  field.addEventListener('keydown', (e) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (step && rows.length) {
      active = (active + step + rows.length) % rows.length;
      mark();
    } else if (e.key === 'Enter' && rows[active]) pick(rows[active]);
    else if (e.key === 'Tab') closePopover({ focus: true });
    else return;
    if (e.key !== 'Tab') e.preventDefault();
    e.stopPropagation();
  });
  const el = openPopover(anchor, [field, box], { className: 'listbox-popover', label: title });
  if (!el) return;
  void refresh();
  field.focus({ preventScroll: true });
}

function localSource(groupsOf, env) {
  return async (query) => {
    const q = query.toLowerCase();
    return groupsOf(env).map((g) => ({ ...g, options: g.options.filter((o) => o.label.toLowerCase().includes(q) || o.description?.toLowerCase().includes(q)) }));
  };
}

function externalSource(env, block, el) {
  const least = el.min_query_length ?? 3;
  return async (query, isLast, say) => {
    if (query.length < least) {
      say(least === 1 ? 'Type to search' : `Type at least ${least} characters`);
      return null;
    }
    say('Loading…');
    await new Promise((resolve) => setTimeout(resolve, SUGGEST_WAIT_MS));
    if (!isLast()) return null;
    const groups = await suggest(env, block, el, query);
    if (!groups && isLast()) say('The options could not be loaded.');
    return groups;
  };
}

const valueOf = (choice) => (typeof choice === 'object' && choice !== null ? choice.value : choice);

/** What a kept choice is called. */
function labelOf(choice, groupsOf, env) {
  if (typeof choice === 'object' && choice !== null) return plain(choice.text);
  for (const g of groupsOf?.(env) ?? []) for (const o of g.options) if (o.value === choice) return o.label;
  return String(choice);
}

/** One of many. `commit(choice)` keeps it and says whether it is a click. */
export function select(block, el, env, { chosen, commit, confirmed }) {
  const groupsOf = sourceOf(el);
  const title = plain(el.placeholder) || 'Select an item';
  const label = h('span', { class: 'select-label' });
  const draw = () => {
    const now = chosen();
    label.classList.toggle('muted', now === null || now === undefined);
    clear(label, now === null || now === undefined ? title : withEmoji(labelOf(now, groupsOf, env)));
  };
  const button = h('button', {
    class: 'select', type: 'button', 'aria-haspopup': 'listbox', 'aria-expanded': 'false', 'aria-label': title, dataset: { action: el.action_id },
    onclick: () => openList(button, {
      title, many: false, source: groupsOf ? localSource(groupsOf, env) : externalSource(env, block, el),
      isChosen: (item) => item.value === valueOf(chosen()),
      picked: (item) => confirmed(() => {
        commit(groupsOf ? item.value : item.option);
        draw();
      }),
    }),
  }, label, icon('down'));
  draw();
  return markable(env, block, el, '', button, 'elem-select');
}

/** Many of many: chips, and a list that stays open. A click is sent when the list closes. */
export function multiSelect(block, el, env, { chosen, keep, isClick }) {
  const groupsOf = sourceOf(el);
  const title = plain(el.placeholder) || 'Select items';
  const most = el.max_selected_items ?? Infinity;
  const chips = h('span', { class: 'chips' });
  let changed = false;
  const now = () => chosen() ?? [];
  const flush = () => {
    if (changed && isClick) void press(env, block, el, now());
    changed = false;
  };
  const toggle = (item) => {
    const rest = now().filter((c) => valueOf(c) !== item.value);
    const on = rest.length === now().length;
    if (on && rest.length >= most) return;
    keep(on ? [...rest, groupsOf ? item.value : item.option] : rest);
    changed = true;
    draw();
  };
  const chip = (c) => h('span', { class: 'chip' }, h('span', { class: 'chip-label' }, labelOf(c, groupsOf, env)), h('button', {
    class: 'chip-x', type: 'button', 'aria-label': `Remove ${labelOf(c, groupsOf, env)}`,
    onclick: () => {
      toggle({ value: valueOf(c) });
      flush();
    } }, icon('close')));
  const draw = () => clear(chips, now().map(chip));
  const button = h('button', {
    class: 'select', type: 'button', 'aria-haspopup': 'listbox', 'aria-expanded': 'false', 'aria-label': title, dataset: { action: el.action_id },
    onclick: () => openList(button, {
      title, many: true, source: groupsOf ? localSource(groupsOf, env) : externalSource(env, block, el),
      isChosen: (item) => now().some((c) => valueOf(c) === item.value), picked: toggle,
    }),
  }, h('span', { class: 'select-label muted' }, most < Infinity ? `${title} (at most ${most})` : title), icon('down'));
  // The popover has no event of its own: its anchor tells when it closed.
  new MutationObserver(() => button.getAttribute('aria-expanded') === 'false' && flush()).observe(button, { attributes: true, attributeFilter: ['aria-expanded'] });
  draw();
  return markable(env, block, el, '', h('span', { class: 'multi' }, chips, button), 'elem-select');
}
