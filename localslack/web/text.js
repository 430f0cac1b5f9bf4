// Texts: mrkdwn (Slack's own), Markdown (the markdown block), emoji names. Everything ends in text nodes.

import { h, link } from './dom.js';

const EMOJI = Object.fromEntries(`
  +1 👍|thumbsup 👍|-1 👎|thumbsdown 👎|eyes 👀|white_check_mark ✅|heavy_check_mark ✔️|x ❌|warning ⚠️|rocket 🚀|tada 🎉
  fire 🔥|bug 🐛|gear ⚙️|lock 🔒|unlock 🔓|key 🔑|mag 🔍|hourglass ⌛|hourglass_flowing_sand ⏳|stopwatch ⏱️|clock1 🕐
  robot_face 🤖|brain 🧠|speech_balloon 💬|thought_balloon 💭|memo 📝|pencil2 ✏️|clipboard 📋|package 📦|wrench 🔧
  hammer 🔨|hammer_and_wrench 🛠️|construction 🚧|test_tube 🧪|microscope 🔬|bulb 💡|zap ⚡|sparkles ✨|star ⭐|star2 🌟
  heart ❤️|wave 👋|raised_hands 🙌|clap 👏|pray 🙏|muscle 💪|ok_hand 👌|point_right 👉|point_up ☝️|thinking_face 🤔
  smile 😄|smiley 😃|grin 😁|joy 😂|slightly_smiling_face 🙂|wink 😉|sunglasses 😎|cry 😢|sob 😭|scream 😱|facepalm 🤦
  red_circle 🔴|large_orange_circle 🟠|large_yellow_circle 🟡|large_green_circle 🟢|large_blue_circle 🔵|white_circle ⚪
  black_circle ⚫|large_green_square 🟩|red_square 🟥|question ❓|grey_question ❔|exclamation ❗|grey_exclamation ❕
  information_source ℹ️|no_entry ⛔|no_entry_sign 🚫|octagonal_sign 🛑|stop_sign 🛑|rotating_light 🚨|bell 🔔|no_bell 🔕
  arrow_right ➡️|arrow_left ⬅️|arrow_up ⬆️|arrow_down ⬇️|arrows_counterclockwise 🔄|repeat 🔁|arrow_forward ▶️
  double_vertical_bar ⏸️|pause_button ⏸️|black_square_for_stop ⏹️|fast_forward ⏩|heavy_plus_sign ➕|heavy_minus_sign ➖
  link 🔗|paperclip 📎|file_folder 📁|open_file_folder 📂|page_facing_up 📄|bookmark 🔖|label 🏷️|pushpin 📌
  chart_with_upwards_trend 📈|bar_chart 📊|computer 💻|desktop_computer 🖥️|keyboard ⌨️|globe_with_meridians 🌐|cloud ☁️
  ship 🚢|wheel_of_dharma ☸️|whale 🐳|snake 🐍|crab 🦀|twisted_rightwards_arrows 🔀|deciduous_tree 🌳|seedling 🌱
  herb 🌿|leaves 🍃|palm_tree 🌴|coffee ☕|beers 🍻|cake 🍰|100 💯|checkered_flag 🏁|triangular_flag_on_post 🚩|trophy 🏆
  moneybag 💰|heavy_dollar_sign 💲|shield 🛡️|ghost 👻|skull 💀|see_no_evil 🙈|hear_no_evil 🙉|speak_no_evil 🙊|unicorn_face 🦄
  wastebasket 🗑️|lock_with_ink_pen 🔏|satellite 🛰️|telescope 🔭|crystal_ball 🔮|game_die 🎲|dart 🎯|art 🎨|broom 🧹
  `.trim().split(/\s*[|\n]\s*/).map((pair) => pair.split(' ')));

/** Emoji that the picker offers. */
export const PALETTE = ['+1', 'eyes', 'white_check_mark', 'tada', 'heart', 'rocket', 'thinking_face', 'x'];

export function emoji(name) {
  const known = EMOJI[name?.split('::')[0]];
  return known ? h('span', { class: 'emoji', title: `:${name}:` }, known) : document.createTextNode(`:${name}:`);
}

export function withEmoji(text) {
  return text.split(/(:[a-z0-9_+'-]+:)/).map((part) => (/^:[a-z0-9_+'-]+:$/.test(part) ? emoji(part.slice(1, -1)) : part));
}

const unescape = (text) => text.replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&amp;/g, '&');

