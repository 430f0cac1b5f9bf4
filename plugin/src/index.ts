// The entry that OpenCode loads. It must neither wait (OpenCode awaits the initialisation without a time
// limit, reference §4.1) nor throw, and it may be called any number of times in one process.

import { Bridge } from "./bridge.ts";
import { bridgeUrl } from "./connection.ts";
import { OpenCode, type PluginClient } from "./opencode.ts";
import { objectOf, stringOf } from "./mapping.ts";

type PluginInput = { client: PluginClient; directory: string };
type Hooks = {
  "event"?: (input: { event: unknown }) => Promise<void>;
  "dispose"?: () => Promise<void>;
  "shell.env"?: (input: unknown, output: { env: Record<string, string> }) => Promise<void>;
};

/** On globalThis and not in the module: OpenCode may load one file under two names. */
const PROCESS_KEY = Symbol.for("opencode-slack.bridge.v1");
type ProcessState = { bridge?: Bridge; saidUnset?: boolean };

function processState(): ProcessState {
  const holder = globalThis as unknown as Record<symbol, ProcessState | undefined>;
  return (holder[PROCESS_KEY] ??= {});
}

async function say(ctx: PluginInput, level: "info" | "error" | "warn", message: string): Promise<void> {
  // OpenCode's log is the only place that a plugin may write to; when it refuses there is no other.
  await new OpenCode(() => ctx.client).log(ctx.directory, level, message).catch(() => {});
}

/** The process's bridge, made at the first call; undefined when there is no gateway to speak to. */
function acquireBridge(ctx: PluginInput, options: unknown): Bridge | undefined {
  const state = processState();
  const given = objectOf(options);
  const gatewayUrl = stringOf(given["gatewayUrl"]) || (process.env["GATEWAY_URL"] ?? "");
  const token = (stringOf(given["token"]) || (process.env["GATEWAY_BRIDGE_TOKEN"] ?? "")).trim();
  if (gatewayUrl === "") {
    if (!state.bridge && !state.saidUnset) void say(ctx, "info", "GATEWAY_URL is not set: the Slack bridge is off");
    state.saidUnset = true;
    return state.bridge;
  }
  let url: URL;
  try {
    if (/[^\x21-\x7e]/.test(token)) throw new Error("GATEWAY_BRIDGE_TOKEN has characters that a header cannot carry");
    url = bridgeUrl(gatewayUrl);
  } catch (error) {
    void say(ctx, "error", `the Slack bridge is off: ${error instanceof Error ? error.message : String(error)}`);
    return state.bridge;
  }
  state.bridge ??= new Bridge({ url, token });
  if (state.bridge.url.href !== url.href) {
    void say(ctx, "warn", `this process is connected to ${state.bridge.url.host} already; ${url.host} is ignored`);
  }
  return state.bridge;
}

async function server(ctx: PluginInput, options?: unknown): Promise<Hooks> {
  try {
    const bridge = acquireBridge(ctx, options);
    if (!bridge) return {};
    const registration = bridge.register(ctx.directory, ctx.client);
    return {
      "event": async ({ event }) => registration.event(event),
      "dispose": async () => registration.release(),
      // Commands inherit OpenCode's environment. The model has no business with the token; a command that
      // looks into /proc finds it all the same, so the gateway must not take it for a proof of who speaks.
      "shell.env": async (_, output) => {
        if (process.env["GATEWAY_BRIDGE_TOKEN"] !== undefined) output.env["GATEWAY_BRIDGE_TOKEN"] = "";
      },
    };
  } catch (error) {
    void say(ctx, "error", `the Slack bridge is off: ${error instanceof Error ? error.message : String(error)}`);
    return {};
  }
}

export default { id: "opencode-slack-bridge", server };
