import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, beforeEach, test } from "node:test";
import { fileURLToPath } from "node:url";
import { disarmInstall, withPlugin } from "../../install.mjs";

const SCRIPT = fileURLToPath(new URL("../../install.mjs", import.meta.url));
const BRIDGE = fileURLToPath(new URL("../../dist/bridge.js", import.meta.url));
const root = mkdtempSync(path.join(tmpdir(), "install-"));
after(() => rmSync(root, { recursive: true }));
let dir;
let serial = 0;
beforeEach(() => {
  dir = path.join(root, `case ${++serial}`);
  mkdirSync(dir);
});

const run = (...args) => spawnSync(process.execPath, [SCRIPT, ...args], { encoding: "utf8" });
const json = (name) => JSON.parse(readFileSync(path.join(dir, name), "utf8"));
const put = (name, value) => writeFileSync(path.join(dir, name), typeof value === "string" ? value : JSON.stringify(value));

test("an empty place becomes a configuration, and a second run changes nothing", () => {
  const config = path.join(dir, "a/b");
  const first = run("--config-dir", config, "--plugin", BRIDGE);
  assert.equal(first.status, 0, first.stderr);
  dir = config;
  assert.deepEqual(json("opencode.json"), { $schema: "https://opencode.ai/config.json", plugin: [BRIDGE] });
  assert.deepEqual(json("package-lock.json").packages[""].dependencies, { "@opencode-ai/plugin": "1.18.33" });
  assert.deepEqual(json("package.json").dependencies, { "@opencode-ai/plugin": "1.18.33" });
  assert.ok(lstatSync(path.join(dir, "node_modules")).isDirectory());
  const before = readdirSync(dir).map((name) => [name, lstatSync(path.join(dir, name)).ino]);
  const second = run("--config-dir", config, "--plugin", BRIDGE);
  assert.equal(second.status, 0);
  assert.match(second.stdout, /entered already[^]*prepared already/);
  assert.deepEqual(readdirSync(dir).map((name) => [name, lstatSync(path.join(dir, name)).ino]), before);
});

test("comments, layout, other keys and other plugins stay", () => {
  const text = '{\n  // models\n  "model": "a/b", /* x */\n  "plugin": [\n    "other-plugin",\n    ["./mine.js", { "a": "}]" }],\n  ],\n  "keep": { "deep": [1, -2.5e3, null, true, "\\"//"] }\n}\n';
  const edited = withPlugin(text, "/p/bridge.js");
  assert.equal(edited, text.replace('"}]" }],', '"}]" }],\n    "/p/bridge.js",'));
  assert.equal(withPlugin(edited, "/p/bridge.js"), edited);
});

test("the entry is added in any layout", () => {
  const plugins = (text) => JSON.parse(withPlugin(text, "/p/bridge.js")).plugin;
  assert.deepEqual(plugins("{}"), ["/p/bridge.js"]);
  assert.deepEqual(plugins(' { "a": 1 } '), ["/p/bridge.js"]);
  assert.deepEqual(plugins('{"plugin":[]}'), ["/p/bridge.js"]);
  assert.deepEqual(plugins('{"plugin":["x"]}'), ["x", "/p/bridge.js"]);
  assert.deepEqual(plugins('{\n\t"plugin": ["x"],\n\t"a": {}\n}'), ["x", "/p/bridge.js"]);
  assert.deepEqual(plugins('{"plugin":[["/p/bridge.js",{"gatewayUrl":"http://x"}]]}'), [["/p/bridge.js", { gatewayUrl: "http://x" }]]);
});

test("an older copy's entry is replaced, its options kept", () => {
  put("bridge.js", "// @opencode-slack/bridge 0.0.1. Built\nexport default {};\n");
  put("other.js", "export default {};\n");
  const old = path.join(dir, "bridge.js");
  const other = path.join(dir, "other.js");
  const edited = withPlugin(JSON.stringify({ plugin: [other, [old, { token: "t" }]] }), "/p/bridge.js");
  assert.deepEqual(JSON.parse(edited).plugin, [other, ["/p/bridge.js", { token: "t" }]]);
  assert.deepEqual(JSON.parse(withPlugin('{"plugin":["/gone/bridge.js","file:///gone/else.js"]}', "/p/bridge.js")).plugin, ["/p/bridge.js", "file:///gone/else.js"]);
});

