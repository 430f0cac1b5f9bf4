// Block Kit as elements. What a block needs from around it comes in as `env`:
//   names {user, channel}, users, channels,
//   get(block_id, action_id)          what the person has chosen so far; undefined = the initial value
//   set(block_id, action_id, choice)  keeps it
//   act(block, element, choice)       a click; returns a promise
//   errors {block_id: text}           of a modal

import { h, link, safeUrl } from './dom.js';
import { emoji, markdown, mention, mrkdwn, withEmoji } from './text.js';

function textObject(text, env) {
  if (!text) return [];
  if (text.type === 'mrkdwn') return mrkdwn(text.text, env.names);
  return text.emoji === false ? [text.text] : withEmoji(text.text);
}

const plain = (text) => text?.text ?? '';

// --- choices ---

const optionsOf = (el) => el.options ?? (el.option_groups ?? []).flatMap((g) => g.options);

function initialChoice(el) {
  if (el.initial_options) return el.initial_options.map((o) => o.value);
  if (el.initial_option) return el.initial_option.value;
  return el.initial_value ?? el.initial_user ?? el.initial_users ?? el.initial_channel ?? el.initial_channels ??
    el.initial_conversation ?? el.initial_conversations ?? el.initial_date ?? el.initial_time ?? null;
}

function chosen(block, el, env) {
  const kept = env.get(block.block_id, el.action_id);
  return kept === undefined ? initialChoice(el) : kept;
}

/** Keeps the choice; in `actions` and `section` (and dispatching inputs) it is a click as well. */
function choose(block, el, env, choice) {
  env.set(block.block_id, el.action_id, choice);
  if (block.type !== 'input' || block.dispatch_action) void env.act(block, el, choice);
}

/** Asks first when the app wants that; `yes` runs after the person agreed. */
function confirmed(el, env, yes) {
  if (!el.confirm) {
    yes();
    return;
  }
  const dialog = h('dialog', { class: 'confirm', onclose: () => dialog.remove() },
    h('h2', null, textObject(el.confirm.title, env)),
    h('p', null, textObject(el.confirm.text, env)),
    h('div', { class: 'dialog-buttons' },
      h('button', { class: 'btn', onclick: () => dialog.close() }, plain(el.confirm.deny)),
      h('button', {
        class: `btn ${el.confirm.style === 'danger' ? 'btn-danger' : 'btn-primary'}`,
        onclick: () => {
          dialog.close();
          yes();
        },
      }, plain(el.confirm.confirm))));
  document.body.append(dialog);
  dialog.showModal();
}

// --- elements ---

function button(block, el, env) {
  const style = el.style === 'primary' ? 'btn-primary' : el.style === 'danger' ? 'btn-danger' : '';
  const out = h('button', {
    class: `btn ${style}`, type: 'button', title: el.accessibility_label, dataset: { action: el.action_id },
    onclick: () => confirmed(el, env, async () => {
      out.disabled = true;
      out.classList.add('busy');
      if (safeUrl(el.url)) window.open(el.url, '_blank', 'noopener');
      await env.act(block, el, el.value);
      out.disabled = false;
      out.classList.remove('busy');
    }),
  }, textObject(el.text, env), el.url ? ' ↗' : null);
  return out;
}

function select(block, el, env, options) {
  const now = chosen(block, el, env);
  const option = (o) => h('option', { value: o.value, selected: o.value === now }, plain(o.text));
  const groups = el.option_groups?.map((g) => h('optgroup', { label: plain(g.label) }, g.options.map(option)));
  return h('select', {
    class: 'select', 'aria-label': plain(el.placeholder) || el.action_id, dataset: { action: el.action_id },
    onchange: (e) => {
      const value = e.target.value;
      confirmed(el, env, () => choose(block, el, env, value));
    },
  }, h('option', { value: '', disabled: true, selected: !now }, plain(el.placeholder) || 'Select an item'),
  groups ?? options.map(option));
}

