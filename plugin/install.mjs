#!/usr/bin/env node
// Puts the bridge plugin into an OpenCode configuration.
//
//   node plugin/install.mjs --config-dir DIR --plugin FILE [--project DIR]… [--opencode-version 1.18.33]
//
// Two things have to be done. OpenCode has to be told of the plugin: an entry in `plugin` of opencode.json,
// which is edited in place, so that other keys, comments and layout stay. And a trap has to be disarmed: as
// soon as any external plugin is configured, OpenCode installs @opencode-ai/plugin from npm into each of its
// configuration directories before it answers the first request, for over a minute when the registry cannot
// be reached. It does so when node_modules is absent, or when package.json or its own wish names a package
// that the root entry of package-lock.json does not (it compares names only). The bridge needs no package,
// so the wish is entered in both files as if it had been granted. What other plugins need is not touched:
// a dependency that is really missing stays missing, and OpenCode goes on to install it.
//
// Everything may be run again; what is right already is not written.

import { existsSync, mkdirSync, readFileSync, realpathSync, renameSync, statSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { pathToFileURL } from "node:url";
import path from "node:path";

const OPENCODE_PLUGIN = "@opencode-ai/plugin";
/** First line of a built bridge.js, by which an older copy's entry is recognised. */
const BANNER = "// @opencode-slack/bridge ";

class UserError extends Error {}

// --- JSON with comments, read with positions, so that it can be edited as text

/** Skips white space, comments and, where JSONC allows one more than JSON, a comma. */
function skipBlank(text, at) {
  const blank = /(?:\s|\/\/[^\n]*|\/\*[^]*?\*\/)*/y;
  blank.lastIndex = at;
  blank.exec(text);
  return blank.lastIndex;
}

/**
 * Parses the JSONC value at `at`: {value, start, end, members?} where members of an object are
 * [{key, node}] and of an array [{node}]. Throws UserError with line and column.
 */
function parseNode(text, at) {
  const start = skipBlank(text, at);
  const fail = (what, where) => {
    const before = text.slice(0, where).split("\n");
    throw new UserError(`line ${before.length}, column ${before.at(-1).length + 1}: ${what}`);
  };
  const open = text[start];
  if (open !== "{" && open !== "[") {
    const scalar = /"(?:[^"\\\n]|\\.)*"|-?\d[\d.eE+-]*|true|false|null/y;
    scalar.lastIndex = start;
    const match = scalar.exec(text);
    if (!match) fail("a value is expected", start);
    try {
      return { value: JSON.parse(match[0]), start, end: scalar.lastIndex };
    } catch {
      return fail("not a JSON value", start);
    }
  }
  const close = open === "{" ? "}" : "]";
  const members = [];
  let next = skipBlank(text, start + 1);
  while (text[next] !== close) {
    let key;
    if (open === "{") {
      const name = parseNode(text, next);
      if (typeof name.value !== "string") fail("a key is expected", next);
      key = name.value;
      next = skipBlank(text, name.end);
      if (text[next] !== ":") fail('":" is expected', next);
      next++;
    }
    const node = parseNode(text, next);
    members.push({ key, node });
    next = skipBlank(text, node.end);
    if (text[next] === ",") next = skipBlank(text, next + 1);
    else if (text[next] !== close) fail(`"," or "${close}" is expected`, next);
  }
  const value = open === "{" ? Object.fromEntries(members.map(({ key, node }) => [key, node.value])) : members.map(({ node }) => node.value);
  return { value, start, end: next + 1, members };
}

function parseDocument(text, file) {
  try {
    const body = text.replace(/^\uFEFF/, " ");
    const root = parseNode(body, 0);
    if (skipBlank(body, root.end) !== body.length) throw new UserError("something follows the closing brace");
    if (!root.members || Array.isArray(root.value)) throw new UserError("not an object");
    return root;
  } catch (error) {
    throw error instanceof UserError ? new UserError(`${file}: ${error.message}`) : error;
  }
}

