// The part of YAML that script files need, without a dependency: block mappings and sequences, plain and
// quoted scalars, literal blocks (`|`, `|-`), comments, and flow collections as long as they are also JSON.
//
// Everything else (anchors, tags, folded blocks, several documents, tabs, duplicate keys) is refused with the
// line number. A refusal is a better answer than a guess: a script read wrongly shows up as a test failing
// elsewhere.

/** A mistake in the YAML text; `line` counts from 1. */
export class YamlError extends Error {
  constructor(message, line) {
    super(`line ${line}: ${message}`);
    this.line = line;
  }
}

const KEY = /^("(?:[^"\\]|\\.)*"|[A-Za-z_][\w.-]*):(?:\s+(.*))?$/s;

class Reader {
  constructor(text) {
    this.lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
    this.at = 0;
  }

  fail(message) {
    throw new YamlError(message, this.at + 1);
  }

  /** Skips blank lines and comments; returns {indent, text} of the line reached, or null at the end. */
  peek() {
    for (; this.at < this.lines.length; this.at++) {
      const line = this.lines[this.at];
      const text = line.trimStart();
      if (text === '' || text.startsWith('#')) continue;
      const indent = line.length - text.length;
      if (line.slice(0, indent).includes('\t')) this.fail('tabs cannot indent');
      if (/^(---|\.\.\.)(\s|$)/.test(line)) this.fail('several documents are not supported');
      return { indent, text: text.trimEnd() };
    }
    return null;
  }
}

/** The value without a trailing comment. Quotes are respected, as in `a: "x # y"`. */
function withoutComment(text) {
  const quoted = /^("(?:[^"\\]|\\.)*"|'(?:[^']|'')*')\s*(#.*)?$/.exec(text);
  if (quoted) return quoted[1];
  if (/^[[{]/.test(text)) return text;
  return text.replace(/(^|\s)#.*$/, '').trimEnd();
}

function scalar(reader, raw) {
  const text = withoutComment(raw);
  if (text === '' || text === 'null' || text === '~') return null;
  if (text === 'true' || text === 'false') return text === 'true';
  if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  if (/^["[{]/.test(text)) {
    try {
      return JSON.parse(text);
    } catch {
      reader.fail('quoted strings and flow collections must be written as in JSON');
    }
  }
  if (text.startsWith("'")) {
    if (!/^'(?:[^']|'')*'$/.test(text)) reader.fail('unterminated quoted string');
    return text.slice(1, -1).replaceAll("''", "'");
  }
  if (/^(?:[&*!>%@`]|[-?] )/.test(text)) reader.fail(`"${text[0]}" is not supported here: quote the text`);
  if (/:\s/.test(text)) reader.fail('": " inside plain text: quote it');
  return text;
}

/** A literal block whose lines are indented deeper than `parent`. */
function literal(reader, header, parent) {
  const keepEnd = header === '|';
  const out = [];
  let indent = -1;
  for (; reader.at < reader.lines.length; reader.at++) {
    const line = reader.lines[reader.at];
    const own = line.length - line.trimStart().length;
    if (line.trim() === '') {
      out.push(indent >= 0 ? line.slice(indent) : '');
      continue;
    }
    if (own <= parent) break;
    if (indent < 0) indent = own;
    if (own < indent) reader.fail('a line of the block is indented less than its first');
    out.push(line.slice(indent));
  }
  while (out.length > 0 && out.at(-1).trim() === '') out.pop();
  return out.join('\n') + (keepEnd && out.length > 0 ? '\n' : '');
}

/** The value behind `key:` or `- `, on the same line or below. `indent` is the indentation of its owner. */
function value(reader, rest, indent, allowSameIndentList) {
  const text = withoutComment(rest ?? '');
  if (text === '|' || text === '|-') {
    reader.at++;
    return literal(reader, text, indent);
  }
  if (text !== '') {
    const result = scalar(reader, rest);
    reader.at++;
    return result;
  }
  reader.at++;
  const next = reader.peek();
  if (!next) return null;
  if (next.indent > indent) return block(reader, next.indent);
  if (allowSameIndentList && next.indent === indent && isItem(next.text)) return sequence(reader, indent);
  return null;
}

const isItem = (text) => text === '-' || text.startsWith('- ');

function sequence(reader, indent) {
  const out = [];
  for (let line = reader.peek(); line && line.indent === indent && isItem(line.text); line = reader.peek()) {
    const rest = line.text.slice(1).trimStart();
    if (KEY.test(rest)) {
      // `- key: value` opens a mapping indented to where the key stands.
      const inner = indent + (line.text.length - rest.length);
      reader.lines[reader.at] = ' '.repeat(inner) + rest;
      out.push(mapping(reader, inner));
    } else {
      out.push(value(reader, rest, indent, false));
    }
  }
  return out;
}

function mapping(reader, indent) {
  const out = {};
  for (let line = reader.peek(); line && line.indent === indent && !isItem(line.text); line = reader.peek()) {
    const match = KEY.exec(line.text);
    if (!match) reader.fail('expected "key: value"');
    const key = match[1].startsWith('"') ? JSON.parse(match[1]) : match[1];
    if (Object.hasOwn(out, key)) reader.fail(`duplicate key "${key}"`);
    if (key === '__proto__') reader.fail('"__proto__" cannot be a key');
    out[key] = value(reader, match[2], indent, true);
  }
  return out;
}

function block(reader, indent) {
  const line = reader.peek();
  if (isItem(line.text)) return sequence(reader, indent);
  if (KEY.test(line.text)) return mapping(reader, indent);
  const result = scalar(reader, line.text);
  reader.at++;
  return result;
}

/** Text → plain objects, arrays and scalars. Throws YamlError. */
export function parseYaml(text) {
  const reader = new Reader(text);
  const first = reader.peek();
  if (!first) return null;
  const result = block(reader, first.indent);
  if (reader.peek()) reader.fail('unexpected indentation');
  return result;
}