function boxes(block, el, env, type, options = el.options) {
  const many = type === 'checkbox';
  const now = chosen(block, el, env);
  const name = `${env.key}:${block.block_id}:${el.action_id}`;
  const change = (e) => {
    const inputs = [...e.target.closest('[data-action]').querySelectorAll('input')];
    const values = inputs.filter((i) => i.checked).map((i) => i.value);
    choose(block, el, env, many ? values : (values[0] ?? null));
  };
  return h('div', { class: 'boxes', dataset: { action: el.action_id } }, options.map((o) => h('label', { class: 'box' },
    h('input', { type, name, value: o.value, checked: many ? (now ?? []).includes(o.value) : now === o.value, onchange: change }),
    h('span', null, textObject(o.text, env), o.description ? h('span', { class: 'muted' }, textObject(o.description, env)) : null))));
}

/** Many of many: a list that opens. The count in its head follows the choice. */
function multiSelect(block, el, env, options) {
  const label = () => {
    const n = (chosen(block, el, env) ?? []).length;
    return n ? `${n} selected` : plain(el.placeholder) || 'Select items';
  };
  const summary = h('summary', { class: 'select' }, label());
  return h('details', { class: 'multi', onchange: () => summary.replaceChildren(label()) }, summary,
    boxes(block, el, env, 'checkbox', options));
}

function overflow(block, el, env) {
  const menu = h('details', { class: 'overflow' }, h('summary', { class: 'btn', 'aria-label': 'More' }, '⋯'),
    h('div', { class: 'menu' }, el.options.map((o) => h('button', {
      class: 'menu-item', type: 'button',
      onclick: () => {
        menu.open = false;
        confirmed(el, env, () => void env.act(block, el, o.value));
      },
    }, textObject(o.text, env)))));
  return menu;
}

function textInput(block, el, env, type) {
  const keep = (e) => env.set(block.block_id, el.action_id, e.target.value);
  return h(el.multiline ? 'textarea' : 'input', {
    class: 'input', type: el.multiline ? undefined : type, rows: el.multiline ? 4 : undefined,
    value: chosen(block, el, env) ?? '', placeholder: plain(el.placeholder), maxlength: el.max_length,
    dataset: { action: el.action_id }, 'aria-label': plain(block.label) || el.action_id, oninput: keep,
    onkeydown: (e) => {
      if (e.key !== 'Enter' || e.isComposing || el.multiline || (block.type === 'input' && !block.dispatch_action)) return;
      e.preventDefault();
      void env.act(block, el, e.target.value);
    },
  });
}

function dateInput(block, el, env, type) {
  return h('input', { class: 'input input-short', type, value: chosen(block, el, env) ?? '', dataset: { action: el.action_id },
    onchange: (e) => choose(block, el, env, e.target.value) });
}

function feedback(block, el, env) {
  return h('span', { class: 'feedback' }, [['positive_button', '👍'], ['negative_button', '👎']].map(([name, sign]) => h('button', {
    class: 'btn btn-icon', type: 'button', title: plain(el[name].text), onclick: () => void env.act(block, el, el[name].value),
  }, sign)));
}

const peopleOptions = (env) => env.users.map((u) => ({ value: u.id, text: { type: 'plain_text', text: u.real_name } }));
const channelOptions = (env) => env.channels.filter((c) => c.name).map((c) => ({ value: c.id, text: { type: 'plain_text', text: `#${c.name}` } }));

