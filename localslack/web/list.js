// A list of messages that scrolls. Only a window of it is in the document: the newest ones, and more as the reader
// scrolls up. What did not change is not drawn again.

import { arrange, dayOf, focusOf, h, restoreFocus } from './dom.js';
import { icon } from './icons.js';
import { authorOf, renderMessage } from './messages.js';
import { forgetFailures } from './pending.js';
import { store } from './store.js';

const SHOWN = 100;   // at first, and more at a time
const SHOWN_MAX = 500;
const NEAR_PX = 400;
const END_PX = 60;
const GROUP_SECONDS = 300;

export class MessageList {
  #scroller;
  #inner;
  #pill;
  #nodes = new Map(); // ts → {message, compact, version, status, el}
  #extras = new Map(); // key → element of a line between
  #first = null;      // ts of the first shown message, when the reader scrolled up
  #following = true;  // the reader is at the end and stays there
  #seen = null;       // the newest ts that the reader had at the end
  #newFrom = null;    // the first message that came while nobody looked
  #known = null;      // the newest ts at the last look
  #looked = false;    // was it drawn before?
  #all = [];
  #busy = false;

  /**
   * options: channel(), me, open(channel, ts), collect() → messages oldest first, inThread, readUpTo?, earlier?() → promise
   * of whether older ones came, tail?() → nodes after the last message, empty?() → node, statusOf?(message) → node or null.
   */
  constructor(options) {
    this.options = options;
    this.#known = options.readUpTo ?? null;
    this.#inner = h('div', { class: 'list-inner' });
    this.#scroller = h('div', { class: 'list', role: 'log', 'aria-label': options.inThread ? 'Thread' : 'Messages', tabindex: '-1' }, this.#inner);
    this.#pill = h('button', { class: 'pill', type: 'button', hidden: true, onclick: () => this.toEnd() });
    this.el = h('div', { class: 'list-wrap' }, this.#scroller, this.#pill);
    this.#scroller.addEventListener('scroll', () => this.#onScroll(), { passive: true });
    // Opening a fold must not push away what the reader clicked on.
    this.#scroller.addEventListener('click', (e) => {
      if (e.target.closest('summary')) this.#following = false;
    }, true);
    new ResizeObserver(() => this.#following && this.#pin()).observe(this.#inner);
  }

  get following() {
    return this.#following;
  }

  toEnd() {
    this.#following = true;
    this.#first = null;
    this.draw();
  }

  /** Shows one message although it may be out of the window. */
  reveal(ts) {
    const at = this.#all.findIndex((m) => m.ts === ts);
    if (at < 0) return;
    this.#following = false;
    this.#first = this.#all[Math.max(0, at - 10)].ts;
    this.draw();
    this.#nodes.get(ts)?.el.scrollIntoView({ block: 'center' });
  }

  elementOf(ts) {
    return this.#nodes.get(ts)?.el;
  }

