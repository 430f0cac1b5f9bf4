// The gateway's end of the bridge, for tests: a WebSocket server that greets, pings, acknowledges and
// remembers, and whose frames are all checked against the contract's schemas.

import { createServer } from "node:http";
import { WebSocketServer } from "ws";
import { frameErrors } from "./contract.mjs";
import { until } from "./until.mjs";

export class Gateway {
  /** Every frame of every connection, oldest first. */
  frames = [];
  hellos = [];
  /** seq → event, as a gateway stores them: a replayed one is not stored again. */
  events = [];
  errors = [];
  upgrades = 0;
  refused = 0;
  probes = 0;
  ackEvents = true;
  /** Accepts connections and says nothing. */
  deaf = false;
  pingEvery_ms = 0;
  #acked = new Map();
  #sockets = new Set();
  #greeted = new Set();
  #requests = 0;
  #waiters = new Map();

  constructor({ token = "secret-bridge-token" } = {}) {
    this.token = token;
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Connections that have said hello; before it nothing may be sent but the welcome. */
  get connections() {
    return this.#greeted.size;
  }

  get socket() {
    return [...this.#greeted].at(-1);
  }

  async start(port = 0) {
    const authorized = (request) => request.headers.authorization === `Bearer ${this.token}`;
    this.http = createServer((request, response) => {
      this.probes++;
      response.writeHead(authorized(request) ? 426 : 401).end();
    });
    const server = new WebSocketServer({ noServer: true, maxPayload: 1 << 20 });
    this.http.on("upgrade", (request, socket, head) => {
      // A refused client may reset the connection before it has read why.
      socket.on("error", () => {});
      this.upgrades++;
      if (request.url !== "/api/opencode/bridge" || !authorized(request)) {
        this.refused++;
        socket.end("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        return;
      }
      server.handleUpgrade(request, socket, head, (ws) => this.#accept(ws));
    });
    await new Promise((resolve) => this.http.listen(port, "127.0.0.1", resolve));
    this.port = this.http.address().port;
    return this;
  }

  #accept(ws) {
    this.#sockets.add(ws);
    ws.on("error", (error) => this.errors.push(`socket: ${error.message}`));
    ws.on("close", () => {
      this.#sockets.delete(ws);
      this.#greeted.delete(ws);
    });
    ws.on("message", (data) => this.#receive(ws, JSON.parse(data.toString())));
    if (this.pingEvery_ms > 0) {
      const timer = setInterval(() => ws.send(JSON.stringify({ type: "ping", nonce: "n" })), this.pingEvery_ms);
      ws.on("close", () => clearInterval(timer));
    }
  }

  #receive(ws, frame) {
    if (this.deaf) return;
    this.frames.push(frame);
    this.errors.push(...frameErrors("to-gateway", frame));
    if (frame.type === "hello") {
      this.hellos.push(frame);
      this.#greeted.add(ws);
      this.bridgeId = frame.bridge_id;
      ws.send(JSON.stringify({ type: "welcome", protocol: 1, gateway_version: "0.0.0-test", ack: this.#acked.get(frame.bridge_id) ?? 0 }));
    } else if (frame.type === "reply") {
      this.#waiters.get(frame.request_id)?.(frame);
      this.#waiters.delete(frame.request_id);
    } else if (frame.seq !== undefined) this.#store(ws, frame);
  }

  #store(ws, frame) {
    const last = this.#acked.get(this.bridgeId) ?? this.lastSeq(this.bridgeId);
    const stored = { ...frame, bridge_id: this.bridgeId };
    if (!this.events.some((event) => event.bridge_id === this.bridgeId && event.seq === frame.seq)) this.events.push(stored);
    if (frame.seq > last + 1 && this.ackEvents) this.errors.push(`gap: ${last} → ${frame.seq}`);
    if (this.ackEvents) this.ack(frame.seq, ws);
  }

  lastSeq(bridgeId) {
    return Math.max(0, ...this.events.filter((event) => event.bridge_id === bridgeId).map((event) => event.seq));
  }

  ack(seq, ws = this.socket) {
    this.#acked.set(this.bridgeId, seq);
    ws.send(JSON.stringify({ type: "ack", seq }));
  }

  send(frame) {
    this.socket.send(typeof frame === "string" ? frame : JSON.stringify(frame));
  }

  /** Sends a command and returns its reply frame. */
  async command(type, fields = {}, { request_id = `r${++this.#requests}`, timeout_ms = 35_000 } = {}) {
    await until("a connection", () => this.connections > 0, 20_000);
    const reply = new Promise((resolve) => this.#waiters.set(request_id, resolve));
    const frame = { type, request_id, ...fields };
    this.send(frame);
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no reply to ${type}`)), timeout_ms);
    });
    try {
      const answer = await Promise.race([reply, late]);
      if (answer.ok) this.errors.push(...frameErrors("results", answer.result, type));
      return answer;
    } finally {
      clearTimeout(timer);
    }
  }

  /** The result of a command; throws its error. */
  async ask(type, fields) {
    const reply = await this.command(type, fields);
    if (!reply.ok) throw Object.assign(new Error(`${type}: ${reply.error.code}: ${reply.error.message}`), reply.error);
    return reply.result;
  }

  /** The first event or frame, also of the past, that fits. */
  event(type, fits = () => true, timeout_ms = 20_000) {
    return until(`event ${type}`, () => this.events.find((event) => event.type === type && fits(event)), timeout_ms);
  }

  frame(type, fits = () => true, timeout_ms = 20_000) {
    return until(`frame ${type}`, () => this.frames.find((frame) => frame.type === type && fits(frame)), timeout_ms);
  }

  of(type, sessionId) {
    return this.events.filter((event) => event.type === type && (sessionId === undefined || event.session_id === sessionId));
  }

  /** Drops the connection as a broken network would. */
  cut() {
    for (const ws of this.#sockets) ws.terminate();
  }

  async stop() {
    this.cut();
    await new Promise((resolve) => {
      this.http.close(resolve);
      this.http.closeAllConnections();
    });
  }
}
