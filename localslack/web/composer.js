// Where people write: text with completion, files, emoji, slash commands.

import { arrange, avatar, clear, h, sizeOf } from './dom.js';
import { emojiCharacter, findEmoji } from './emoji.js';
import { icon } from './icons.js';
import { formatBar } from './inputs.js';
import { pickEmoji } from './picker.js';
import { notice, openMenu } from './popover.js';
import { whyNot } from './pending.js';
import { interact, isDirect, post, store, tell, titleOf, upload } from './store.js';
import { encode } from './text.js';

const FOUND_MAX = 8;
const FILES_MAX = 10;
const FILE_BYTES_MAX = 15_000_000;
const HEIGHT_MAX_PX = 260;
const drafts = new Map(); // place → text

export const commandsOf = (app) => app.commands ?? (app.slash_commands ?? []).map((command) => ({ command }));

/** What the word before the caret may become: [{key, sign, label, note, insert, from}]. */
function completions(area, channel, thread) {
  const before = area.value.slice(0, area.selectionStart);
  if (!thread && /^\/\S*$/.test(before)) {
    return commandsOf(store.app).filter((c) => c.command.startsWith(before)).map((c) => ({
      sign: icon('terminal'), label: c.command, note: c.usage_hint || c.description || store.app.name, insert: `${c.command} `, from: 0 }));
  }
  const word = /(?:^|[\s([{])([@#:])([^\s@#:]*)$/.exec(before);
  if (!word) return [];
  const [, sign, text] = word;
  const from = before.length - text.length - 1;
  const q = text.toLowerCase();
  if (sign === ':') return q.length < 2 ? [] : findEmoji(q, FOUND_MAX).map((name) => ({ sign: h('span', { class: 'emoji' }, emojiCharacter(name)), label: `:${name}:`, insert: `:${name}: `, from }));
  if (sign === '#') {
    return [...store.channels.values()].filter((c) => !isDirect(c) && c.name?.toLowerCase().includes(q)).slice(0, FOUND_MAX)
      .map((c) => ({ sign: icon(c.type === 'group' ? 'lock' : 'hash'), label: c.name, insert: `#${c.name} `, from }));
  }
  const people = store.users.filter((u) => u.id !== 'USLACKBOT' && (u.name.toLowerCase().includes(q) || u.real_name?.toLowerCase().includes(q)))
    .sort((a, b) => channel.members.includes(b.id) - channel.members.includes(a.id)).slice(0, FOUND_MAX)
    .map((u) => ({ sign: avatar(u.real_name, { app: u.is_bot }), label: u.real_name, note: `@${u.name}${channel.members.includes(u.id) ? '' : ' · not in this channel'}`, insert: `@${u.name} `, from }));
  const all = ['here', 'channel'].filter((w) => w.startsWith(q)).map((w) => ({ sign: icon('users'), label: `@${w}`, note: w === 'here' ? 'everybody who is active' : 'everybody in this channel', insert: `@${w} `, from }));
  return [...people, ...(isDirect(channel) ? [] : all)].slice(0, FOUND_MAX);
}

/** A failure that only this person sees, in place, as Slack's own bot would say it. */
function sayLocally(channel, me, text) {
  const message = { ts: (Date.now() / 1000).toFixed(6), text, is_ephemeral: true, username: 'localslack' };
  store.ephemerals = [...store.ephemerals, { channel: channel.id, user: me, message }];
  tell('ephemeral', { channel: channel.id });
}

async function runCommand(channel, me, command, text) {
  const report = await interact('command', { user: me, channel: channel.id, command, text });
  if (report.acked || report.ok === false) return report.ok !== false;
  sayLocally(channel, me, `\`${command}\` failed: ${whyNot(report)}`);
  return true;
}

class Files {
  #list = []; // {file, el}
  constructor(changed) {
    this.el = h('div', { class: 'composer-files' });
    this.changed = changed;
  }

  get count() {
    return this.#list.length;
  }

  add(files) {
    for (const file of files) {
      if (this.#list.length >= FILES_MAX) notice(`At most ${FILES_MAX} files at a time.`);
      else if (file.size > FILE_BYTES_MAX) notice(`${file.name} is larger than ${sizeOf(FILE_BYTES_MAX)}.`);
      else {
        const entry = { file, el: null };
        const preview = /^image\/(png|jpeg|gif|webp)$/.test(file.type) ? h('img', { alt: '' }) : icon('file');
        if (preview.tagName === 'IMG') this.#show(preview, file);
        entry.el = h('div', { class: 'composer-file' }, preview, h('span', { class: 'file-name' }, file.name), h('span', { class: 'muted' }, sizeOf(file.size)),
          h('button', { class: 'chip-x', type: 'button', 'aria-label': `Remove ${file.name}`, onclick: () => this.#remove(entry) }, icon('close')));
        this.#list.push(entry);
        this.el.append(entry.el);
      }
    }
    this.changed();
  }

  /** As a data address: the content security policy lets no others in. */
  #show(img, file) {
    const reader = new FileReader();
    reader.onload = () => (img.src = reader.result);
    reader.readAsDataURL(file);
  }

  #remove(entry) {
    this.#list = this.#list.filter((e) => e !== entry);
    entry.el.remove();
    this.changed();
  }

  /** Uploads all of them; their ids, or null when one failed (all stay then). */
  async send(me) {
    const ids = [];
    for (const entry of this.#list) {
      entry.el.classList.add('busy');
      const id = await upload(me, entry.file);
      entry.el.classList.remove('busy');
      if (!id) return null;
      ids.push({ id });
    }
    this.#list = [];
    clear(this.el);
    return ids;
  }
}

/** The list above the text that completes the word at the caret. */
class Hints {
  #rows = [];
  #active = 0;
  constructor(area, collect) {
    this.area = area;
    this.collect = collect;
    this.el = h('div', { class: 'hints', role: 'listbox', id: `hints-${Math.random().toString(36).slice(2)}`, 'aria-label': 'Suggestions', hidden: true });
    area.setAttribute('aria-controls', this.el.id);
  }

  get open() {
    return !this.el.hidden;
  }

  close() {
    this.el.hidden = true;
    this.#rows = [];
    this.area.removeAttribute('aria-activedescendant');
  }

  refresh() {
    this.#rows = this.collect();
    this.#active = 0;
    if (!this.#rows.length) {
      this.close();
      return;
    }
    this.el.hidden = false;
    clear(this.el, this.#rows.map((row, i) => h('div', { class: 'hint', role: 'option', id: `${this.el.id}-${i}`,
      onmousedown: (e) => {
        e.preventDefault();
        this.use(i);
      } }, row.sign, h('strong', null, row.label), row.note ? h('span', { class: 'muted' }, row.note) : null)));
    this.#mark();
  }

  #mark() {
    [...this.el.children].forEach((el, i) => el.setAttribute('aria-selected', String(i === this.#active)));
    this.area.setAttribute('aria-activedescendant', `${this.el.id}-${this.#active}`);
  }

  use(i = this.#active) {
    const row = this.#rows[i];
    this.area.setRangeText(row.insert, row.from, this.area.selectionStart, 'end');
    this.close();
    this.area.dispatchEvent(new Event('input', { bubbles: true }));
    this.area.focus();
  }

  /** True when the key was for the list. */
  key(e) {
    if (!this.open) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (step) {
      this.#active = (this.#active + step + this.#rows.length) % this.#rows.length;
      this.#mark();
    } else if (e.key === 'Escape') this.close();
    else if (e.key === 'Tab' || (e.key === 'Enter' && !e.shiftKey && this.#completes())) this.use();
    else return false;
    e.preventDefault();
    e.stopPropagation();
    return true;
  }

  /** A command that is already complete is sent by Enter, not completed once more. */
  #completes() {
    const row = this.#rows[this.#active];
    return this.area.value.slice(row.from, this.area.selectionStart).trim() !== row.insert.trim();
  }
}

function placeholderOf(channel, thread, me) {
  if (thread) return 'Reply…';
  return `Message ${isDirect(channel) ? titleOf(channel, me) : `#${channel.name}`}`;
}

/** options: {me, channel(), thread, editLast(), sent()}; returns {el, focus(), put(text)}. */
export function composer({ me, channel, thread, editLast, sent }) {
  const place = `${me}|${channel().id}|${thread ?? ''}`;
  const area = h('textarea', { rows: 1, placeholder: placeholderOf(channel(), thread, me), 'aria-label': thread ? 'Reply' : 'Message', value: drafts.get(place) ?? '',
    role: 'combobox', 'aria-expanded': 'false', 'aria-autocomplete': 'list', dataset: { action: 'compose' } });
  const hints = new Hints(area, () => completions(area, channel(), thread));
  const usage = h('div', { class: 'usage', hidden: true });
  const broadcast = h('input', { type: 'checkbox' });
  const send = h('button', { class: 'send', type: 'button', 'aria-label': 'Send', title: 'Send (Enter)', onclick: () => void submit() }, icon('send'));
  const changed = () => {
    area.style.height = 'auto';
    area.style.height = `${Math.min(area.scrollHeight, HEIGHT_MAX_PX)}px`;
    send.disabled = !area.value.trim() && !files.count;
    const command = !thread && /^(\/\S+)\s/.exec(area.value)?.[1];
    const known = command ? commandsOf(store.app).find((c) => c.command === command) : null;
    usage.hidden = !known?.usage_hint;
    if (known?.usage_hint) clear(usage, h('strong', null, known.command), ' ', known.usage_hint);
  };
  const files = new Files(changed);
  const clearText = () => {
    area.value = '';
    drafts.delete(place);
    hints.close();
    changed();
  };

  async function submit() {
    const text = area.value.trim();
    const command = /^(\/[a-z][\w-]*)(?:\s+([\s\S]*))?$/i.exec(text);
    if (!text && !files.count) return;
    if (command && !files.count) {
      if (thread) notice(`${command[1]} is not supported in threads. Sorry!`);
      else if (!commandsOf(store.app).some((c) => c.command === command[1])) notice(`${command[1]} is not a command of ${store.app.name}. A message that begins with / is a command.`);
      else {
        clearText();
        await runCommand(channel(), me, command[1], command[2] ?? '');
      }
      return;
    }
    const ids = files.count ? await files.send(me) : [];
    if (!ids) return;
    clearText();
    const answer = await post('message', { user: me, channel: channel().id, text: encode(text, store.users, [...store.channels.values()]),
      ...(thread ? { thread_ts: thread } : {}), ...(ids.length ? { files: ids } : {}), ...(thread && broadcast.checked ? { subtype: 'thread_broadcast', reply_broadcast: true } : {}) });
    if (!answer.ok && !area.value) area.value = text;
    if (answer.ok) sent();
    broadcast.checked = false;
    changed();
  }

  area.addEventListener('input', () => {
    drafts.set(place, area.value);
    changed();
    hints.refresh();
    area.setAttribute('aria-expanded', String(hints.open));
  });
  area.addEventListener('blur', () => hints.close());
  area.addEventListener('keydown', (e) => {
    if (e.isComposing || hints.key(e)) return;
    if (e.key === 'Enter' && !e.shiftKey) {
      e.preventDefault();
      void submit();
    } else if (e.key === 'ArrowUp' && !area.value && !e.altKey && !e.ctrlKey && !e.metaKey && editLast?.()) e.preventDefault();
  });
  area.addEventListener('paste', (e) => {
    if (!e.clipboardData?.files.length) return;
    e.preventDefault();
    files.add(e.clipboardData.files);
  });

  const picker = h('input', { type: 'file', multiple: true, class: 'visually-hidden', tabindex: '-1', 'aria-label': 'Files', onchange: () => {
    files.add(picker.files);
    picker.value = '';
  } });
  const insert = (text) => {
    area.setRangeText(text, area.selectionStart, area.selectionEnd, 'end');
    area.dispatchEvent(new Event('input', { bubbles: true }));
    area.focus();
  };
  const tool = (label, name, onclick) => h('button', { class: 'tool', type: 'button', title: label, 'aria-label': label, onclick }, icon(name));
  const smile = tool('Emoji', 'smile', () => pickEmoji(smile, (name) => insert(`:${name}: `)));
  const shortcuts = (store.app.shortcuts ?? []).filter((s) => s.type === 'global');
  const bolt = shortcuts.length ? tool('Shortcuts', 'bolt', () => openMenu(bolt, shortcuts.map((s) => ({ label: s.name, note: store.app.name,
    run: () => void interact('shortcut', { user: me, callback_id: s.callback_id }) })))) : null;
  const box = h('div', { class: 'composer-box' }, formatBar(area), area, files.el,
    h('div', { class: 'composer-tools' }, tool('Attach files', 'attach', () => picker.click()), picker, smile, bolt,
      thread && !isDirect(channel()) ? h('label', { class: 'also' }, broadcast, h('span', null, 'Also send to ', h('bdi', null, `#${channel().name}`))) : null,
      h('span', { class: 'grow' }), send));
  const el = h('div', { class: 'composer' }, hints.el, usage, box);
  const over = (on) => (e) => {
    if (!e.dataTransfer?.types.includes('Files')) return;
    e.preventDefault();
    box.classList.toggle('dropping', on);
    if (e.type === 'drop') files.add(e.dataTransfer.files);
  };
  el.addEventListener('dragover', over(true));
  el.addEventListener('dragleave', over(false));
  el.addEventListener('drop', over(false));
  requestAnimationFrame(changed);
  return {
    el,
    focus: () => area.focus({ preventScroll: true }),
    put: (text) => {
      area.value = text;
      area.dispatchEvent(new Event('input', { bubbles: true }));
    },
    submit,
    arrange: (nodes) => arrange(el, [...nodes, hints.el, usage, box]),
  };
}