/** Inserts `addition` as the last member of an object or array, in the layout of its neighbours. */
function insertMember(text, node, addition) {
  const last = node.members.at(-1)?.node;
  if (!last) return `${text.slice(0, node.start + 1)}${addition}${text.slice(node.end - 1)}`;
  // The white space before the last member (before its key, in an object) is how this file separates members.
  const previous = node.members.at(-2)?.node.end ?? node.start + 1;
  const gap = /^\s*/.exec(text.slice(previous).replace(/^\s*,/, ""))[0];
  return `${text.slice(0, last.end)},${gap || " "}${addition}${text.slice(last.end)}`;
}

const specOf = (entry) => (Array.isArray(entry) ? entry[0] : entry);

function isOurs(spec, file) {
  const target = typeof spec === "string" && spec.startsWith("file://") ? new URL(spec) : spec;
  if (typeof spec !== "string" || spec === file) return spec === file;
  if (!spec.startsWith("file://") && !path.isAbsolute(spec)) return false;
  // A bridge that was moved or removed would be reported as broken at each start: its entry is replaced.
  if (!existsSync(target)) return path.basename(String(target)) === path.basename(file);
  return statSync(target).isFile() && readFileSync(target, "utf8").startsWith(BANNER);
}

/** The text of opencode.json with `plugin` naming `file`, exactly once among the bridge's own entries. */
export function withPlugin(text, file, name = "opencode.json") {
  const root = parseDocument(text, name);
  const existing = root.members.find((member) => member.key === "plugin")?.node;
  if (!existing) {
    if (root.members.length > 0) return insertMember(text, root, `"plugin": [${JSON.stringify(file)}]`);
    return `${text.slice(0, root.start + 1)}\n  "plugin": [${JSON.stringify(file)}]\n${text.slice(root.end - 1)}`;
  }
  if (!Array.isArray(existing.value)) throw new UserError(`${name}: "plugin" is not an array`);
  const ours = existing.members.filter(({ node }) => isOurs(specOf(node.value), file));
  if (ours.some(({ node }) => specOf(node.value) === file)) return text;
  if (ours.length === 0) return insertMember(text, existing, JSON.stringify(file));
  const entry = ours[0].node;
  const spec = Array.isArray(entry.value) ? entry.members[0].node : entry;
  return text.slice(0, spec.start) + JSON.stringify(file) + text.slice(spec.end);
}

// --- files

