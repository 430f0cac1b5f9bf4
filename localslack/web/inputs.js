// Elements that take text, dates and files.

import { clear, h, sizeOf } from './dom.js';
import { icon } from './icons.js';
import { markable, press } from './pending.js';
import { upload } from './store.js';
import { marksFromRich, richFromMarks } from './text.js';

const plain = (text) => String(text?.text ?? '');
const isClick = (block) => block.type !== 'input' || Boolean(block.dispatch_action);
const labelOf = (block, el) => plain(block.label) || plain(el.placeholder) || el.action_id;
const CHARACTER_WAIT_MS = 400;

const TYPES = { plain_text_input: 'text', number_input: 'text', email_text_input: 'email', url_text_input: 'url' };

export function textInput(block, el, env) {
  const kept = env.get(block.block_id, el.action_id);
  const on = el.dispatch_action_config?.trigger_actions_on ?? ['on_enter_pressed'];
  let timer = null;
  const field = h(el.multiline ? 'textarea' : 'input', {
    class: 'input', type: el.multiline ? undefined : TYPES[el.type], rows: el.multiline ? 4 : undefined,
    inputmode: el.type === 'number_input' ? (el.is_decimal_allowed ? 'decimal' : 'numeric') : undefined,
    value: (kept === undefined ? el.initial_value : kept) ?? '', placeholder: plain(el.placeholder), maxlength: el.max_length,
    autofocus: el.focus_on_load, autocomplete: 'off', dataset: { action: el.action_id }, 'aria-label': labelOf(block, el),
    'aria-invalid': env.errors?.[block.block_id] ? 'true' : undefined,
    oninput: () => {
      env.set(block.block_id, el.action_id, field.value);
      if (!isClick(block) || !on.includes('on_character_entered')) return;
      clearTimeout(timer);
      timer = setTimeout(() => void press(env, block, el, field.value), CHARACTER_WAIT_MS);
    },
    onkeydown: (e) => {
      if (e.key !== 'Enter' || e.isComposing || el.multiline || !isClick(block) || !on.includes('on_enter_pressed')) return;
      e.preventDefault();
      void press(env, block, el, field.value);
    },
  });
  const counter = el.max_length ? h('span', { class: 'muted counter' }) : null;
  if (counter) {
    const count = () => clear(counter, `${field.value.length}/${el.max_length}`);
    field.addEventListener('input', count);
    count();
  }
  return markable(env, block, el, '', h('span', { class: 'field' }, field, counter), 'elem-wide');
}

const pad = (n) => String(n).padStart(2, '0');
const localTime = (seconds) => {
  const d = new Date(seconds * 1000);
  return `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())}T${pad(d.getHours())}:${pad(d.getMinutes())}`;
};

/** A date as text, a time as text, a moment as seconds since the epoch. */
export function pickerInput(block, el, env) {
  const type = { datepicker: 'date', timepicker: 'time', datetimepicker: 'datetime-local' }[el.type];
  const kept = env.get(block.block_id, el.action_id);
  const initial = el.initial_date ?? el.initial_time ?? el.initial_date_time ?? null;
  const now = kept === undefined ? initial : kept;
  const field = h('input', {
    class: 'input input-short', type, value: type === 'datetime-local' && now ? localTime(now) : (now ?? ''), 'aria-label': labelOf(block, el),
    title: plain(el.placeholder) || undefined, dataset: { action: el.action_id },
    onchange: () => {
      const seconds = Math.floor(new Date(field.value).getTime() / 1000);
      const choice = type !== 'datetime-local' ? field.value || null : Number.isNaN(seconds) ? null : seconds;
      env.set(block.block_id, el.action_id, choice);
      if (isClick(block)) void press(env, block, el, choice);
    },
  });
  return markable(env, block, el, '', field);
}

// --- rich text: marks in a text field, sent as rich_text ---

