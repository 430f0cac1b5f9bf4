// Elements without innerHTML: what people and models write only ever becomes text nodes.

/** h('button', {class: 'x', onclick: f, title: 't'}, 'text', node, null, [more]) */
export function h(tag, props, ...children) {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) el.addEventListener(name.slice(2), value);
    else if (name === 'class') el.className = value;
    else if (name === 'dataset') Object.assign(el.dataset, value);
    else if (name === 'value') el.value = value;
    else if (value === true) el.setAttribute(name, '');
    else el.setAttribute(name, value);
  }
  el.append(...children.flat(3).filter((c) => c !== null && c !== undefined && c !== false));
  return el;
}

export function clear(el, ...children) {
  el.replaceChildren(...children.flat(3).filter((c) => c !== null && c !== undefined && c !== false));
  return el;
}

const pad = (n) => String(n).padStart(2, '0');

export function timeOf(ts) {
  const date = new Date(Number(ts) * 1000);
  return `${pad(date.getHours())}:${pad(date.getMinutes())}`;
}

export function dayOf(ts) {
  const date = new Date(Number(ts) * 1000);
  const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(date).setHours(0, 0, 0, 0)) / 86_400_000);
  if (days === 0) return 'Today';
  if (days === 1) return 'Yesterday';
  return date.toLocaleDateString(undefined, { weekday: 'long', day: 'numeric', month: 'long' });
}

/** Only addresses that a browser may safely open. */
export function safeUrl(url) {
  return /^(https?:|mailto:)/i.test(url ?? '') ? url : null;
}

export function link(url, label) {
  const href = safeUrl(url);
  if (!href) return h('span', null, label ?? url);
  return h('a', { href, target: '_blank', rel: 'noopener noreferrer', title: url }, label ?? url);
}

/** A square with initials; its colour follows from the name. */
export function avatar(name, isApp) {
  const words = (name || '?').split(/\s+/);
  const initials = isApp ? '⌘' : words.map((w) => w[0]).join('').slice(0, 2).toUpperCase();
  let hue = 0;
  for (const c of name ?? '') hue = (hue * 31 + c.codePointAt(0)) % 8;
  return h('span', { class: `avatar ${isApp ? 'avatar-app' : `hue-${hue}`}`, 'aria-hidden': 'true' }, initials);
}