/** `names` turns ids into names: {user(id), channel(id)}. */
function special(inside, names) {
  const [target, label] = inside.split('|');
  if (target.startsWith('@')) return mention(`@${names.user(target.slice(1)) ?? label ?? target.slice(1)}`);
  if (target.startsWith('#')) return mention(`#${names.channel(target.slice(1)) ?? label ?? target.slice(1)}`);
  if (target.startsWith('!date')) return h('span', null, unescape(label ?? ''));
  if (target.startsWith('!')) return mention(`@${(label ?? target.slice(1)).replace(/^subteam\^/, '')}`);
  if (!/^([a-z][a-z0-9+.-]*:\/\/|mailto:|tel:)/i.test(target)) return unescape(`<${inside}>`); // nothing that Slack marks
  return link(unescape(target), unescape(label ?? target));
}

export function mention(text) {
  return h('span', { class: 'mention' }, text);
}

const EDGE_BEFORE = "(?<=^|[\\s([{>_*~\"'—-])";
const EDGE_AFTER = "(?=$|[\\s)\\]}.,!?:;<_*~\"'—-])";
const INLINE = new RegExp(
  '(`[^`\\n]+`)|(<[^>\\n]+>)|(:[a-z0-9_+\'-]+:)' +
  `|${EDGE_BEFORE}\\*(\\S|\\S[^*\\n]*\\S)\\*${EDGE_AFTER}` +
  `|${EDGE_BEFORE}_(\\S|\\S[^_\\n]*\\S)_${EDGE_AFTER}` +
  `|${EDGE_BEFORE}~(\\S|\\S[^~\\n]*\\S)~${EDGE_AFTER}`, 'g');

function inlineMrkdwn(text, names) {
  const out = [];
  let at = 0;
  for (const m of text.matchAll(INLINE)) {
    out.push(unescape(text.slice(at, m.index)));
    if (m[1]) out.push(h('code', null, unescape(m[1].slice(1, -1))));
    else if (m[2]) out.push(special(m[2].slice(1, -1), names));
    else if (m[3]) out.push(emoji(m[3].slice(1, -1)));
    else if (m[4]) out.push(h('strong', null, inlineMrkdwn(m[4], names)));
    else if (m[5]) out.push(h('em', null, inlineMrkdwn(m[5], names)));
    else out.push(h('s', null, inlineMrkdwn(m[6], names)));
    at = m.index + m[0].length;
  }
  out.push(unescape(text.slice(at)));
  return out.filter((part) => part !== '');
}

/** Slack's mrkdwn as a list of nodes. */
export function mrkdwn(text, names) {
  const out = [];
  text.split(/```\n?([\s\S]*?)\n?```/).forEach((part, i) => {
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
    lines.forEach((line, n) => {
      const quoted = /^(?:&gt;|>) ?(.*)$/.exec(line);
      if (quoted) {
        quote.push(h('div', null, inlineMrkdwn(quoted[1], names)));
        return;
      }
      const followsQuote = quote.length > 0;
      flush();
      if (n > 0 && !followsQuote) out.push(h('br'));
      out.push(...inlineMrkdwn(line, names));
    });
    flush();
  });
  return out;
}

// --- Markdown ---