function readIfThere(file) {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** Writes a file so that a reader sees the old or the new one; says whether there was anything to write. */
function replaceFile(file, text) {
  if (readIfThere(file) === text) return false;
  // Through a link, as dotfiles often are: the link stays one.
  const target = existsSync(file) ? realpathSync(file) : file;
  const scratch = `${target}.${process.pid}.new`;
  writeFileSync(scratch, text, { mode: existsSync(target) ? statSync(target).mode : 0o644 });
  renameSync(scratch, target);
  return true;
}

function readJsonObject(file) {
  const text = readIfThere(file);
  if (text === undefined) return {};
  try {
    const value = JSON.parse(text);
    if (value !== null && typeof value === "object" && !Array.isArray(value)) return value;
  } catch (error) {
    throw new UserError(`${file}: ${error.message}`);
  }
  throw new UserError(`${file}: not an object`);
}

const DEPENDENCY_KEYS = ["dependencies", "devDependencies", "peerDependencies", "optionalDependencies"];
const names = (manifest) => new Set(DEPENDENCY_KEYS.flatMap((key) => Object.keys(manifest?.[key] ?? {})));

/**
 * Makes OpenCode find nothing to install in one configuration directory.
 * @returns {{changed: string[], missing: string[]}} missing: dependencies of other plugins, not installed
 */
export function disarmInstall(directory, version) {
  const changed = [];
  const file = (name) => path.join(directory, name);
  if (!existsSync(file("node_modules"))) {
    mkdirSync(file("node_modules"), { recursive: true });
    changed.push("node_modules");
  }
  const write = (name, value) => {
    if (replaceFile(file(name), `${JSON.stringify(value, null, 2)}\n`)) changed.push(name);
  };
  const manifest = readJsonObject(file("package.json"));
  if (!names(manifest).has(OPENCODE_PLUGIN)) {
    write("package.json", { ...manifest, dependencies: { ...manifest.dependencies, [OPENCODE_PLUGIN]: version } });
  }
  const lock = { lockfileVersion: 3, ...readJsonObject(file("package-lock.json")) };
  const root = lock.packages?.[""] ?? {};
  const locked = names(root);
  if (!locked.has(OPENCODE_PLUGIN)) {
    const dependencies = { ...root.dependencies, [OPENCODE_PLUGIN]: version };
    write("package-lock.json", { ...lock, packages: { ...lock.packages, "": { ...root, dependencies } } });
  }
  return { changed, missing: [...names(manifest)].filter((name) => name !== OPENCODE_PLUGIN && !locked.has(name)) };
}

/** Enters the plugin into the directory's configuration; returns the file's name and whether it changed. */
export function enterPlugin(directory, file) {
  // OpenCode reads both and merges them; its own tools write to the first that exists.
  const name = ["opencode.json", "opencode.jsonc"].find((each) => existsSync(path.join(directory, each))) ?? "opencode.json";
  const target = path.join(directory, name);
  const text = readIfThere(target) ?? '{\n  "$schema": "https://opencode.ai/config.json"\n}\n';
  return { name, changed: replaceFile(target, withPlugin(text, file, target)) };
}

// --- command line

const USAGE = "usage: install.mjs --config-dir DIR --plugin FILE [--project DIR]... [--opencode-version VERSION]";

function parse(argv) {
  const options = {
    "config-dir": { type: "string" },
    "plugin": { type: "string" },
    "project": { type: "string", multiple: true, default: [] },
    "opencode-version": { type: "string", default: "1.18.33" },
    "help": { type: "boolean", short: "h", default: false },
  };
  try {
    return parseArgs({ args: argv, options }).values;
  } catch (error) {
    throw new UserError(`${error.message}\n${USAGE}`);
  }
}

function pluginFile(given) {
  const file = path.resolve(given);
  if (!existsSync(file) || !statSync(file).isFile()) throw new UserError(`${file}: no such file; build it with npm run build`);
  if (!readFileSync(file, "utf8").startsWith(BANNER)) throw new UserError(`${file}: not a built bridge plugin`);
  return file;
}

function disarm(directory, version, say) {
  const { changed, missing } = disarmInstall(directory, version);
  say(`${directory}: ${changed.length > 0 ? `prepared (${changed.join(", ")})` : "prepared already"}`);
  if (missing.length > 0) {
    say(`${directory}: ${missing.join(", ")} not installed; OpenCode will install at its next start and needs the npm registry`);
  }
}

export function main(argv, say = console.log) {
  const values = parse(argv);
  if (values.help) {
    say(USAGE);
    return;
  }
  const configDir = values["config-dir"];
  if ((configDir === undefined) !== (values.plugin === undefined) || (configDir === undefined && values.project.length === 0)) {
    throw new UserError(USAGE);
  }
  const version = values["opencode-version"];
  if (!/^\d+\.\d+\.\d+[\w.+-]*$/.test(version)) throw new UserError(`--opencode-version ${version}: not a version`);
  if (configDir !== undefined) {
    const directory = path.resolve(configDir);
    const file = pluginFile(values.plugin);
    mkdirSync(directory, { recursive: true });
    const { name, changed } = enterPlugin(directory, file);
    say(`${path.join(directory, name)}: ${changed ? "plugin entered" : "plugin entered already"}`);
    disarm(directory, version, say);
  }
  for (const project of values.project) {
    const directory = path.join(path.resolve(project), ".opencode");
    if (existsSync(directory)) disarm(directory, version, say);
    else say(`${project}: has no .opencode, nothing to prepare`);
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  try {
    main(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    console.error(`install: ${error.message}`);
    process.exitCode = 1;
  }
}
