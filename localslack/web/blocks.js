// Block Kit as elements, one function per type; `env` is described in elements.js.

import { h, link, remembered, safeUrl } from './dom.js';
import { element, image, plain, textObject } from './elements.js';
import { icon } from './icons.js';
import { markdown } from './markdown.js';
import { dataTable, richText, table } from './richtext.js';
import { mrkdwn } from './text.js';

/** Longer texts of a section are folded, as Slack does. */
const FOLD_CHARS = 1500;
const FOLD_LINES = 24;

export const isLong = (text) => text.length > FOLD_CHARS || text.split('\n', FOLD_LINES + 1).length > FOLD_LINES;

/** Content that shows its beginning only, until the reader wants the rest. */
export function folded(key, content) {
  const box = h('div', { class: 'fold' }, content);
  const toggle = remembered(h('details', { class: 'fold-toggle' }, h('summary', null, h('span', { class: 'fold-more' }, 'Show more'), h('span', { class: 'fold-less' }, 'Show less'))), `fold:${key}`, false);
  return h('div', { class: 'folded' }, toggle, box);
}

const TASKS = {
  pending: ['clock', 'Pending'], in_progress: [null, 'In progress'], complete: ['check', 'Complete'], error: ['error', 'Failed'],
};

function task(block, env) {
  const status = Object.hasOwn(TASKS, block.status) ? block.status : 'pending';
  const [sign, label] = TASKS[status];
  const has = (part) => (Array.isArray(part?.elements) ? part.elements.length > 0 : Boolean(part));
  const part = (p) => (p?.elements ? richText(p, env) : h('div', null, String(p)));
  const sources = (block.sources ?? []).filter((s) => s?.url);
  const head = [h('span', { class: `task-sign task-${status}`, role: 'img', 'aria-label': label, title: label }, sign ? icon(sign) : h('span', { class: 'spinner' })),
    h('span', { class: 'task-title' }, String(block.title ?? ''))];
  if (!has(block.details) && !has(block.output) && !sources.length) return h('div', { class: 'task' }, head);
  return remembered(h('details', { class: 'task' }, h('summary', null, head, icon('down', 'task-open')),
    h('div', { class: 'task-body' }, has(block.details) ? part(block.details) : null, has(block.output) ? h('div', { class: 'task-output' }, part(block.output)) : null,
      sources.length ? h('div', { class: 'sources' }, sources.map((s) => h('span', { class: 'source' }, icon('link'), link(s.url, s.text || s.url)))) : null)),
  `task:${env.key}:${block.task_id ?? block.title}`, status === 'error');
}

function plan(block, env) {
  const tasks = block.tasks ?? [];
  const done = tasks.filter((t) => t.status === 'complete').length;
  return remembered(h('details', { class: 'plan' },
    h('summary', { class: 'plan-title' }, h('span', null, String(block.title ?? 'Plan')), h('span', { class: 'muted' }, tasks.length ? `${done} of ${tasks.length}` : ''), icon('down', 'task-open')),
    h('div', { class: 'plan-tasks' }, tasks.map((t) => task(t, env)))), `plan:${env.key}:${block.block_id ?? ''}`, true);
}

function inputBlock(block, env) {
  const error = env.errors?.[block.block_id];
  return h('div', { class: `b-input ${error ? 'has-error' : ''}`, dataset: { block: block.block_id ?? '' } },
    h('div', { class: 'label' }, textObject(block.label, env), block.optional ? h('span', { class: 'muted' }, ' (optional)') : null),
    element(block, block.element, env),
    error ? h('div', { class: 'error', role: 'alert' }, icon('warning'), h('span', null, String(error))) : null,
    block.hint ? h('div', { class: 'muted hint-text' }, textObject(block.hint, env)) : null);
}

function section(block, env) {
  const text = block.text ? h('div', { class: 'b-text' }, textObject(block.text, env)) : null;
  return h('div', { class: 'b-section' },
    h('div', { class: 'b-section-main' },
      text && !block.expand && isLong(plain(block.text)) ? folded(`${env.key}:${block.block_id}`, text) : text,
      block.fields ? h('div', { class: 'fields' }, block.fields.map((f) => h('div', null, textObject(f, env)))) : null),
    block.accessory ? h('div', { class: 'accessory' }, element(block, block.accessory, env)) : null);
}

const context = (block, env) => h('div', { class: 'b-context' },
  (block.elements ?? []).map((el) => (el.type === 'image' ? image(el, 'context') : h('span', null, textObject(el, env)))));

const actions = (block, env) => h('div', { class: 'b-actions' }, (block.elements ?? []).map((el) => element(block, el, env)));

function card(block, env) {
  const text = (name) => (block[name] ? h('div', { class: `card-${name}` }, textObject(block[name], env)) : null);
  return h('div', { class: 'card' }, block.hero_image ? h('div', { class: 'card-hero' }, image(block.hero_image, 'large')) : null,
    h('div', { class: 'card-inside' },
      h('div', { class: 'card-head' }, block.icon ? image(block.icon, 'icon') : null, h('div', null, text('title'), text('subtitle'))),
      text('body'), block.actions?.length ? h('div', { class: 'b-actions' }, block.actions.map((el) => element(block, el, env))) : null));
}