export function element(block, el, env) {
  switch (el.type) {
    case 'button': return button(block, el, env);
    case 'static_select': case 'external_select': return select(block, el, env, optionsOf(el));
    case 'users_select': return select(block, el, env, peopleOptions(env));
    case 'channels_select': case 'conversations_select': return select(block, el, env, channelOptions(env));
    case 'multi_static_select': case 'multi_external_select': return multiSelect(block, el, env, optionsOf(el));
    case 'multi_users_select': return multiSelect(block, el, env, peopleOptions(env));
    case 'multi_channels_select': case 'multi_conversations_select': return multiSelect(block, el, env, channelOptions(env));
    case 'checkboxes': return boxes(block, el, env, 'checkbox');
    case 'radio_buttons': return boxes(block, el, env, 'radio');
    case 'overflow': return overflow(block, el, env);
    case 'datepicker': return dateInput(block, el, env, 'date');
    case 'timepicker': return dateInput(block, el, env, 'time');
    case 'plain_text_input': return textInput(block, el, env, 'text');
    case 'number_input': return textInput(block, el, env, 'number');
    case 'email_text_input': return textInput(block, el, env, 'email');
    case 'url_text_input': return textInput(block, el, env, 'url');
    case 'image': return image(el, 'thumb');
    case 'feedback_buttons': return feedback(block, el, env);
    case 'icon_button': return h('button', { class: 'btn btn-icon', type: 'button', title: plain(el.text),
      onclick: () => void env.act(block, el, el.value) }, el.icon === 'trash' ? '🗑' : '•');
    default: return h('span', { class: 'unknown' }, el.type);
  }
}

/** Only our own images are loaded (the page may not reach out); others show as what they say. */
function image(el, kind) {
  const url = el.image_url ?? '';
  if (url.startsWith('data:image/') || url.startsWith(`${location.origin}/`)) {
    return h('img', { class: `image image-${kind}`, src: url, alt: el.alt_text ?? '' });
  }
  return h('span', { class: `image image-${kind} image-blank`, title: url }, kind === 'context' ? '▢' : `🖼 ${el.alt_text ?? ''}`);
}

// --- rich text ---

function styled(node, style) {
  let out = node;
  if (style?.code) out = h('code', null, out);
  if (style?.bold) out = h('strong', null, out);
  if (style?.italic) out = h('em', null, out);
  if (style?.strike) out = h('s', null, out);
  if (style?.underline) out = h('u', null, out);
  return out;
}

function richElement(el, env) {
  switch (el.type) {
    case 'text': return styled(document.createTextNode(el.text), el.style);
    case 'link': return styled(link(el.url, el.text || el.url), el.style);
    case 'user': return mention(`@${env.names.user(el.user_id) ?? el.user_id}`);
    case 'channel': return mention(`#${env.names.channel(el.channel_id) ?? el.channel_id}`);
    case 'usergroup': return mention(`@${el.usergroup_id}`);
    case 'broadcast': return mention(`@${el.range}`);
    case 'emoji': return emoji(el.name);
    case 'date': return h('span', null, el.fallback ?? new Date(el.timestamp * 1000).toLocaleString());
    case 'color': return h('code', null, el.value);
    default: return h('span', { class: 'unknown' }, el.type);
  }
}

const rich = (elements, env) => (elements ?? []).map((el) => richElement(el, env));

function richBlock(el, env) {
  switch (el.type) {
    case 'rich_text_section': return h('div', { class: 'rich-section' }, rich(el.elements, env));
    case 'rich_text_preformatted': return h('pre', null, rich(el.elements, env));
    case 'rich_text_quote': return h('blockquote', null, rich(el.elements, env));
    case 'rich_text_list': return h(el.style === 'ordered' ? 'ol' : 'ul', { class: `indent-${Math.min(el.indent ?? 0, 8)}`, start: el.offset ? el.offset + 1 : undefined },
      el.elements.map((item) => h('li', null, rich(item.elements, env))));
    default: return h('span', { class: 'unknown' }, el.type);
  }
}

export const richText = (block, env) => h('div', { class: 'b-rich' }, (block.elements ?? []).map((el) => richBlock(el, env)));

// --- blocks ---

function cell(content, env) {
  if (content?.type === 'rich_text') return (content.elements ?? []).flatMap((section) => rich(section.elements, env));
  return [content?.text ?? ''];
}

