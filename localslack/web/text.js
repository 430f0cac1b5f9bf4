// Slack's mrkdwn as nodes, and what a person types as mrkdwn. Everything ends in text nodes. The patterns take
// linear time on any text: a class never runs over the sign that begins it.

import { h, link } from './dom.js';
import { emojiCharacter } from './emoji.js';

/** Deeper marks than this stay as they were written. */
const DEPTH_MAX = 8;

export function emoji(name) {
  const character = emojiCharacter(name);
  return character ? h('span', { class: 'emoji', title: `:${name}:`, role: 'img', 'aria-label': name }, character) : document.createTextNode(`:${name}:`);
}

const EMOJI_NAME = /(:[a-z0-9_+'-]{1,80}(?:::skin-tone-[2-6])?:)/;

export function withEmoji(text) {
  return String(text ?? '').split(EMOJI_NAME).map((part, i) => (i % 2 ? emoji(part.slice(1, -1)) : part)).filter((part) => part !== '');
}

export const unescape = (text) => text.replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&amp;/g, '&');

export function mention(text, isMe = false) {
  return h('span', { class: `mention ${isMe ? 'mention-me' : ''}` }, text);
}

const pad = (n) => String(n).padStart(2, '0');

/** `<!date^seconds^format^link|fallback>` in the reader's time zone. */
export function dateText(seconds, format, fallback) {
  const date = new Date(Number(seconds) * 1000);
  if (Number.isNaN(date.getTime())) return fallback ?? '';
  const day = (options) => date.toLocaleDateString('en-GB', options);
  const tokens = {
    date_num: `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`,
    date: day({ day: 'numeric', month: 'long', year: 'numeric' }), date_short: day({ day: 'numeric', month: 'short', year: 'numeric' }),
    date_long: day({ weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' }), time: `${pad(date.getHours())}:${pad(date.getMinutes())}`,
    time_secs: `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`,
    ago: `${Math.max(0, Math.round((Date.now() - date.getTime()) / 60_000))} minutes ago`,
  };
  return String(format ?? '{date} {time}').replace(/\{(\w+?)(?:_pretty)?\}/g, (whole, name) => tokens[name] ?? whole);
}

/** The inside of <…>. `names` turns ids into names: {user(id), channel(id), me}. */
function special(inside, names) {
  const bar = inside.indexOf('|');
  const target = bar < 0 ? inside : inside.slice(0, bar);
  const label = bar < 0 ? null : inside.slice(bar + 1);
  if (target.startsWith('@')) return mention(`@${names.user(target.slice(1)) ?? label ?? target.slice(1)}`, target.slice(1) === names.me);
  if (target.startsWith('#')) return channelMention(target.slice(1), names, label);
  if (target.startsWith('!date^')) {
    const [, seconds, format, url] = target.split('^');
    const text = dateText(seconds, unescape(format ?? ''), label && unescape(label));
    return url ? link(unescape(url), text) : h('span', { title: label ? unescape(label) : undefined }, text);
  }
  if (target.startsWith('!')) return mention(`@${(label ?? target.slice(1)).replace(/^subteam\^/, '').replace(/^@/, '')}`, /^!(here|channel|everyone)/.test(target));
  if (!/^([a-z][a-z0-9+.-]*:\/\/|mailto:|tel:)/i.test(target)) return unescape(`<${inside}>`); // nothing that Slack marks
  return link(unescape(target), unescape(label ?? target));
}

export function channelMention(id, names, label) {
  const name = names.channel(id);
  return name ? h('a', { class: 'mention', href: `#${id}` }, `#${name}`) : mention(`#${label || id}`);
}

const EDGE_BEFORE = "(?<=^|[\\s([{>_*~\"'—-])";
const EDGE_AFTER = "(?=$|[\\s)\\]}.,!?:;<_*~\"'—-])";
const INLINE = new RegExp(
  "(`[^`\\n]+`)|(<[^<>\\n]{1,4000}>)|(:[a-z0-9_+'-]{1,80}(?:::skin-tone-[2-6])?:)" +
  `|${EDGE_BEFORE}\\*([^*\\s]|[^*\\s][^*\\n]*[^*\\s])\\*${EDGE_AFTER}` +
  `|${EDGE_BEFORE}_([^_\\s]|[^_\\s][^_\\n]*[^_\\s])_${EDGE_AFTER}` +
  `|${EDGE_BEFORE}~([^~\\s]|[^~\\s][^~\\n]*[^~\\s])~${EDGE_AFTER}`, 'g');

function inlineMrkdwn(text, names, depth = 0) {
  if (depth > DEPTH_MAX) return [unescape(text)];
  const out = [];
  let at = 0;
  for (const m of text.matchAll(INLINE)) {
    if (m.index > at) out.push(unescape(text.slice(at, m.index)));
    if (m[1]) out.push(h('code', null, unescape(m[1].slice(1, -1))));
    else if (m[2]) out.push(special(m[2].slice(1, -1), names));
    else if (m[3]) out.push(emoji(m[3].slice(1, -1)));
    else if (m[4]) out.push(h('strong', null, inlineMrkdwn(m[4], names, depth + 1)));
    else if (m[5]) out.push(h('em', null, inlineMrkdwn(m[5], names, depth + 1)));
    else out.push(h('s', null, inlineMrkdwn(m[6], names, depth + 1)));
    at = m.index + m[0].length;
  }
  if (at < text.length) out.push(unescape(text.slice(at)));
  return out;
}

const BULLET = /^(\s*)(?:[•◦▪]|-(?= ))\s*(.*)$/;

/** Slack's mrkdwn as a list of nodes. */
export function mrkdwn(text, names) {
  const out = [];
  String(text ?? '').split(/```\n?([\s\S]*?)\n?```/).forEach((part, i) => {
    if (i % 2) {
      out.push(h('pre', null, unescape(part)));
      return;
    }
    let quote = [];
    const flush = () => {
      if (quote.length) out.push(h('blockquote', null, quote));
      quote = [];
    };
    const lines = part.replace(/^\n|\n$/g, '').split('\n');
    if (lines.length === 1 && lines[0] === '') return;
    let afterBlock = true;
    for (const line of lines) {
      const quoted = /^(?:&gt;|>) ?(.*)$/.exec(line);
      if (quoted) {
        quote.push(h('div', null, inlineMrkdwn(quoted[1], names)));
        afterBlock = true;
        continue;
      }
      flush();
      const bullet = BULLET.exec(line);
      if (bullet) {
        out.push(h('div', { class: `bullet ${bullet[1].length > 1 ? 'bullet-deep' : ''}` }, inlineMrkdwn(bullet[2], names)));
        afterBlock = true;
        continue;
      }
      if (!afterBlock) out.push(h('br'));
      out.push(...inlineMrkdwn(line, names));
      afterBlock = false;
    }
    flush();
  });
  return out;
}

/** Text without marks (`mrkdwn: false`): only what stands in <…> means something. */
export function tokensOnly(text, names) {
  return String(text ?? '').split(/(<[^<>\n]{1,4000}>|\n)/).map((part, i) => (part === '\n' ? h('br') : i % 2 ? special(part.slice(1, -1), names) : unescape(part)));
}

// --- what a person types ---

/** The known name that begins at `at`, the longest of all. */
function nameAt(text, at, named) {
  let best = null;
  for (const item of named) {
    const name = item.name;
    if (!name || (best && best.name.length >= name.length)) continue;
    if (text.slice(at, at + name.length).toLowerCase() !== name.toLowerCase()) continue;
    if (/[\p{L}\p{N}_]/u.test(text[at + name.length] ?? '')) continue;
    best = item;
  }
  return best;
}

function encodeMentions(text, users, channels) {
  let out = '';
  let at = 0;
  for (const m of text.matchAll(/(?<=^|[\s([{])([@#])(?=\S)/g)) {
    const from = m.index + 1;
    const found = nameAt(text, from, m[1] === '@' ? users : channels);
    const everyone = m[1] === '@' && /^(here|channel|everyone)(?![\w])/.exec(text.slice(from, from + 10))?.[1];
    if (!found && !everyone) continue;
    out += text.slice(at, m.index);
    out += everyone && !found ? `<!${everyone}>` : m[1] === '@' ? `<@${found.id}>` : `<#${found.id}|${found.name}>`;
    at = from + (found ? found.name.length : everyone.length);
  }
  return out + text.slice(at);
}

/** As Slack's client sends it: escaped, with mentions, channels and links marked. Code stays as it is. */
export function encode(text, users, channels) {
  const escaped = text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
  return escaped.split(/(```[\s\S]*?```|`[^`\n]+`)/).map((part, i) => (i % 2 ? part : encodeMentions(part, users, channels)
    .replace(/(^|[\s(])(https?:\/\/[^\s<>)]*[^\s<>).,;:!?])/g, (whole, before, url) => `${before}<${url}>`))).join('');
}

/** The reverse, for editing. */
export function decode(text, names) {
  return unescape(text.replace(/<([^<>\n]{1,4000})>/g, (whole, inside) => {
    const [target, label] = inside.split('|');
    if (target.startsWith('@')) return `@${names.userName(target.slice(1)) ?? target.slice(1)}`;
    if (target.startsWith('#')) return `#${names.channel(target.slice(1)) ?? label}`;
    return target.startsWith('!') ? `@${label ?? target.slice(1)}` : target;
  }));
}

// --- typed marks as rich text (the value of a rich_text_input) ---

const MARKED = /(`[^`\n]+`)|\*([^*\s](?:[^*\n]*[^*\s])?)\*|_([^_\s](?:[^_\n]*[^_\s])?)_|~([^~\s](?:[^~\n]*[^~\s])?)~|(https?:\/\/[^\s<>)]+)/g;

function richSpans(line, style = null) {
  const out = [];
  const text = (t) => t && out.push(style ? { type: 'text', text: t, style } : { type: 'text', text: t });
  let at = 0;
  for (const m of line.matchAll(MARKED)) {
    text(line.slice(at, m.index));
    if (m[1]) out.push({ type: 'text', text: m[1].slice(1, -1), style: { ...style, code: true } });
    else if (m[5]) out.push({ type: 'link', url: m[5], ...(style ? { style } : {}) });
    else out.push(...richSpans(m[2] ?? m[3] ?? m[4], { ...style, [m[2] ? 'bold' : m[3] ? 'italic' : 'strike']: true }));
    at = m.index + m[0].length;
  }
  text(line.slice(at));
  return out;
}

/** A rich_text block of the marks that a person typed; null for nothing. */
export function richFromMarks(text) {
  if (!text.trim()) return null;
  const elements = [];
  for (const line of text.split('\n')) {
    const item = /^\s*(?:([-•*])|\d+[.)]) +(.*)$/.exec(line);
    const quote = /^> ?(.*)$/.exec(line);
    const last = elements.at(-1);
    if (item) {
      const style = item[1] ? 'bullet' : 'ordered';
      const list = last?.type === 'rich_text_list' && last.style === style ? last : { type: 'rich_text_list', style, indent: 0, elements: [] };
      list.elements.push({ type: 'rich_text_section', elements: richSpans(item[2]) });
      if (list !== last) elements.push(list);
    } else if (quote) elements.push({ type: 'rich_text_quote', elements: richSpans(quote[1]) });
    else if (last?.type === 'rich_text_section') last.elements.push({ type: 'text', text: '\n' }, ...richSpans(line));
    else elements.push({ type: 'rich_text_section', elements: richSpans(line) });
  }
  return { type: 'rich_text', elements };
}

/** The reverse, for an initial value. */
export function marksFromRich(block) {
  const wrap = (el) => {
    const text = el.type === 'link' ? el.url : el.type === 'emoji' ? `:${el.name}:` : el.text ?? '';
    const mark = el.style?.code ? '`' : el.style?.bold ? '*' : el.style?.italic ? '_' : el.style?.strike ? '~' : '';
    return `${mark}${text}${mark}`;
  };
  const spans = (elements) => (elements ?? []).map(wrap).join('');
  return (block?.elements ?? []).map((el) => {
    if (el.type === 'rich_text_list') return (el.elements ?? []).map((item, i) => `${el.style === 'ordered' ? `${i + 1}.` : '-'} ${spans(item.elements)}`).join('\n');
    return el.type === 'rich_text_quote' ? `> ${spans(el.elements)}` : spans(el.elements);
  }).join('\n');
}
