// rich_text and the tables whose cells may be rich text.

import { clear, h, link, safeUrl } from './dom.js';
import { icon } from './icons.js';
import { channelMention, dateText, emoji, mention } from './text.js';

function styled(node, style) {
  let out = node;
  if (style?.code) out = h('code', null, out);
  if (style?.bold) out = h('strong', null, out);
  if (style?.italic) out = h('em', null, out);
  if (style?.strike) out = h('s', null, out);
  if (style?.underline) out = h('u', null, out);
  if (style?.highlight || style?.client_highlight) out = h('mark', null, out);
  return out;
}

/** The colour of a hex triple or sextuple as a swatch; the value is checked, for it becomes a style. */
function swatch(value) {
  const el = h('span', { class: 'swatch', 'aria-hidden': 'true' });
  if (/^#([0-9a-f]{3}|[0-9a-f]{6})$/i.test(value)) el.style.background = value;
  return h('span', { class: 'color' }, el, h('code', null, value));
}

function richElement(el, env) {
  const { names } = env;
  switch (el?.type) {
    case 'text': return styled(document.createTextNode(String(el.text ?? '')), el.style);
    case 'link': return styled(link(el.url, el.text || el.url), el.style);
    case 'user': return styled(mention(`@${names.user(el.user_id) ?? el.user_id}`, el.user_id === names.me), el.style);
    case 'channel': return styled(channelMention(el.channel_id, names), el.style);
    case 'usergroup': return styled(mention(`@${el.usergroup_id}`), el.style);
    case 'team': return styled(mention(`@${el.team_id}`), el.style);
    case 'broadcast': return styled(mention(`@${el.range}`, true), el.style);
    case 'emoji': return el.unicode ? h('span', { class: 'emoji', title: `:${el.name}:` }, fromUnicode(el.unicode) ?? `:${el.name}:`) : emoji(el.name);
    case 'date': {
      const text = dateText(el.timestamp, el.format, el.fallback);
      return styled(safeUrl(el.url) ? link(el.url, text) : h('span', { title: el.fallback }, text), el.style);
    }
    case 'color': return swatch(String(el.value));
    default: return h('span', { class: 'unknown' }, `[${el?.type}]`);
  }
}

function fromUnicode(hex) {
  const points = String(hex).split('-').map((p) => parseInt(p, 16));
  return points.every((p) => p >= 0 && p <= 0x10ffff) ? String.fromCodePoint(...points) : null;
}

const rich = (elements, env) => (elements ?? []).map((el) => richElement(el, env));

const BULLETS = ['disc', 'circle', 'square'];

/** Lists of one level each come one after the other; an ordered one goes on where its level was left. */
function richBlock(el, env, counts) {
  switch (el?.type) {
    case 'rich_text_section': return h('div', { class: 'rich-section' }, rich(el.elements, env));
    case 'rich_text_preformatted': return h('pre', null, rich(el.elements, env));
    case 'rich_text_quote': return h('blockquote', { class: 'rich-section' }, rich(el.elements, env));
    case 'rich_text_list': {
      const indent = Math.min(Math.max(el.indent ?? 0, 0), 8);
      const ordered = el.style === 'ordered';
      const start = (el.offset ?? counts[indent] ?? 0) + 1;
      counts.length = indent;
      counts[indent] = ordered ? start - 1 + (el.elements ?? []).length : 0;
      return h(ordered ? 'ol' : 'ul', { class: `indent-${indent} ${ordered ? '' : `bullets-${BULLETS[indent % 3]}`} ${el.border ? 'bordered' : ''}`, start: ordered && start > 1 ? start : undefined },
        (el.elements ?? []).map((item) => h('li', null, rich(item.elements, env))));
    }
    default: return h('span', { class: 'unknown' }, `[${el?.type}]`);
  }
}

export function richText(block, env) {
  let counts = [];
  return h('div', { class: 'b-rich' }, (block.elements ?? []).map((el) => {
    if (el?.type !== 'rich_text_list') counts = [];
    return richBlock(el, env, counts);
  }));
}

// --- tables ---

function cell(content, env) {
  if (content?.type === 'rich_text') return [richText(content, env)];
  if (content?.type === 'raw_number') return [String(content.text ?? content.value ?? '')];
  return [String(content?.text ?? '')];
}

function row(tag, cells, settings, env, header) {
  return h('tr', null, (cells ?? []).map((c, i) => {
    const set = settings?.[i];
    const align = set?.align ?? (c?.type === 'raw_number' ? 'right' : 'left');
    const isHeader = tag === 'th' || i === header;
    return h(isHeader ? 'th' : 'td', { class: `align-${align} ${set && !set.is_wrapped ? 'nowrap' : ''}`, scope: tag === 'th' ? 'col' : isHeader ? 'row' : undefined }, cell(c, env));
  }));
}

export function table(block, env) {
  const [head, ...rows] = block.rows ?? [];
  return h('div', { class: 'table-wrap', tabindex: '0', role: 'region', 'aria-label': 'Table' }, h('table', null,
    h('thead', null, row('th', head, block.column_settings, env)),
    h('tbody', null, rows.map((r) => row('td', r, block.column_settings, env)))));
}

const textOf = (c) => (c?.type === 'rich_text' ? JSON.stringify(c.elements) : String(c?.text ?? ''));

function compare(a, b) {
  if (a?.type === 'raw_number' && b?.type === 'raw_number') return a.value - b.value;
  return textOf(a).localeCompare(textOf(b), 'en', { numeric: true });
}

/** Paged, sorted by a click on a head. */
export function dataTable(block, env) {
  const [head, ...rows] = block.rows ?? [];
  const size = Math.min(Math.max(block.page_size ?? 5, 1), 100);
  const view = { page: 0, by: null, down: false };
  const pages = Math.max(1, Math.ceil(rows.length / size));
  const body = h('tbody');
  const foot = h('div', { class: 'table-foot' });
  const heads = (head ?? []).map((c, i) => {
    const sort = h('button', { class: 'sort', type: 'button', onclick: () => {
      view.down = view.by === i && !view.down;
      view.by = i;
      view.page = 0;
      draw();
    } }, cell(c, env), icon('down'));
    return h('th', { scope: 'col' }, sort);
  });
  const turn = (by, label, sign) => h('button', { class: 'btn btn-quiet', type: 'button', 'aria-label': label, disabled: view.page + by < 0 || view.page + by >= pages,
    onclick: () => {
      view.page += by;
      draw();
    } }, icon(sign));
  const draw = () => {
    const all = view.by === null ? rows : [...rows].sort((a, b) => compare(a[view.by], b[view.by]) * (view.down ? -1 : 1));
    heads.forEach((th, i) => (i === view.by ? th.setAttribute('aria-sort', view.down ? 'descending' : 'ascending') : th.removeAttribute('aria-sort')));
    clear(body, all.slice(view.page * size, (view.page + 1) * size).map((r) => row('td', r, null, env, block.row_header_column_index ?? 0)));
    clear(foot, h('span', { class: 'muted' }, `${rows.length} ${rows.length === 1 ? 'row' : 'rows'}`), pages > 1
      ? [turn(-1, 'Previous page', 'back'), h('span', { class: 'muted' }, `${view.page + 1} of ${pages}`), turn(1, 'Next page', 'forward')] : null);
  };
  draw();
  return h('div', { class: 'data-table' }, h('div', { class: 'table-wrap', tabindex: '0', role: 'region', 'aria-label': block.caption || 'Table' },
    h('table', null, h('caption', null, String(block.caption ?? '')), h('thead', null, h('tr', null, heads)), body)), foot);
}
