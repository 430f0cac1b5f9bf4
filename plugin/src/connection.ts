// The one WebSocket to the gateway: dialling, greeting, liveness, backoff. It carries text and knows hello,
// welcome, ping and pong; everything else is handed on.
//
//   waiting ──timer──▶ dialling ──upgrade──▶ greeting ──welcome──▶ open
//      ▲                  │                     │                   │
//      └──────────────────┴─── close, error, silence ───────────────┘
//
// WebSockets do not tell why an upgrade was refused (Bun says "Connection ended"), so after a refused one
// the same URL is asked by plain HTTP, only to be able to say "wrong token" instead of "cannot connect".

import { readFrame, type Hello, type Incoming, type Refusal, type Welcome } from "./protocol.ts";

export interface Socket {
  send(text: string): void;
  close(code?: number, reason?: string): void;
  /** Bun and `ws` have it: drops the connection without the closing handshake. */
  terminate?: () => void;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
  onerror: ((event: never) => void) | null;
}

export type ConnectionOptions = {
  url: URL;
  token: string;
  dial: (url: URL, headers: Record<string, string>) => Socket;
  /** HTTP status of a plain GET of the bridge, or undefined when there is no answer. */
  probe: (url: URL, headers: Record<string, string>) => Promise<number | undefined>;
  hello: () => Hello;
  onWelcome: (welcome: Welcome) => void;
  onFrame: (frame: Exclude<Incoming, Welcome | { type: "ping" }>) => void;
  onRefused: (refusal: Refusal) => void;
  log: (level: "debug" | "info" | "warn" | "error", message: string) => void;
  random?: () => number;
  timing?: Partial<Timing>;
};

export type Timing = {
  min_backoff_ms: number;
  max_backoff_ms: number;
  /** From dialling to welcome. */
  greeting_ms: number;
  /** Longest silence; the gateway pings every 10 s. */
  silence_ms: number;
};
export const TIMING: Timing = { min_backoff_ms: 250, max_backoff_ms: 15_000, greeting_ms: 15_000, silence_ms: 30_000 };

export type State = "stopped" | "waiting" | "dialling" | "greeting" | "open";

/** Exponential backoff with full jitter: anything between the minimum and min·2^(attempt+1), at most the maximum. */
export function backoffDelay(attempt: number, random: () => number, timing: Timing = TIMING): number {
  const ceiling = Math.min(timing.max_backoff_ms, timing.min_backoff_ms * 2 ** Math.min(attempt + 1, 30));
  return Math.round(timing.min_backoff_ms + random() * (ceiling - timing.min_backoff_ms));
}