test("what is no configuration is refused with its place, and left alone", () => {
  for (const [text, pattern] of [
    ['{\n  "a": 1,\n  oops\n}', /opencode\.json: line 3, column 3: a value is expected/],
    ['{"a": 1', /"," or "}" is expected/],
    ["[]", /not an object/],
    ['{"plugin": "x"}', /"plugin" is not an array/],
    ["{} {}", /something follows/],
  ]) {
    put("opencode.json", text);
    const result = run("--config-dir", dir, "--plugin", BRIDGE);
    assert.equal(result.status, 1);
    assert.match(result.stderr, pattern);
    assert.equal(readFileSync(path.join(dir, "opencode.json"), "utf8"), text);
  }
});

test("opencode.jsonc is used where it is the one, and a link stays a link", () => {
  put("real.jsonc", '{ /* mine */ "model": "a/b" }');
  symlinkSync(path.join(dir, "real.jsonc"), path.join(dir, "opencode.jsonc"));
  assert.equal(run("--config-dir", dir, "--plugin", BRIDGE).status, 0);
  assert.ok(lstatSync(path.join(dir, "opencode.jsonc")).isSymbolicLink());
  assert.equal(readFileSync(path.join(dir, "real.jsonc"), "utf8"), `{ /* mine */ "model": "a/b", "plugin": [${JSON.stringify(BRIDGE)}] }`);
  assert.equal(existsSync(path.join(dir, "opencode.json")), false);
});

test("other plugins' dependencies: installed ones stay, missing ones are reported and still missing", () => {
  put("package.json", { name: "mine", dependencies: { zod: "4", left: "1" } });
  put("package-lock.json", { lockfileVersion: 3, packages: { "": { dependencies: { zod: "4" } }, "node_modules/zod": { version: "4.0.0" } } });
  mkdirSync(path.join(dir, "node_modules"));
  const { changed, missing } = disarmInstall(dir, "1.18.33");
  assert.deepEqual(changed, ["package.json", "package-lock.json"]);
  assert.deepEqual(missing, ["left"]);
  assert.deepEqual(json("package.json"), { name: "mine", dependencies: { "zod": "4", "left": "1", "@opencode-ai/plugin": "1.18.33" } });
  const lock = json("package-lock.json");
  assert.deepEqual(lock.packages[""].dependencies, { "zod": "4", "@opencode-ai/plugin": "1.18.33" });
  assert.deepEqual(lock.packages["node_modules/zod"], { version: "4.0.0" });
});

test("a real installation is left as it is", () => {
  const manifest = { devDependencies: { "@opencode-ai/plugin": "1.18.30" } };
  put("package.json", manifest);
  put("package-lock.json", { lockfileVersion: 3, packages: { "": manifest } });
  mkdirSync(path.join(dir, "node_modules"));
  assert.deepEqual(disarmInstall(dir, "1.18.33"), { changed: [], missing: [] });
});

test("projects: a .opencode is prepared, its absence is fine", () => {
  mkdirSync(path.join(dir, "with/.opencode"), { recursive: true });
  mkdirSync(path.join(dir, "without"));
  const result = run("--project", path.join(dir, "with"), "--project", path.join(dir, "without"), "--opencode-version", "1.19.0");
  assert.equal(result.status, 0, result.stderr);
  assert.deepEqual(readdirSync(path.join(dir, "with/.opencode")).sort(), ["node_modules", "package-lock.json", "package.json"]);
  assert.deepEqual(json("with/.opencode/package.json").dependencies, { "@opencode-ai/plugin": "1.19.0" });
  assert.deepEqual(readdirSync(path.join(dir, "without")), []);
});

test("wrong use is explained", () => {
  for (const args of [[], ["--config-dir", dir], ["--plugin", BRIDGE], ["--nonsense"], ["--config-dir", dir, "--plugin", path.join(dir, "absent.js")],
    ["--config-dir", dir, "--plugin", SCRIPT], ["--project", dir, "--opencode-version", "latest; rm"]]) {
    const result = run(...args);
    assert.equal(result.status, 1, args.join(" "));
    assert.match(result.stderr, /^install: /);
  }
});
