// The bridge of one OpenCode process: one socket to the gateway, whatever the number of directories.
//
// OpenCode calls the plugin once per directory that is used, sometimes twice for the same one, again after a
// reload, and never in between (reference §4.1). All these calls register here. The socket opens with the
// first and stays for the life of the process, also while no directory is loaded: the gateway's next command
// loads the one it needs.

import { randomUUID } from "node:crypto";
import { Commands } from "./commands.ts";
import { Connection, dialWebSocket, probeHttp, type ConnectionOptions, type Timing } from "./connection.ts";
import { Events } from "./events.ts";
import { encodeFrame } from "./frame.ts";
import { LruSet } from "./lru.ts";
import { OpenCode, type PluginClient } from "./opencode.ts";
import { Outbox, type OutboxLimits } from "./outbox.ts";
import { Pending } from "./pending.ts";
import { PROTOCOL } from "./protocol.ts";
import type { DurableEvent, Hello, Refusal, Reply, VolatileBody, Place, Welcome } from "./protocol.ts";
import { Reconciler, type Reading } from "./reconcile.ts";
import { Sessions } from "./sessions.ts";

declare const PLUGIN_VERSION: string;

const MAX_DIRECTORIES = 10_000;
const VERSION_WAIT_MS = 2000;
const RECONCILE_RETRY_MS = 5000;

export type BridgeOptions = {
  url: URL;
  token: string;
  /** What follows is for tests. */
  dial?: ConnectionOptions["dial"];
  probe?: ConnectionOptions["probe"];
  timing?: Partial<Timing>;
  outbox?: Partial<OutboxLimits>;
  reconcileRetry_ms?: number;
};

export type Registration = { event: (event: unknown) => void; release: () => void };

type Level = "debug" | "info" | "warn" | "error";

