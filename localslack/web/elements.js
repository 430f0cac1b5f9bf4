// Block Kit's elements. What they need from around them comes in as `env`:
//   key                           the place, e.g. "msg:C1:1700000000.000100" or "view:V1"
//   place                         {channel, ts} or {view_id}, as the server's addresses want it
//   names, users, channels, me, conversation
//   get(block_id, action_id)      what the person has chosen so far; undefined = the initial value
//   set(block_id, action_id, choice)
//   act(block, element, choice)   a click; a promise of the report {acked, error?}
//   errors {block_id: text}       of a modal

import { h, ownPath, safeUrl } from './dom.js';
import { hasIcon, icon } from './icons.js';
import { fileInput, pickerInput, richInput, textInput } from './inputs.js';
import { markable, press } from './pending.js';
import { ask, openMenu } from './popover.js';
import { initialSelection, multiSelect, select } from './select.js';
import { mrkdwn, withEmoji } from './text.js';

export function textObject(text, env) {
  if (!text) return [];
  if (typeof text === 'string') return withEmoji(text);
  if (text.type === 'mrkdwn') return mrkdwn(text.text, env.names);
  return text.emoji === false ? [String(text.text ?? '')] : withEmoji(text.text);
}

export const plain = (text) => String(text?.text ?? '');

/** In `actions` and `section` (and dispatching inputs) a choice is a click as well. */
export const isClick = (block) => block.type !== 'input' || Boolean(block.dispatch_action);

/** Asks first when the app wants that. */
function confirmed(el, env, yes) {
  if (!el.confirm) {
    yes();
    return;
  }
  ask({ title: textObject(el.confirm.title, env), text: textObject(el.confirm.text, env), confirm: plain(el.confirm.confirm) || 'Yes',
    deny: plain(el.confirm.deny) || 'Cancel', danger: el.confirm.style === 'danger', yes });
}

function button(block, el, env) {
  const style = el.style === 'primary' ? 'btn-primary' : el.style === 'danger' ? 'btn-danger' : '';
  const url = safeUrl(el.url);
  const control = h('button', {
    class: `btn ${style}`, type: 'button', 'aria-label': el.accessibility_label, title: url ?? undefined, dataset: { action: el.action_id },
    onclick: () => confirmed(el, env, () => {
      if (url) window.open(url, '_blank', 'noopener,noreferrer');
      void press(env, block, el, el.value);
    }),
  }, h('span', { class: 'btn-label' }, textObject(el.text, env)), url ? icon('external') : null);
  return markable(env, block, el, '', control);
}

function oneSelect(block, el, env) {
  const kept = () => env.get(block.block_id, el.action_id);
  return select(block, el, env, {
    chosen: () => (kept() === undefined ? initialSelection(el, env) : kept()),
    confirmed: (yes) => confirmed(el, env, yes),
    commit: (choice) => {
      env.set(block.block_id, el.action_id, choice);
      if (isClick(block)) void press(env, block, el, choice);
    },
  });
}

function manySelect(block, el, env) {
  const kept = () => env.get(block.block_id, el.action_id);
  return multiSelect(block, el, env, {
    chosen: () => (kept() === undefined ? initialSelection(el, env) : kept()),
    keep: (choice) => env.set(block.block_id, el.action_id, choice), isClick: isClick(block),
  });
}

function boxes(block, el, env, type) {
  const many = type === 'checkbox';
  const kept = env.get(block.block_id, el.action_id);
  const now = kept === undefined ? (many ? (el.initial_options ?? []).map((o) => o.value) : el.initial_option?.value) : kept;
  const group = h('span', { class: 'boxes', role: many ? 'group' : 'radiogroup', 'aria-label': plain(block.label) || undefined, dataset: { action: el.action_id } });
  const change = () => confirmed(el, env, () => {
    const values = [...group.querySelectorAll('input')].filter((i) => i.checked).map((i) => i.value);
    const choice = many ? values : (values[0] ?? null);
    env.set(block.block_id, el.action_id, choice);
    if (isClick(block)) void press(env, block, el, choice);
  });
  group.append(...(el.options ?? []).map((o) => h('label', { class: 'box' },
    h('input', { type, name: `${env.key}:${block.block_id}:${el.action_id}`, value: o.value, checked: many ? (now ?? []).includes(o.value) : now === o.value, onchange: change }),
    h('span', null, textObject(o.text, env), o.description ? h('span', { class: 'muted box-note' }, textObject(o.description, env)) : null))));
  return markable(env, block, el, '', group);
}