/** Surrounds the selection (or begins its lines) with a mark. */
export function mark(field, before, after = before) {
  const { selectionStart: from, selectionEnd: to, value } = field;
  const inside = value.slice(from, to);
  field.setRangeText(`${before}${inside}${after}`, from, to, 'select');
  field.setSelectionRange(from + before.length, from + before.length + inside.length);
  field.dispatchEvent(new Event('input', { bubbles: true }));
  field.focus();
}

export function markLines(field, sign) {
  const { selectionStart: from, selectionEnd: to, value } = field;
  const start = value.lastIndexOf('\n', from - 1) + 1;
  const lines = value.slice(start, to).split('\n').map((l, i) => `${sign(i)}${l}`).join('\n');
  field.setRangeText(lines, start, to, 'end');
  field.dispatchEvent(new Event('input', { bubbles: true }));
  field.focus();
}

export function formatBar(field) {
  const tool = (label, sign, run) => h('button', { class: 'tool', type: 'button', title: label, 'aria-label': label, tabindex: '-1',
    onmousedown: (e) => e.preventDefault(), onclick: run }, sign);
  return h('span', { class: 'format-bar', role: 'toolbar', 'aria-label': 'Formatting' },
    tool('Bold', h('b', null, 'B'), () => mark(field, '*')), tool('Italic', h('i', null, 'I'), () => mark(field, '_')),
    tool('Strikethrough', h('s', null, 'S'), () => mark(field, '~')), tool('Code', icon('code'), () => mark(field, '`')),
    tool('Bulleted list', icon('list'), () => markLines(field, () => '- ')), tool('Quote', icon('quote'), () => markLines(field, () => '> ')));
}

export function richInput(block, el, env) {
  const kept = env.get(block.block_id, el.action_id);
  const initial = kept === undefined ? el.initial_value : kept?.rich_text_value;
  const field = h('textarea', { class: 'input', rows: Math.min(Math.max(el.min_lines ?? 4, 2), 20), value: marksFromRich(initial), placeholder: plain(el.placeholder),
    'aria-label': labelOf(block, el), dataset: { action: el.action_id },
    oninput: () => {
      const rich = richFromMarks(field.value);
      env.set(block.block_id, el.action_id, rich && { rich_text_value: rich });
    } });
  return markable(env, block, el, '', h('span', { class: 'rich-input' }, formatBar(field), field), 'elem-wide');
}

// --- files ---

export function fileInput(block, el, env) {
  const most = el.max_files ?? 10;
  const names = fileNames;
  const list = h('span', { class: 'chips' });
  const now = () => env.get(block.block_id, el.action_id) ?? [];
  const draw = () => clear(list, now().map((id) => h('span', { class: 'chip' }, icon('file'), h('span', { class: 'chip-label' }, names.get(id) ?? id), h('button', {
    class: 'chip-x', type: 'button', 'aria-label': `Remove ${names.get(id) ?? id}`, onclick: () => {
      env.set(block.block_id, el.action_id, now().filter((other) => other !== id));
      draw();
    } }, icon('close')))));
  const field = h('input', { type: 'file', class: 'visually-hidden', multiple: most > 1, accept: el.filetypes?.map((t) => `.${t}`).join(','),
    'aria-label': labelOf(block, el), dataset: { action: el.action_id },
    onchange: async () => {
      for (const file of [...field.files].slice(0, most - now().length)) {
        const id = await upload(env.me, file);
        if (!id) continue;
        names.set(id, `${file.name} · ${sizeOf(file.size)}`);
        env.set(block.block_id, el.action_id, [...now(), id]);
        draw();
      }
      field.value = '';
    } });
  draw();
  return markable(env, block, el, '', h('span', { class: 'file-input' }, list, h('label', { class: 'btn' }, field, icon('attach'), most > 1 ? `Add files (at most ${most})` : 'Add a file')), 'elem-wide');
}

const fileNames = new Map(); // id → name and size, of this page's uploads
