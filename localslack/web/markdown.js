// Markdown (the markdown block, and what streams carry): CommonMark's everyday part, with tables and tasks.

import { h, link } from './dom.js';
import { emoji, mention } from './text.js';

const DEPTH_MAX = 8;
// No class runs over the sign that begins it, so that any text is read in linear time.
const INLINE = /(?<![`\\])(`{1,3})(?!`)([^`\n]+)\1(?!`)|!?\[([^[\]\n]{0,1000})\]\(([^()\s]{1,4000}(?:\([^()\s]*\))?)(?:\s+"[^"\n]{0,300}")?\)|\*\*([^*\n]+(?:\*[^*\n]+\*[^*\n]*)?)\*\*|__([^_\n]+)__|~~([^~\n]+)~~|(?<![\w*])\*([^*\s](?:[^*\n]*[^*\s])?)\*|(?<!\w)_([^_\s](?:[^_\n]*[^_\s])?)_(?!\w)|<?(https?:\/\/[^\s<>)\]]+)>?|<([@#!][^<>\n]{1,200})>|:([a-z0-9_+'-]{1,80}):|\\([\\`*_{}[\]()#+.!|~>-])/g;

function special(inside, names) {
  const [target, label] = inside.split('|');
  const id = target.slice(1);
  if (target.startsWith('@')) return mention(`@${names.user(id) ?? label ?? id}`, id === names.me);
  if (target.startsWith('#')) return mention(`#${names.channel(id) ?? label ?? id}`);
  return mention(`@${label ?? id}`);
}

function inline(text, names, depth = 0) {
  if (depth > DEPTH_MAX) return [text];
  const out = [];
  let at = 0;
  for (const m of text.matchAll(INLINE)) {
    if (m.index > at) out.push(text.slice(at, m.index));
    if (m[1]) out.push(h('code', null, m[2].trim()));
    else if (m[4]) out.push(link(m[4], m[3] ? h('span', null, inline(m[3], names, depth + 1)) : m[4]));
    else if (m[5] || m[6]) out.push(h('strong', null, inline(m[5] ?? m[6], names, depth + 1)));
    else if (m[7]) out.push(h('s', null, inline(m[7], names, depth + 1)));
    else if (m[8] || m[9]) out.push(h('em', null, inline(m[8] ?? m[9], names, depth + 1)));
    else if (m[10]) out.push(link(m[10]));
    else if (m[11]) out.push(special(m[11], names));
    else if (m[12]) out.push(emoji(m[12]));
    else out.push(m[13]);
    at = m.index + m[0].length;
  }
  if (at < text.length) out.push(text.slice(at));
  return out;
}

const cells = (line) => line.trim().replace(/^\||\|$/g, '').split('|').map((c) => c.trim());

function table(lines, names) {
  const [head, rule, ...rows] = lines.map(cells);
  const align = rule.map((r) => `align-${r.endsWith(':') ? (r.startsWith(':') ? 'center' : 'right') : 'left'}`);
  const row = (tag) => (line) => h('tr', null, line.slice(0, 40).map((c, i) => h(tag, { class: align[i] }, inline(c, names))));
  return h('div', { class: 'table-wrap' }, h('table', null, h('thead', null, row('th')(head)), h('tbody', null, rows.map(row('td')))));
}

const LIST_ITEM = /^(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$/;

function list(lines, names) {
  const root = { indent: -1, el: h('div') };
  const stack = [root];
  for (const line of lines) {
    const [, space, marker, text] = LIST_ITEM.exec(line) ?? [];
    if (marker === undefined) {
      stack.at(-1).el.lastElementChild?.append(' ', ...inline(line.trim(), names));
      continue;
    }
    const indent = space.replace(/\t/g, '    ').length;
    while (stack.length > 1 && stack.at(-1).indent > indent) stack.pop();
    // Past the limit an item joins the deepest list that there is.
    if (stack.at(-1).indent < indent && stack.length <= DEPTH_MAX) {
      const ordered = /\d/.test(marker);
      const el = h(ordered ? 'ol' : 'ul', { start: ordered && parseInt(marker, 10) !== 1 ? parseInt(marker, 10) : undefined });
      (stack.at(-1).el.lastElementChild ?? stack.at(-1).el).append(el);
      stack.push({ indent, el });
    }
    const task = /^\[([ xX])\]\s+(.*)$/.exec(text);
    stack.at(-1).el.append(h('li', { class: task ? 'todo' : undefined }, task ? `${task[1] === ' ' ? '☐' : '☑'} ` : null, inline(task ? task[2] : text, names)));
  }
  return [...root.el.childNodes];
}

const isTableRule = (line) => line !== undefined && line.length < 2000 && line.includes('-') && /^[\s|:-]+$/.test(line) && cells(line).every((c) => /^:?-+:?$/.test(c));

/** A list of nodes. */
export function markdown(text, names, depth = 0) {
  const out = [];
  const lines = String(text ?? '').split('\n');
  let at = 0;
  const takeWhile = (test) => {
    const from = at;
    while (at < lines.length && test(lines[at])) at++;
    return lines.slice(from, at);
  };
  while (at < lines.length) {
    const line = lines[at];
    const fence = /^\s*(```+|~~~+)/.exec(line);
    const heading = /^(#{1,6})\s+(.*)$/.exec(line);
    if (fence) {
      at++;
      const code = takeWhile((l) => !l.trim().startsWith(fence[1]));
      at++;
      out.push(h('pre', null, code.join('\n')));
    } else if (heading) {
      at++;
      out.push(h(`h${Math.min(heading[1].length + 2, 6)}`, null, inline(heading[2].replace(/\s+#+\s*$/, ''), names)));
    } else if (/^\s*(?:-[\s-]*-[\s-]*-|\*[\s*]*\*[\s*]*\*|_[\s_]*_[\s_]*_)[\s*_-]*$/.test(line.slice(0, 200))) {
      at++;
      out.push(h('hr'));
    } else if (line.includes('|') && isTableRule(lines[at + 1])) {
      out.push(table(takeWhile((l) => l.includes('|')), names));
    } else if (LIST_ITEM.test(line)) {
      out.push(...list(takeWhile((l) => LIST_ITEM.test(l) || /^\s+\S/.test(l)), names));
    } else if (line.startsWith('>')) {
      const inner = takeWhile((l) => l.startsWith('>')).map((l) => l.replace(/^> ?/, '')).join('\n');
      out.push(h('blockquote', null, depth < DEPTH_MAX ? markdown(inner, names, depth + 1) : inner));
    } else if (line.trim() === '') {
      at++;
    } else {
      at++;
      const rest = takeWhile((l) => l.trim() !== '' && !LIST_ITEM.test(l) && !/^(#{1,6}\s|>|\s*```)/.test(l));
      const nodes = [];
      for (const l of [line, ...rest]) nodes.push(nodes.length ? h('br') : null, inline(l.trimEnd(), names));
      out.push(h('p', null, nodes));
    }
  }
  return out;
}