function table(block, env) {
  const [head, ...rows] = block.rows ?? [];
  const align = (i) => `align-${block.column_settings?.[i]?.align ?? 'left'}`;
  return h('div', { class: 'table-wrap' }, h('table', null,
    block.caption ? h('caption', null, block.caption) : null,
    h('thead', null, h('tr', null, (head ?? []).map((c, i) => h('th', { class: align(i) }, cell(c, env))))),
    h('tbody', null, rows.map((row) => h('tr', null, row.map((c, i) => h('td', { class: align(i) }, cell(c, env))))))));
}

const TASK_SIGNS = { pending: '○', in_progress: '◐', complete: '●', error: '✕' };

function task(block, env) {
  return h('div', { class: `task task-${block.status ?? 'pending'}` },
    h('span', { class: 'task-sign' }, TASK_SIGNS[block.status] ?? '○'),
    h('div', null, h('div', null, block.title),
      block.details?.elements ? richText(block.details, env) : null,
      block.output?.elements ? h('div', { class: 'muted' }, richText(block.output, env)) : null,
      (block.sources ?? []).map((s) => h('div', { class: 'muted' }, link(s.url, s.text)))));
}

function inputBlock(block, env) {
  const error = env.errors?.[block.block_id];
  return h('div', { class: `b-input ${error ? 'has-error' : ''}`, dataset: { block: block.block_id } },
    h('div', { class: 'label' }, textObject(block.label, env), block.optional ? h('span', { class: 'muted' }, ' (optional)') : null),
    element(block, block.element, env),
    error ? h('div', { class: 'error', role: 'alert' }, error) : null,
    block.hint ? h('div', { class: 'muted' }, textObject(block.hint, env)) : null);
}

function section(block, env) {
  return h('div', { class: 'b-section' },
    h('div', { class: 'b-section-main' },
      block.text ? h('div', { class: 'b-text' }, textObject(block.text, env)) : null,
      block.fields ? h('div', { class: 'fields' }, block.fields.map((f) => h('div', null, textObject(f, env)))) : null),
    block.accessory ? h('div', { class: 'accessory' }, element(block, block.accessory, env)) : null);
}

function context(block, env) {
  return h('div', { class: 'b-context' }, block.elements.map((el) => (el.type === 'image' ? image(el, 'context') : h('span', null, textObject(el, env)))));
}

function card(block, env) {
  return h('div', { class: 'card' }, ['title', 'subtitle', 'body'].map((name) => (block[name] ? h('div', { class: `card-${name}` }, textObject(block[name], env)) : null)),
    block.actions ? h('div', { class: 'b-actions' }, block.actions.map((el) => element(block, el, env))) : null);
}

export function renderBlock(block, env) {
  switch (block.type) {
    case 'section': return section(block, env);
    case 'header': return h('div', { class: 'b-header' }, textObject(block.text, env));
    case 'divider': return h('hr');
    case 'context': return context(block, env);
    case 'actions': case 'context_actions':
      return h('div', { class: 'b-actions' }, block.elements.map((el) => element(block, el, env)));
    case 'input': return inputBlock(block, env);
    case 'markdown': return h('div', { class: 'b-markdown' }, markdown(block.text, env.names));
    case 'rich_text': return richText(block, env);
    case 'image': return h('figure', null, block.title ? h('figcaption', null, plain(block.title)) : null, image(block, 'large'));
    case 'table': case 'data_table': return table(block, env);
    case 'plan': return h('div', { class: 'plan' }, h('div', { class: 'plan-title' }, block.title), (block.tasks ?? []).map((t) => task(t, env)));
    case 'task_card': return task(block, env);
    case 'alert': return h('div', { class: `alert alert-${block.level ?? 'info'}` }, textObject(block.text, env));
    case 'card': return card(block, env);
    case 'carousel': return h('div', { class: 'carousel' }, block.elements.map((el) => card(el, env)));
    case 'container': return h('details', { class: 'container', open: !block.default_collapsed },
      h('summary', null, textObject(block.title, env)), (block.child_blocks ?? []).map((b) => renderBlock(b, env)));
    default: return h('div', { class: 'unknown' }, `[${block.type}]`);
  }
}

export const renderBlocks = (blocks, env) => blocks.map((block) => renderBlock(block, env));