function container(block, env) {
  const head = [block.icon ? image(block.icon, 'icon') : null, h('div', { class: 'container-head' },
    h('div', { class: 'container-title' }, block.rich_text_title ? richText(block.rich_text_title, env) : textObject(block.title, env)),
    block.subtitle ? h('div', { class: 'muted' }, textObject(block.subtitle, env)) : null)];
  const body = h('div', { class: 'container-body' }, renderBlocks(block.child_blocks, env));
  const width = ['narrow', 'wide', 'full'].includes(block.width) ? block.width : 'standard';
  if (!block.is_collapsible) return h('div', { class: `container width-${width} ${block.has_header_divider ? 'divided' : ''}` }, h('div', { class: 'container-top' }, head), body);
  return remembered(h('details', { class: `container width-${width}` }, h('summary', { class: 'container-top' }, head, icon('down', 'task-open')), body),
    `container:${env.key}:${block.block_id}`, !block.default_collapsed);
}

function video(block) {
  const title = plain(block.title) || 'Video';
  const url = safeUrl(block.title_url) ?? safeUrl(block.video_url);
  return h('div', { class: 'card video' }, h('div', { class: 'card-inside' },
    h('div', { class: 'muted' }, [block.provider_name, block.author_name].filter(Boolean).join(' · ')),
    h('div', { class: 'card-title' }, icon('play'), url ? link(url, title) : title),
    block.description ? h('div', null, plain(block.description)) : null));
}

function imageBlock(block, env) {
  return h('figure', null, block.title ? h('figcaption', null, textObject(block.title, env)) : null, image(block, 'large'));
}

const ALERTS = { error: 'error', warning: 'warning', success: 'check' };

function alert(block, env) {
  const level = ['info', 'warning', 'error', 'success'].includes(block.level) ? block.level : 'default';
  return h('div', { class: `alert alert-${level}`, role: level === 'error' ? 'alert' : 'note' }, icon(ALERTS[level] ?? 'info'), h('div', null, textObject(block.text, env)));
}

const BLOCKS = {
  actions, alert, card, container, context, image: imageBlock, input: inputBlock, plan, section, table, video,
  context_actions: actions, data_table: dataTable, rich_text: richText, task_card: task,
  carousel: (block, env) => h('div', { class: 'carousel', tabindex: '0', role: 'region', 'aria-label': 'Cards' }, (block.elements ?? []).map((el) => card(el, env))),
  divider: () => h('hr'),
  file: (block) => h('div', { class: 'file' }, h('div', { class: 'file-head' }, icon('file'), `Remote file ${block.external_id ?? ''}`)),
  header: (block, env) => h('div', { class: `b-header level-${[1, 2, 3, 4].includes(block.level) ? block.level : 2}`, role: 'heading', 'aria-level': '3' }, textObject(block.text, env)),
  markdown: (block, env) => h('div', { class: 'b-markdown' }, markdown(block.text, env.names)),
};

/** Never throws: what an app got past the checks must not take the page down. */
export function renderBlock(block, env) {
  const type = String(block?.type);
  if (!Object.hasOwn(BLOCKS, type)) return h('div', { class: 'unknown' }, icon('info'), `A block of the type “${type.slice(0, 60)}”, which this page does not show.`);
  try {
    return BLOCKS[type](block, env);
  } catch (error) {
    return h('div', { class: 'unknown', title: error.message }, icon('warning'), `A block of the type “${type}” that could not be shown: ${error.message}`);
  }
}

export const renderBlocks = (blocks, env) => (Array.isArray(blocks) ? blocks : []).map((block) => renderBlock(block, env));

// --- legacy attachments ---

const COLORS = { good: '#2e9e6b', warning: '#d9a036', danger: '#cf4436' };

function attachmentFields(fields, env) {
  return h('div', { class: 'fields' }, fields.map((f) => h('div', { class: f?.short ? '' : 'field-wide' }, h('strong', null, String(f?.title ?? '')), h('div', null, mrkdwn(f?.value, env.names)))));
}

export function attachment(a, env) {
  const color = COLORS[a.color] ?? (/^#?[0-9a-f]{6}$/i.test(a.color ?? '') ? `#${a.color.replace('#', '')}` : null);
  const text = (t) => (t ? h('div', { class: 'b-text' }, mrkdwn(t, env.names)) : null);
  const body = a.blocks?.length ? renderBlocks(a.blocks, env) : [
    a.author_name ? h('div', { class: 'attachment-author' }, a.author_link ? link(a.author_link, a.author_name) : String(a.author_name)) : null,
    a.title ? h('div', { class: 'attachment-title' }, a.title_link ? link(a.title_link, String(a.title)) : mrkdwn(a.title, env.names)) : null,
    text(a.text ?? (a.title || a.fields ? null : a.fallback)),
    a.fields?.length ? attachmentFields(a.fields, env) : null,
    a.image_url ? image({ image_url: a.image_url, alt_text: a.fallback }, 'large') : null,
    a.footer ? h('div', { class: 'b-context' }, String(a.footer)) : null];
  const el = h('div', { class: 'attachment' }, h('div', { class: 'attachment-body' }, body), a.thumb_url ? image({ image_url: a.thumb_url }, 'thumb') : null);
  if (color) el.style.borderLeftColor = color;
  return [a.pretext ? text(a.pretext) : null, el];
}