  #atEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight < END_PX;
  }

  #pin() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  #onScroll() {
    const wholeTail = this.#all.length === 0 || this.#nodes.has(this.#all.at(-1).ts);
    const was = this.#following;
    this.#following = wholeTail && this.#atEnd();
    if (was && !this.#following) {
      this.#seen = this.#all.at(-1)?.ts ?? null;
      this.#first ??= this.#window()[0]?.ts ?? null;
    }
    if (this.#following) this.#first = null;
    else if (this.#scroller.scrollTop < NEAR_PX) void this.#earlier();
    else if (!wholeTail && this.#scroller.scrollHeight - this.#scroller.scrollTop - this.#scroller.clientHeight < NEAR_PX) this.#later();
    this.#drawPill();
  }

  async #earlier() {
    if (this.#busy) return;
    const first = this.#window()[0];
    let at = first ? this.#all.findIndex((m) => m.ts === first.ts) : 0;
    if (at === 0) {
      this.#busy = true;
      const more = await this.options.earlier?.();
      this.#busy = false;
      if (!more || !this.el.isConnected) return;
      this.#all = this.options.collect();
      at = first ? this.#all.findIndex((m) => m.ts === first.ts) : 0;
    }
    if (this.#following) this.draw(); // the reader is at the end and stays there
    if (at <= 0 || this.#following) return;
    this.#first = this.#all[Math.max(0, at - SHOWN)].ts;
    this.draw();
  }

  #later() {
    const first = this.#window()[0];
    const at = this.#all.findIndex((m) => m.ts === first?.ts);
    this.#first = this.#all[Math.min(this.#all.length - 1, at + SHOWN)].ts;
    this.draw();
  }

  #window() {
    if (this.#following || this.#first === null) return this.#all.slice(-SHOWN);
    let from = 0;
    let to = this.#all.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (this.#all[middle].ts < this.#first) from = middle + 1;
      else to = middle;
    }
    return this.#all.slice(from, from + SHOWN_MAX);
  }

  #extra(key, make) {
    if (!this.#extras.has(key)) this.#extras.set(key, make());
    return this.#extras.get(key);
  }

  #node(m, compact) {
    const status = this.options.statusOf?.(m) ?? null;
    const known = this.#nodes.get(m.ts);
    if (known && known.message === m && known.compact === compact && known.version === store.version && known.status === status) return known;
    if (known && known.message !== m) forgetFailures(`msg:${this.options.channel().id}:${m.ts}`);
    const editing = known?.el.querySelector('.editing');
    if (editing && known.message.edited?.ts === m.edited?.ts) return known; // what is being typed is not thrown away
    const el = renderMessage(m, this.options.channel(), { ...this.options, compact });
    if (status) el.querySelector('.message-main').append(status.draw());
    return { message: m, compact, version: store.version, status, el };
  }

  #lines(shown) {
    const out = [];
    const nodes = new Map();
    const { inThread } = this.options;
    const root = inThread ? this.#all[0] : null;
    let before = null;
    let isNewMarked = false;
    for (const m of shown) {
      const day = dayOf(m.ts);
      const newDay = !before || dayOf(before.ts) !== day;
      if (newDay && !inThread) out.push(this.#extra(`day ${day} ${m.ts}`, () => h('div', { class: 'line', role: 'separator' }, h('span', null, day))));
      const isNew = !isNewMarked && this.#newFrom !== null && m.ts >= this.#newFrom;
      if (isNew) {
        isNewMarked = true;
        out.push(this.#extra('new', () => h('div', { class: 'line line-new', role: 'separator' }, h('span', null, 'New'))));
      }
      const compact = !newDay && !isNew && !m.is_ephemeral && !before.is_ephemeral && m.subtype !== 'thread_broadcast' && m.subtype !== 'tombstone' && before.subtype !== 'tombstone' &&
        authorOf(before) === authorOf(m) && Boolean(before.bot_id) === Boolean(m.bot_id) && Number(m.ts) - Number(before.ts) < GROUP_SECONDS && before !== root;
      const node = this.#node(m, compact);
      nodes.set(m.ts, node);
      out.push(node.el);
      if (m === root && this.#all.length > 1) {
        const n = this.#all.filter((r) => !r.is_ephemeral).length - 1;
        if (n > 0) out.push(this.#extra(`replies ${n}`, () => h('div', { class: 'line line-left', role: 'separator' }, h('span', null, `${n} ${n === 1 ? 'reply' : 'replies'}`))));
      }
      before = m;
    }
    this.#nodes = nodes;
    return out;
  }

  /** What came before the list was opened, or while the tab was hidden, begins with a line. */
  #markNew() {
    const wasAway = document.visibilityState !== 'visible' || !this.#looked;
    this.#looked = true;
    const first = wasAway && this.#known ? this.#all.find((m) => m.ts > this.#known && m.user !== this.options.me && !m.is_ephemeral) : null;
    if (first && (this.#newFrom === null || this.#newFrom <= this.#known)) this.#newFrom = first.ts;
    if (document.visibilityState === 'visible') this.#known = this.#all.at(-1)?.ts ?? this.#known;
  }

  draw() {
    if (!this.#following && this.#atEnd() && this.#nodes.has(this.#all.at(-1)?.ts)) {
      this.#following = true;
      this.#first = null;
    }
    this.#all = this.options.collect();
    this.#markNew();
    const shown = this.#window();
    const kept = this.#following ? null : this.#anchor();
    const focus = focusOf(this.#inner);
    const lines = this.#lines(shown);
    const out = shown.length ? lines : [this.#extra('empty', () => this.options.empty?.() ?? h('div'))];
    arrange(this.#inner, [...out, ...(this.options.tail?.() ?? [])]);
    restoreFocus(this.#inner, focus);
    if (this.#following) {
      this.#pin();
      this.#seen = this.#all.at(-1)?.ts ?? null;
    } else if (kept?.el.isConnected) this.#scroller.scrollTop += kept.el.getBoundingClientRect().top - kept.top;
    else if (kept && this.#nodes.has(kept.ts)) this.#scroller.scrollTop += this.#nodes.get(kept.ts).el.getBoundingClientRect().top - kept.top;
    this.#drawPill();
    // What was loaded at first may have been replies only.
    if (this.#all.length < SHOWN) void this.#earlier();
  }

  /** The first message in view, which stays where it is. */
  #anchor() {
    const top = this.#scroller.getBoundingClientRect().top;
    for (const [ts, { el }] of this.#nodes) {
      const box = el.getBoundingClientRect();
      if (box.bottom > top) return { ts, el, top: box.top };
    }
    return null;
  }

  #drawPill() {
    const news = this.#following || this.#seen === null ? 0 : this.#all.filter((m) => m.ts > this.#seen && m.user !== this.options.me).length;
    const far = this.#scroller.scrollHeight - this.#scroller.scrollTop - this.#scroller.clientHeight > 600;
    const isHidden = this.#following || !(news || far);
    const text = news ? `${news} new ${news === 1 ? 'message' : 'messages'}` : 'Newest';
    if (this.#pill.hidden === isHidden && this.#pill.textContent === text) return;
    this.#pill.hidden = isHidden;
    this.#pill.replaceChildren(icon('down'), text);
  }
}