/** GATEWAY_URL (http, https, ws or wss, with or without a path) → the bridge's WebSocket URL. Throws on any other. */
export function bridgeUrl(gatewayUrl: string): URL {
  const url = new URL(gatewayUrl);
  const scheme = { "http:": "ws:", "https:": "wss:", "ws:": "ws:", "wss:": "wss:" }[url.protocol];
  if (!scheme) throw new Error(`GATEWAY_URL has the scheme ${url.protocol} and not http: or https:`);
  const base = `${scheme}//${url.host}${url.pathname.replace(/\/+$/, "")}`;
  return new URL(`${base}/api/opencode/bridge`);
}

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #timing: Timing;
  #state: State = "stopped";
  #socket: Socket | undefined;
  #attempt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Said once per outage, so that a gateway that is away for a night does not fill the log. */
  #complained = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#timing = { ...TIMING, ...options.timing };
  }

  get state(): State {
    return this.#state;
  }

  get isOpen(): boolean {
    return this.#state === "open";
  }

  start(): void {
    if (this.#state === "stopped") this.#dial();
  }

  /** For ever; only the tests and the end of the process need it. */
  stop(): void {
    this.#setState("stopped");
    clearTimeout(this.#timer);
    this.#release()?.close(1000, "bye");
  }

  /** False when there is no welcomed connection; the text is then not kept. */
  send(text: string): boolean {
    if (this.#state !== "open" || !this.#socket) return false;
    try {
      this.#socket.send(text);
      return true;
    } catch (error) {
      // Closing, and the close event is on its way.
      this.#options.log("debug", `cannot send: ${String(error)}`);
      return false;
    }
  }

  #setState(state: State): void {
    if (state === this.#state) return;
    this.#options.log("debug", `connection ${this.#state} → ${state}`);
    this.#state = state;
  }

  #headers(): Record<string, string> {
    return { Authorization: `Bearer ${this.#options.token}` };
  }

  #arm(ms: number, run: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(run, ms);
    // A plugin must not keep a finishing OpenCode alive.
    this.#timer.unref?.();
  }

  #dial(): void {
    this.#setState("dialling");
    let socket: Socket;
    try {
      socket = this.#options.dial(this.#options.url, this.#headers());
    } catch (error) {
      this.#lost(undefined, `cannot dial: ${String(error)}`);
      return;
    }
    this.#socket = socket;
    socket.onopen = () => this.#greet(socket);
    socket.onmessage = (event) => this.#receive(socket, event.data);
    socket.onclose = (event) => this.#lost(socket, event.reason || `closed with code ${event.code}`);
    // An error is always followed by a close, which has the say.
    socket.onerror = () => {};
    this.#arm(this.#timing.greeting_ms, () => this.#lost(socket, "no welcome in time"));
  }

  #greet(socket: Socket): void {
    if (socket !== this.#socket) return;
    this.#setState("greeting");
    socket.send(JSON.stringify(this.#options.hello()));
  }

  #receive(socket: Socket, data: unknown): void {
    if (socket !== this.#socket) return;
    if (this.#state === "open") this.#arm(this.#timing.silence_ms, () => this.#lost(socket, "silence"));
    if (typeof data !== "string") {
      this.#options.onRefused({ ok: false, code: "bad_frame", message: "a binary frame" });
      return;
    }
    const read = readFrame(data);
    if (!read.ok) {
      this.#options.onRefused(read);
      if (read.code === "protocol") this.#lost(socket, `the gateway speaks another protocol (${read.message})`);
      return;
    }
    const frame = read.frame;
    if (frame.type === "welcome") this.#welcomed(socket, frame);
    else if (frame.type === "ping") socket.send(JSON.stringify({ type: "pong", nonce: frame.nonce }));
    else this.#options.onFrame(frame);
  }

  #welcomed(socket: Socket, welcome: Welcome): void {
    if (this.#state === "open") return;
    this.#setState("open");
    this.#attempt = 0;
    this.#complained = false;
    this.#arm(this.#timing.silence_ms, () => this.#lost(socket, "silence"));
    this.#options.log("info", `connected to gateway ${welcome.gateway_version} at ${this.#options.url.host}`);
    this.#options.onWelcome(welcome);
  }

  #release(): Socket | undefined {
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
    }
    return socket;
  }

  #lost(socket: Socket | undefined, reason: string): void {
    if (this.#state === "stopped" || socket !== this.#socket) return;
    const upgraded = this.#state === "greeting" || this.#state === "open";
    const released = this.#release();
    if (released?.terminate) released.terminate();
    else released?.close();
    this.#setState("waiting");
    const delay = backoffDelay(this.#attempt++, this.#options.random ?? Math.random, this.#timing);
    this.#arm(delay, () => this.#dial());
    if (upgraded) this.#options.log("warn", `lost the gateway: ${reason}`);
    else void this.#explain(reason);
  }

  /** After a refused upgrade: was it the token? If so there is no point in hurrying. */
  async #explain(reason: string): Promise<void> {
    const url = new URL(this.#options.url);
    url.protocol = url.protocol === "wss:" ? "https:" : "http:";
    const status = await this.#options.probe(url, this.#headers());
    if (this.#state !== "waiting") return;
    if (status === 401) this.#arm(this.#timing.max_backoff_ms, () => this.#dial());
    if (this.#complained) return;
    this.#complained = true;
    if (status === 401) {
      this.#options.log("error", "the gateway refused the bridge token; set GATEWAY_BRIDGE_TOKEN");
    } else {
      const answer = status === undefined ? "" : ` (it answers plain HTTP with ${status})`;
      this.#options.log("warn", `cannot reach the gateway at ${this.#options.url.host}: ${reason}${answer}; trying on`);
    }
  }
}

/** Bun's and Node 22's WebSocket, which take headers beside the URL although the DOM's type does not say so. */
export function dialWebSocket(url: URL, headers: Record<string, string>): Socket {
  type WithHeaders = new (url: string, options: { headers: Record<string, string> }) => Socket;
  return new (globalThis as unknown as { WebSocket: WithHeaders }).WebSocket(url.href, { headers });
}

export async function probeHttp(url: URL, headers: Record<string, string>): Promise<number | undefined> {
  try {
    const response = await fetch(url, { headers, signal: AbortSignal.timeout(5000), redirect: "manual" });
    await response.body?.cancel();
    return response.status;
  } catch {
    // Not reachable by HTTP either: the caller says so.
    return undefined;
  }
}