export class Bridge {
  readonly id = randomUUID();
  readonly #options: BridgeOptions;
  /** Directory → its registrations; two in TUI mode, maybe with one and the same client. */
  readonly #instances = new Map<string, { client: PluginClient }[]>();
  /** Disposed directories: nothing runs there, and a reconcile event has to say so without loading them. */
  readonly #gone = new Map<string, true>();
  #lastClient: PluginClient | undefined;
  readonly #opencode = new OpenCode(() => this.#client());
  readonly #outbox: Outbox;
  readonly #sessions = new Sessions((id) => this.#opencode.getSession(id), (message) => this.#log("debug", message));
  readonly #pending = new Pending(
    this.#opencode, (place, body) => this.#durable({ ...place, ...body }), (level, message) => this.#log(level, message),
  );
  readonly #events = new Events(this.#sessions, this.#pending, {
    durable: (place, body) => this.#durable({ ...place, ...body }),
    volatile: (place, body) => this.#volatile(place, body),
    observed: (directory, fact) => this.#reconciler.observed(directory, fact),
  });
  readonly #reconciler = new Reconciler({
    opencode: this.#opencode,
    rootOf: (id) => this.#sessions.rootOf(id),
    knownRoot: (id) => this.#sessions.knownRoot(id),
    isSettled: (id) => this.#pending.isSettled(id),
    onStale: (kind, id, place) => void this.#pending.rejectStale(kind, id, place),
  });
  readonly #commands = new Commands({
    opencode: this.#opencode,
    directories: () => [...this.#instances.keys()],
    reconcile: () => this.#reconcileAll(),
    onceStored: (id) => this.#events.onceStored(id),
    send: (reply) => this.#reply(reply),
  });
  readonly #connection: Connection;
  readonly #faultsSaid = new LruSet<string>(200);
  #opencodeVersion: string | null = null;
  /** The directories that this connection has been told of. */
  #told = new Set<string>();
  #toReconcile = new Set<string>();
  #reconciling = false;
  #reconcileTimer: ReturnType<typeof setTimeout> | undefined;
  #reconcileWanted = false;

  constructor(options: BridgeOptions) {
    this.#options = options;
    this.#outbox = new Outbox(options.outbox);
    this.#connection = new Connection({
      url: options.url,
      token: options.token,
      dial: options.dial ?? dialWebSocket,
      probe: options.probe ?? probeHttp,
      hello: () => this.#hello(),
      onWelcome: (welcome) => this.#welcomed(welcome),
      onFrame: (frame) => {
        if (frame.type === "ack") {
          this.#outbox.acknowledge(frame.seq);
          this.#pump();
        } else if (frame.type === "error") this.#gatewayError(frame);
        else void this.#commands.handle(frame);
      },
      onRefused: (refusal) => this.#refused(refusal),
      log: (level, message) => this.#log(level, message),
      ...(options.timing ? { timing: options.timing } : {}),
    });
  }

  get url(): URL {
    return this.#options.url;
  }

  /** One initialisation of the plugin. Returns what its hooks have to call. Does not wait for anything, never throws. */
  register(directory: string, client: PluginClient): Registration {
    const registrations = this.#instances.get(directory);
    const own = { client };
    this.#lastClient = client;
    if (registrations) registrations.push(own);
    else {
      this.#instances.set(directory, [own]);
      this.#gone.delete(directory);
      this.#directoriesChanged([directory]);
    }
    if (this.#connection.state === "stopped") void this.#start();
    let released = false;
    return {
      event: (event) => {
        // Last words of a disposed instance: that all has stopped was told at its release, and a look-up on
        // their behalf would load the directory again.
        if (!released) this.#event(directory, event);
      },
      release: () => {
        if (!released) this.#unregister(directory, own);
        released = true;
      },
    };
  }

  #event(directory: string, event: unknown): void {
    try {
      this.#events.handle(directory, event);
    } catch (error) {
      this.#fault("an event was not understood", error);
    }
  }

  /** For ever; OpenCode ends without it, tests do not. */
  stop(): void {
    clearTimeout(this.#reconcileTimer);
    this.#connection.stop();
  }

  #client(): PluginClient | undefined {
    return this.#instances.values().next().value?.[0]?.client ?? this.#lastClient;
  }

  #unregister(directory: string, own: { client: PluginClient }): void {
    const left = (this.#instances.get(directory) ?? []).filter((each) => each !== own);
    if (left.length > 0) {
      this.#instances.set(directory, left);
      return;
    }
    this.#instances.delete(directory);
    this.#gone.delete(directory);
    this.#gone.set(directory, true);
    if (this.#gone.size > MAX_DIRECTORIES) this.#gone.delete(this.#gone.keys().next().value as string);
    this.#events.directoryGone(directory);
    this.#directoriesChanged([directory]);
  }

  /** Tells of directories that came or went; without a connection hello and the first reconcile will. */
  #directoriesChanged(directories: string[]): void {
    if (!this.#connection.isOpen) return;
    for (const directory of directories) {
      const here = this.#instances.has(directory);
      if (here === this.#told.has(directory)) continue;
      if (here) this.#told.add(directory);
      else this.#told.delete(directory);
      this.#connection.send(encodeFrame({ type: here ? "directory.added" : "directory.removed", directory }));
    }
    this.#reconcile(directories);
  }

  async #start(): Promise<void> {
    // Another registration may come while the version is asked for; start() is harmless twice.
    const version = this.#opencode.version(AbortSignal.timeout(VERSION_WAIT_MS));
    try {
      this.#opencodeVersion = await version;
    } catch (error) {
      this.#log("debug", `OpenCode does not tell its version: ${String(error)}`);
    }
    this.#connection.start();
  }

  #hello(): Hello {
    const directories = [...this.#instances.keys()].slice(0, MAX_DIRECTORIES);
    this.#told = new Set(directories);
    return {
      type: "hello",
      protocol: PROTOCOL,
      bridge_id: this.id,
      plugin_version: PLUGIN_VERSION,
      opencode_version: this.#opencodeVersion,
      pid: process.pid,
      directories,
      next_seq: this.#outbox.nextSeq,
      lost: this.#outbox.lost,
    };
  }

  #welcomed(welcome: Welcome): void {
    this.#outbox.acknowledge(welcome.ack);
    this.#outbox.rewind();
    this.#pump();
    // Between hello and welcome some may have come and gone.
    this.#directoriesChanged([...this.#told, ...this.#instances.keys(), ...this.#gone.keys()]);
  }

  // --- out

  #durable(event: DurableEvent): void {
    try {
      this.#outbox.append(event, Date.now());
    } catch (error) {
      this.#fault(`a ${event.type} event could not be kept`, error);
      return;
    }
    this.#pump();
  }

  /** Sends what the connection has not sent yet, as far as the window allows; acknowledgements open it again. */
  #pump(): void {
    while (this.#connection.isOpen) {
      const text = this.#outbox.takeUnsent();
      if (text === undefined) return;
      this.#connection.send(text);
    }
  }

  /** Dropped without a connection, and for a gateway that is behind: what matters more waits already. */
  #volatile(place: Place, body: VolatileBody): void {
    if (!this.#connection.isOpen || this.#outbox.isWindowFull) return;
    const { type, ...rest } = body;
    this.#connection.send(encodeFrame({ type, ...place, ...rest }));
  }

  #reply(reply: Reply): void {
    let text: string;
    try {
      text = encodeFrame(reply);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      text = encodeFrame({ type: "reply", request_id: reply.request_id, ok: false, error: { code: "opencode_error", message } });
    }
    // Without a connection the reply is dropped: the gateway asks again.
    this.#connection.send(text);
  }

  // --- reconciliation

  #reconcileAll(): void {
    this.#reconcile([...this.#instances.keys(), ...this.#gone.keys()]);
  }

  #reconcile(directories: string[]): void {
    for (const directory of directories) this.#toReconcile.add(directory);
    this.#reconcileWanted = true;
    if (!this.#reconciling) void this.#runReconcile();
  }

  async #runReconcile(): Promise<void> {
    this.#reconciling = true;
    while (this.#reconcileWanted && this.#connection.isOpen) {
      this.#reconcileWanted = false;
      const directories = [...this.#toReconcile];
      this.#toReconcile.clear();
      const readings: Reading[] = [];
      for (const directory of directories) {
        const reading = await this.#readDirectory(directory);
        if (reading) readings.push(reading);
      }
      // Nothing could be read: there is no truth to tell yet.
      if (readings.length > 0 || directories.length === 0) this.#emitReconcile(readings);
    }
    this.#reconciling = false;
  }

  async #readDirectory(directory: string): Promise<Reading | undefined> {
    if (!this.#instances.has(directory)) {
      // Asking would load it again.
      return { directory, compose: () => ({ directory, sessions: [], permissions: [], questions: [] }), drop: () => {} };
    }
    try {
      return await this.#reconciler.read(directory);
    } catch (error) {
      this.#log("warn", `cannot read the state of ${directory}: ${String(error)}; trying again`);
      this.#reconcileTimer ??= setTimeout(() => {
        this.#reconcileTimer = undefined;
        this.#reconcile([directory]);
      }, this.#options.reconcileRetry_ms ?? RECONCILE_RETRY_MS);
      this.#reconcileTimer.unref?.();
      this.#toReconcile.add(directory);
      return undefined;
    }
  }

  /** No waiting from here on: what is composed has to be numbered before the next event comes in. */
  #emitReconcile(readings: Reading[]): void {
    try {
      const directories = readings.map((reading) => reading.compose());
      this.#durable({ type: "reconcile", directory: directories[0]?.directory ?? "/", directories });
      for (const { directory, sessions, permissions, questions } of directories) {
        this.#events.adoptStatuses(directory, sessions);
        for (const { session_id, root_id, permission } of permissions) {
          this.#pending.note("permission", permission.id, { directory, session_id, root_id });
        }
        for (const { session_id, root_id, question } of questions) {
          this.#pending.note("question", question.id, { directory, session_id, root_id });
        }
      }
    } catch (error) {
      this.#fault("the state could not be told", error);
    } finally {
      for (const reading of readings) reading.drop();
    }
  }

  // --- trouble

  #gatewayError(error: { code: string; message: string; field?: string; seq?: number }): void {
    const event = error.seq === undefined ? "" : ` (event ${error.seq})`;
    this.#log("warn", `the gateway refused a frame: ${error.code}: ${error.message}${event}`);
  }

  #refused(refusal: Refusal): void {
    if (refusal.request_id !== undefined) this.#commands.refuse(refusal.request_id, refusal.message, refusal.field);
    this.#log("warn", `a frame from the gateway was refused: ${refusal.code}: ${refusal.message}`);
  }

  /** Our own mistake, said once each: it may come with every event. */
  #fault(what: string, error: unknown): void {
    const message = `${what}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
    if (this.#faultsSaid.add(message)) this.#log("error", message);
  }

  #log(level: Level, message: string): void {
    const [directory] = this.#instances.keys();
    // Without an instance there is nobody to write it; asking for a disposed directory would load it again.
    if (directory === undefined) return;
    const { token } = this.#options;
    const safe = token.length > 0 ? message.replaceAll(token, "***") : message;
    // OpenCode's log is the only place that a plugin may write to; when it refuses there is no other.
    this.#opencode.log(directory, level, safe).catch(() => {});
  }
}
