// The other ways in which OpenCode runs: one-shot, in a terminal, and freshly installed without a registry.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { findOpenCode } from "../../../tests/harness/opencode.mjs";
import { until } from "../support/until.mjs";
import { PLUGIN, World } from "../support/world.mjs";

const INSTALL = fileURLToPath(new URL("../../install.mjs", import.meta.url));
let world, gateway, dir, binary;

before(async () => {
  binary = await findOpenCode();
  world = await World.start();
  gateway = world.gateway;
  dir = await world.directory("project");
  await world.opencode.stop();
  gateway.frames.length = gateway.events.length = 0;
});
after(() => world?.stop());

function start(command, args) {
  const env = {
    PATH: process.env.PATH, HOME: world.home, TMPDIR: path.join(world.home, "tmp"), TERM: "xterm-256color",
    SCRIPTED_MODEL_URL: world.model.url, GATEWAY_URL: gateway.url, GATEWAY_BRIDGE_TOKEN: gateway.token,
    OPENCODE_DISABLE_MODELS_FETCH: "1", OPENCODE_DISABLE_AUTOUPDATE: "1", npm_config_offline: "true",
  };
  const child = spawn(command, args, { cwd: dir, env, stdio: ["pipe", "pipe", "pipe"], detached: true });
  const output = [];
  child.stdout.on("data", (data) => output.push(data));
  child.stderr.on("data", (data) => output.push(data));
  const result = { child, exited: false, text: () => Buffer.concat(output).toString() };
  child.on("exit", () => (result.exited = true));
  return result;
}

function kill({ child, exited }) {
  if (!exited) process.kill(-child.pid, "SIGKILL");
}

test("opencode run: heard, and it ends although the socket is open", async () => {
  const run = start(binary, ["run", "--model", "scripted/demo", "say:once"]);
  run.child.stdin.end();
  try {
    await until("the end of the run", () => run.exited, 30_000);
    assert.match(run.text(), /once/);
    const types = gateway.events.map((event) => event.type);
    for (const type of ["session.created", "message.received", "session.active", "session.idle"]) assert.ok(types.includes(type), type);
    assert.deepEqual(gateway.errors.splice(0), []);
  } finally {
    kill(run);
  }
});

test("a TUI, which listens on no port: commands work, nothing is told twice, and it can be left", async () => {
  const before_ = gateway.upgrades;
  const tui = start("script", ["-qec", binary, "/dev/null"]);
  try {
    await until("the bridge", () => gateway.upgrades > before_ && gateway.connections === 1, 30_000);
    const session = await world.session(dir);
    await session.say("bash:true;;say:in the terminal");
    const { permission } = await gateway.event("permission.asked", (e) => e.session_id === session.id);
    await gateway.ask("permission.reply", { directory: dir, permission_id: permission.id, reply: "once" });
    await gateway.event("session.idle", (e) => e.session_id === session.id);
    for (const type of ["session.created", "message.received", "session.active", "permission.asked", "permission.replied", "session.idle"]) {
      assert.equal(gateway.of(type, session.id).length, 1, type);
    }
    assert.equal(gateway.upgrades, before_ + 1);
    assert.deepEqual(gateway.errors.splice(0), []);
    const leave = setInterval(() => tui.child.stdin.write("\x03"), 300);
    await until("the end of the TUI", () => tui.exited, 15_000).finally(() => clearInterval(leave));
  } finally {
    kill(tui);
  }
});

test("installed by install.mjs, the first request is quick although npm's registry cannot be reached", async () => {
  const config = path.join(world.root, "config/opencode");
  mkdirSync(path.join(dir, ".opencode"), { recursive: true });
  const template = readFileSync(path.join(world.home, ".config/opencode/opencode.json"), "utf8");
  mkdirSync(config, { recursive: true });
  writeFileSync(path.join(config, "opencode.json"), JSON.stringify({ ...JSON.parse(template), plugin: undefined }));
  const installed = spawnSync(process.execPath, [INSTALL, "--config-dir", config, "--plugin", PLUGIN, "--project", dir], { encoding: "utf8" });
  assert.equal(installed.status, 0, installed.stderr);
  const hellos = gateway.hellos.length;
  await world.startOpenCode({
    pluginPath: undefined,
    env: {
      XDG_CONFIG_HOME: path.dirname(config), npm_config_registry: "http://127.0.0.1:9",
      npm_config_offline: undefined, npm_config_fetch_retries: undefined,
    },
  });
  const started = Date.now();
  await world.opencode.wake(dir);
  const took_ms = Date.now() - started;
  assert.ok(took_ms < 5000, `${took_ms} ms`);
  await until("hello", () => gateway.hellos.length > hellos);
  const log = readFileSync(path.join(world.home, ".local/share/opencode/log/opencode.log"), "utf8");
  assert.ok(!log.includes("background dependency install failed"));
  await world.opencode.stop();
});