function overflow(block, el, env) {
  const control = h('button', {
    class: 'btn btn-icon', type: 'button', 'aria-label': 'More actions', 'aria-haspopup': 'menu', 'aria-expanded': 'false', dataset: { action: el.action_id },
    onclick: () => openMenu(control, (el.options ?? []).map((o) => ({
      label: textObject(o.text, env), note: o.description ? plain(o.description) : null,
      run: () => confirmed(el, env, () => {
        if (safeUrl(o.url)) window.open(o.url, '_blank', 'noopener,noreferrer');
        void press(env, block, el, o.value);
      }),
    })), { align: 'end' }),
  }, icon('more'));
  return markable(env, block, el, '', control);
}

function feedback(block, el, env) {
  const one = (name, sign) => {
    const side = el[name];
    if (!side) return null;
    const isPressed = env.get(block.block_id, el.action_id) === side.value;
    const control = h('button', {
      class: `btn btn-quiet ${isPressed ? 'pressed' : ''}`, type: 'button', title: plain(side.text), 'aria-label': side.accessibility_label ?? plain(side.text),
      'aria-pressed': String(isPressed), dataset: { action: `${el.action_id}/${name}` },
      onclick: () => {
        env.set(block.block_id, el.action_id, side.value);
        for (const other of control.closest('.feedback').querySelectorAll('button')) {
          other.classList.toggle('pressed', other === control);
          other.setAttribute('aria-pressed', String(other === control));
        }
        void press(env, block, el, side.value, name);
      },
    }, icon(sign));
    return markable(env, block, el, name, control);
  };
  return h('span', { class: 'feedback' }, one('positive_button', 'thumbup'), one('negative_button', 'thumbdown'));
}

function iconButton(block, el, env) {
  if (el.visible_to_user_ids && !el.visible_to_user_ids.includes(env.me)) return null;
  const label = plain(el.text) || el.icon;
  return markable(env, block, el, '', h('button', {
    class: 'btn btn-quiet', type: 'button', title: label, 'aria-label': el.accessibility_label ?? label, dataset: { action: el.action_id },
    onclick: () => confirmed(el, env, () => void press(env, block, el, el.value)) }, icon(hasIcon(el.icon) ? el.icon : 'star')));
}

/** Only our own images are loaded (the page reaches out to nobody); others show as what they say. */
export function image(el, kind) {
  const url = String(el.image_url ?? el.slack_file?.url ?? '');
  const alt = String(el.alt_text ?? '');
  const own = /^data:image\/(png|jpeg|gif|webp);/.test(url) ? url : ownPath(url) ?? (el.slack_file?.id ? `/files-pri/T0LOCAL-${encodeURIComponent(el.slack_file.id)}/image` : null);
  if (own) return h('img', { class: `image image-${kind}`, src: own, alt, title: alt, loading: 'lazy' });
  return h('span', { class: `image image-${kind} image-blank`, title: `${alt}\n${url}`, role: 'img', 'aria-label': alt || 'image' }, icon('image'),
    kind === 'large' ? h('span', null, alt || 'Image', safeUrl(url) ? h('a', { href: url, target: '_blank', rel: 'noopener noreferrer' }, new URL(url).host) : null) : null);
}

const unknown = (type) => h('span', { class: 'unknown' }, `This page does not show “${type}” yet.`);

const ELEMENTS = {
  button, overflow, checkboxes: (b, el, env) => boxes(b, el, env, 'checkbox'), radio_buttons: (b, el, env) => boxes(b, el, env, 'radio'),
  workflow_button: (b, el, env) => button(b, { ...el, url: undefined }, env),
  datepicker: pickerInput, timepicker: pickerInput, datetimepicker: pickerInput,
  plain_text_input: textInput, number_input: textInput, email_text_input: textInput, url_text_input: textInput,
  rich_text_input: richInput, file_input: fileInput, feedback_buttons: feedback, icon_button: iconButton,
  image: (b, el) => image(el, 'thumb'),
};

export function element(block, el, env) {
  const type = String(el?.type);
  if (Object.hasOwn(ELEMENTS, type)) return ELEMENTS[type](block, el, env);
  if (/^multi_(static|external|users|conversations|channels)_select$/.test(type)) return manySelect(block, el, env);
  if (/^(static|external|users|conversations|channels)_select$/.test(type)) return oneSelect(block, el, env);
  return unknown(type);
}
