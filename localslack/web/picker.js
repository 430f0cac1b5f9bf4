// The emoji picker.

import { clear, h } from './dom.js';
import { EMOJI, EMOJI_GROUPS, findEmoji } from './emoji.js';
import { closePopover, openPopover } from './popover.js';

const FREQUENT = ['+1', 'white_check_mark', 'eyes', 'tada', 'heart', 'rocket', 'thinking_face', 'pray', 'x'];
const FOUND_MAX = 60;
const PER_ROW = 9;

/** Opens beside `anchor`; `done(name)` after a choice. */
export function pickEmoji(anchor, done) {
  const grid = h('div', { class: 'emoji-grid' });
  const pick = (name) => {
    closePopover({ focus: true });
    done(name);
  };
  const one = (name) => h('button', { class: 'emoji-one', type: 'button', title: `:${name}:`, 'aria-label': name, tabindex: '-1', onclick: () => pick(name) }, EMOJI.get(name));
  const group = (title, list) => [h('div', { class: 'emoji-title' }, title), h('div', { class: 'emoji-rows' }, list.map(one))];
  const field = h('input', { class: 'input', type: 'text', placeholder: 'Search emoji', 'aria-label': 'Search emoji', autocomplete: 'off' });
  const draw = () => {
    const q = field.value.trim().replaceAll(':', '');
    const found = q ? findEmoji(q, FOUND_MAX) : null;
    clear(grid, found ? (found.length ? group('Found', found) : h('div', { class: 'listbox-empty' }, 'Nothing has that name'))
      : [group('Often used', FREQUENT), [...EMOJI_GROUPS].map(([title, list]) => group(title, list))]);
    grid.scrollTop = 0;
  };
  field.addEventListener('input', draw);
  const move = (e) => {
    const all = [...grid.querySelectorAll('.emoji-one')];
    const at = all.indexOf(document.activeElement);
    const to = { ArrowDown: at < 0 ? 0 : at + PER_ROW, ArrowUp: at - PER_ROW, ArrowRight: at < 0 ? undefined : at + 1, ArrowLeft: at < 0 ? undefined : at - 1 }[e.key];
    if (e.key === 'Enter' && at < 0 && all.length) all[0].click();
    else if (to === undefined) return;
    else if (to < 0) field.focus();
    else all[Math.min(to, all.length - 1)]?.focus();
    e.preventDefault();
    e.stopPropagation();
  };
  const el = openPopover(anchor, h('div', { class: 'picker', role: 'dialog', 'aria-label': 'Emoji', onkeydown: move }, field, grid), { align: 'end' });
  if (!el) return;
  draw();
  field.focus({ preventScroll: true });
}
