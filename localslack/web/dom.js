// Elements without innerHTML: what people, apps and models write only ever becomes text nodes.

const flat = (children) => children.flat(4).filter((c) => c !== null && c !== undefined && c !== false && c !== '');

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
  el.append(...flat(children));
  return el;
}

export function clear(el, ...children) {
  el.replaceChildren(...flat(children));
  return el;
}

/** What the keyboard is in, so that it can be found again after its surroundings were drawn anew; within a message at least that. */
export function focusOf(el) {
  const focus = document.activeElement;
  if (!focus || focus === document.body || !el.contains(focus)) return null;
  const scope = focus.closest('[data-ts]')?.dataset.ts;
  const action = focus.closest('[data-action]')?.dataset.action;
  if (!action && !scope) return null;
  return { action, scope, from: focus.selectionStart, to: focus.selectionEnd };
}

export function restoreFocus(el, kept) {
  if (!kept || (document.activeElement && document.activeElement !== document.body && el.contains(document.activeElement))) return;
  const scope = kept.scope ? el.querySelector(`[data-ts="${CSS.escape(kept.scope)}"]`) : el;
  let target = kept.action ? scope?.querySelector(`[data-action="${CSS.escape(kept.action)}"]`) : scope;
  if (target && !target.matches('button, input, textarea, select, summary, [tabindex]')) target = target.querySelector('button, input, textarea, select, summary') ?? target;
  target?.focus({ preventScroll: true });
  if (kept.from !== undefined && kept.from !== null && target?.setSelectionRange && /^(text|search|url|tel|password|textarea)$/.test(target.type)) {
    target.setSelectionRange(kept.from, kept.to);
  }
}

/** Makes `nodes` the children of `el`; what is already there stays untouched, with its focus and its state. */
export function arrange(el, nodes) {
  const wanted = new Set(nodes);
  for (const child of [...el.childNodes]) if (!wanted.has(child)) child.remove();
  let at = el.firstChild;
  for (const node of nodes) {
    if (node === at) at = at.nextSibling;
    else el.insertBefore(node, at);
  }
}

const pad = (n) => String(n).padStart(2, '0');

export function timeOf(ts) {
  const date = new Date(Number(ts) * 1000);
  return `${pad(date.getHours())}:${pad(date.getMinutes())}`;
}

export const fullTimeOf = (ts) => new Date(Number(ts) * 1000).toLocaleString();

export function dayOf(ts) {
  const date = new Date(Number(ts) * 1000);
  const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(date).setHours(0, 0, 0, 0)) / 86_400_000);
  if (days === 0) return 'Today';
  if (days === 1) return 'Yesterday';
  return date.toLocaleDateString('en-GB', { weekday: 'long', day: 'numeric', month: 'long' });
}

export function sizeOf(bytes) {
  if (!(bytes >= 0)) return '';
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** Only addresses that a browser may safely open. */
export function safeUrl(url) {
  return typeof url === 'string' && /^(https?:\/\/|mailto:|tel:)/i.test(url) ? url : null;
}

export function link(url, label) {
  const href = safeUrl(url);
  if (!href) return h('span', null, label ?? String(url ?? ''));
  return h('a', { href, target: '_blank', rel: 'noopener noreferrer', title: url }, label ?? url);
}

/** The part of a file's address that is ours: the page may be open under another name of this machine. */
export function ownPath(url) {
  if (typeof url !== 'string') return null;
  if (url.startsWith('/files-pri/')) return url;
  if (!URL.canParse(url)) return null;
  const { pathname } = new URL(url);
  return pathname.startsWith('/files-pri/') ? pathname : null;
}

/** A square with initials; its colour follows from the name. */
export function avatar(name, { app = false, sign = null } = {}) {
  const text = String(name || '?');
  const words = text.split(/\s+/).filter(Boolean);
  const initials = words.map((w) => [...w][0]).join('').slice(0, 2).toUpperCase() || '?';
  let hue = 0;
  for (const c of text.slice(0, 100)) hue = (hue * 31 + c.codePointAt(0)) % 8;
  return h('span', { class: `avatar ${app ? 'avatar-app' : `hue-${hue}`}`, 'aria-hidden': 'true' }, sign ?? initials);
}

/** A <details> that stays as the reader left it, although it is drawn anew. */
const opened = new Map();
const OPENED_MAX = 2000;
export function remembered(details, key, openAtFirst) {
  details.open = opened.get(key) ?? openAtFirst;
  details.addEventListener('toggle', () => {
    if (details.open === (opened.get(key) ?? openAtFirst)) return;
    if (opened.size >= OPENED_MAX) opened.delete(opened.keys().next().value);
    opened.set(key, details.open);
  });
  return details;
}