const MD_INLINE = /(`+)(.+?)\1|!?\[([^\]]*)\]\(([^)\s]+)[^)]*\)|\*\*(.+?)\*\*|__(.+?)__|~~(.+?)~~|(?<![\w*])\*(\S(?:[^*]*\S)?)\*|(?<!\w)_(\S(?:[^_]*\S)?)_(?!\w)|(https?:\/\/[^\s<>)]+)|(<[@#!][^>]+>)|(:[a-z0-9_+'-]+:)/g;

function inlineMarkdown(text, names) {
  const out = [];
  let at = 0;
  for (const m of text.matchAll(MD_INLINE)) {
    out.push(text.slice(at, m.index));
    if (m[1]) out.push(h('code', null, m[2]));
    else if (m[4]) out.push(link(m[4], m[3] || m[4]));
    else if (m[5] || m[6]) out.push(h('strong', null, inlineMarkdown(m[5] ?? m[6], names)));
    else if (m[7]) out.push(h('s', null, inlineMarkdown(m[7], names)));
    else if (m[8] || m[9]) out.push(h('em', null, inlineMarkdown(m[8] ?? m[9], names)));
    else if (m[10]) out.push(link(m[10]));
    else if (m[11]) out.push(special(m[11].slice(1, -1), names));
    else out.push(emoji(m[12].slice(1, -1)));
    at = m.index + m[0].length;
  }
  out.push(text.slice(at));
  return out.filter((part) => part !== '');
}

const cells = (line) => line.trim().replace(/^\||\|$/g, '').split('|').map((c) => c.trim());

function markdownTable(lines, names) {
  const [head, , ...rows] = lines.map(cells);
  return h('div', { class: 'table-wrap' }, h('table', null,
    h('thead', null, h('tr', null, head.map((c) => h('th', null, inlineMarkdown(c, names))))),
    h('tbody', null, rows.map((row) => h('tr', null, row.map((c) => h('td', null, inlineMarkdown(c, names))))))));
}

function markdownList(lines, names) {
  const root = { depth: -1, el: h('div') };
  const stack = [root];
  for (const line of lines) {
    const [, indent, marker, text] = /^(\s*)([-*+]|\d+[.)])\s+(.*)$/.exec(line) ?? [];
    if (marker === undefined) {
      stack.at(-1).el.lastElementChild?.append(' ', ...inlineMarkdown(line.trim(), names));
      continue;
    }
    while (stack.length > 1 && stack.at(-1).depth > indent.length) stack.pop();
    if (stack.at(-1).depth < indent.length) {
      const list = h(/\d/.test(marker) ? 'ol' : 'ul', null);
      (stack.at(-1).el.lastElementChild ?? stack.at(-1).el).append(list);
      stack.push({ depth: indent.length, el: list });
    }
    const task = /^\[([ xX])\]\s+(.*)$/.exec(text);
    stack.at(-1).el.append(h('li', null, task ? `${task[1] === ' ' ? '☐' : '☑'} ` : null, inlineMarkdown(task ? task[2] : text, names)));
  }
  return [...root.el.childNodes];
}

const isTableRule = (line) => line !== undefined && /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/.test(line) && line.includes('-');
const LIST_ITEM = /^\s*([-*+]|\d+[.)])\s+/;

/** CommonMark's everyday part as a list of nodes. */
export function markdown(text, names) {
  const out = [];
  const lines = text.split('\n');
  const takeWhile = (test) => {
    const taken = [];
    while (lines.length && test(lines[0])) taken.push(lines.shift());
    return taken;
  };
  while (lines.length) {
    const line = lines[0];
    const fence = /^\s*(```+|~~~+)/.exec(line);
    const heading = /^(#{1,6})\s+(.*?)\s*#*$/.exec(line);
    if (fence) {
      lines.shift();
      const code = takeWhile((l) => !l.trim().startsWith(fence[1]));
      lines.shift();
      out.push(h('pre', null, code.join('\n')));
    } else if (heading) {
      lines.shift();
      out.push(h(`h${Math.min(heading[1].length + 2, 6)}`, null, inlineMarkdown(heading[2], names)));
    } else if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) {
      lines.shift();
      out.push(h('hr'));
    } else if (line.includes('|') && isTableRule(lines[1])) {
      out.push(markdownTable(takeWhile((l) => l.includes('|')), names));
    } else if (LIST_ITEM.test(line)) {
      out.push(...markdownList(takeWhile((l) => LIST_ITEM.test(l) || /^\s+\S/.test(l)), names));
    } else if (/^>/.test(line)) {
      out.push(h('blockquote', null, markdown(takeWhile((l) => /^>/.test(l)).map((l) => l.replace(/^> ?/, '')).join('\n'), names)));
    } else if (line.trim() === '') {
      lines.shift();
    } else {
      const start = lines.shift();
      const rest = takeWhile((l) => l.trim() !== '' && !LIST_ITEM.test(l) && !/^(#{1,6}\s|>|\s*```)/.test(l));
      const nodes = [];
      for (const l of [start, ...rest]) nodes.push(nodes.length ? h('br') : null, inlineMarkdown(l.trimEnd(), names));
      out.push(h('p', null, nodes));
    }
  }
  return out;
}

/** What a person typed, as Slack's client sends it: escaped, with mentions, channels and links marked. */
export function encode(text, users, channels) {
  const escaped = text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
  return escaped
    .replace(/(^|[\s(])@([\w.-]+)/g, (whole, before, name) => {
      const user = users.find((u) => u.name.toLowerCase() === name.toLowerCase());
      return user ? `${before}<@${user.id}>` : whole;
    })
    .replace(/(^|[\s(])#([\w-]+)/g, (whole, before, name) => {
      const channel = channels.find((c) => c.name === name);
      return channel ? `${before}<#${channel.id}|${name}>` : whole;
    })
    .replace(/(^|[\s(])(https?:\/\/[^\s<>)]*[^\s<>).,;:!?])/g, (whole, before, url) => `${before}<${url}>`);
}

/** The reverse, for editing. */
export function decode(text, names) {
  return unescape(text.replace(/<([^>]+)>/g, (whole, inside) => {
    const [target, label] = inside.split('|');
    if (target.startsWith('@')) return `@${names.userName(target.slice(1)) ?? target.slice(1)}`;
    if (target.startsWith('#')) return `#${names.channel(target.slice(1)) ?? label}`;
    return target.startsWith('!') ? `@${label ?? target.slice(1)}` : target;
  }));
}
