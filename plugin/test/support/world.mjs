// The real OpenCode with the built plugin, a scripted model, and the test's gateway; all temporary.

import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { startModel } from "../../../tests/harness/model.mjs";
import { startOpenCode } from "../../../tests/harness/opencode.mjs";
import { Gateway } from "./gateway.mjs";

export const PLUGIN = fileURLToPath(new URL("../../dist/bridge.js", import.meta.url));

let serial = 0;

/** A message id in OpenCode's form, ascending in time. */
export function messageId() {
  const time = (BigInt(Date.now()) * 0x1000n + BigInt(++serial % 0x1000)).toString(16).slice(-12);
  return `msg_${time}${"0".repeat(14 - String(serial).length)}${serial}`;
}

export class World {
  static async start(options = {}) {
    const world = new World();
    world.root = realpathSync(mkdtempSync(path.join(tmpdir(), "bridge-world-")));
    world.home = path.join(world.root, "home");
    mkdirSync(world.home);
    try {
      world.model = await startModel();
      world.gateway = await new Gateway().start();
      await world.startOpenCode(options);
    } catch (error) {
      await world.stop();
      throw error;
    }
    return world;
  }

  /** Starts OpenCode, again after stop or kill9, on the same home. */
  async startOpenCode(options = {}) {
    this.opencode = await startOpenCode({
      home: this.home,
      directory: this.root,
      modelUrl: this.model.url,
      pluginPath: PLUGIN,
      gatewayUrl: this.gateway.url,
      bridgeToken: this.gateway.token,
      ...options,
    });
  }

  /** A directory of its own whose instance, and with it the plugin, is loaded. */
  async directory(name) {
    const directory = path.join(this.root, name);
    mkdirSync(directory, { recursive: true });
    await this.opencode.wake(directory);
    return directory;
  }

  /** A session made by the gateway; `say` sends a prompt into it and returns the message id. */
  async session(directory, title = "Test") {
    const key = `key-${++serial}`;
    const { session } = await this.gateway.ask("session.create", { directory, title, key });
    const say = async (text, extra = {}) => {
      const message_id = messageId();
      await this.gateway.ask("session.message", { session_id: session.id, message_id, text, key: `m-${message_id}`, ...extra });
      return message_id;
    };
    return { ...session, say };
  }

  async stop() {
    await this.opencode?.stop();
    await this.model?.stop();
    await this.gateway?.stop();
    rmSync(this.root, { recursive: true, force: true, maxRetries: 5 });
  }
}
