// A bare Socket Mode client: TCP, the handshake, frames. It acknowledges as fast as it can and does exactly what
// a test says, which a good client would refuse to do.

import { once } from 'node:events';
import { connect } from 'node:net';

export async function openUrl(slack, token = 'xapp-1-any') {
  const response = await fetch(`${slack.apiUrl}apps.connections.open`, {
    method: 'POST', headers: { authorization: `Bearer ${token}` } });
  return (await response.json()).url;
}

export class RawSocket {
  texts = [];
  pings = 0;
  autoAck = false;
  ended = false;
  #buffer = Buffer.alloc(0);
  #waiters = new Set();

  static async open(url, headers = {}) {
    const { hostname, port, pathname, search } = new URL(url);
    const socket = new RawSocket();
    socket.tcp = connect({ host: hostname, port: Number(port), noDelay: true, allowHalfOpen: true });
    await once(socket.tcp, 'connect');
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('');
    socket.tcp.write(`GET ${pathname}${search} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n${lines}\r\n`);
    socket.status = await socket.#handshake();
    return socket;
  }

  async #handshake() {
    let head = Buffer.alloc(0);
    for (;;) {
      const [chunk] = await once(this.tcp, 'data');
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf('\r\n\r\n');
      if (end < 0) continue;
      this.head = head.subarray(0, end).toString();
      const status = Number(this.head.split(' ')[1]);
      if (status !== 101) {
        this.tcp.destroy();
        return status;
      }
      this.tcp.on('data', (data) => this.#take(data));
      this.tcp.on('end', () => this.#end());
      this.tcp.on('close', () => this.#end());
      this.tcp.on('error', () => this.#end());
      this.#take(head.subarray(end + 4));
      return status;
    }
  }

  #end() {
    this.ended = true;
    for (const wake of this.#waiters) wake();
  }

  #take(data) {
    let buffer = this.#buffer.length ? Buffer.concat([this.#buffer, data]) : data;
    const acks = [];
    while (buffer.length >= 2) {
      const small = buffer[1] & 0x7f;
      const head = small < 126 ? 2 : small === 126 ? 4 : 10;
      if (buffer.length < head) break;
      const n = small < 126 ? small : small === 126 ? buffer.readUInt16BE(2) : Number(buffer.readBigUInt64BE(2));
      if (buffer.length < head + n) break;
      this.#frame(buffer[0] & 0x0f, buffer.subarray(head, head + n), acks);
      buffer = buffer.subarray(head + n);
    }
    this.#buffer = buffer;
    if (acks.length) this.tcp.write(Buffer.concat(acks));
    for (const wake of this.#waiters) wake();
  }

  #frame(opcode, payload, acks) {
    if (opcode === 9) {
      this.pings++;
      this.lastPing = payload.toString();
      if (!this.mute) acks.push(frame(10, payload));
    } else if (opcode === 10) {
      this.lastPong = payload.toString();
    } else if (opcode === 8) {
      this.closeCode = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
    } else if (this.autoAck && payload.length > 60 && payload[2] === 0x65 /* {"envelope_id":"… */) {
      this.acked = (this.acked ?? 0) + 1;
      acks.push(frame(1, Buffer.concat([payload.subarray(0, 53), Buffer.from('}')])));
    } else {
      this.texts.push(JSON.parse(payload.toString()));
    }
  }

  send(value) {
    this.tcp.write(frame(1, Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))));
  }

  sendFrame(opcode, payload) {
    this.tcp.write(frame(opcode, Buffer.from(payload)));
  }

  /** The first text message that `predicate` accepts. */
  async text(predicate, timeout_ms = 5000) {
    return this.until(() => this.texts.find(predicate), timeout_ms);
  }

  async until(check, timeout_ms = 5000) {
    const deadline = Date.now() + timeout_ms;
    for (;;) {
      const value = check();
      if (value) return value;
      if (Date.now() > deadline) throw new Error(`timed out; messages: ${JSON.stringify(this.texts).slice(0, 2000)}`);
      let wake;
      let timer;
      await new Promise((resolve) => {
        wake = resolve;
        this.#waiters.add(wake);
        timer = setTimeout(resolve, deadline - Date.now() + 1);
      });
      clearTimeout(timer);
      this.#waiters.delete(wake);
    }
  }

  destroy() {
    this.tcp.destroy();
  }
}

/** A masked frame with the mask 0, which leaves the payload as it is. */
function frame(opcode, payload) {
  const n = payload.length;
  const head = Buffer.alloc((n < 126 ? 2 : n < 65536 ? 4 : 10) + 4);
  head[0] = 0x80 | opcode;
  if (n < 126) head[1] = 0x80 | n;
  else if (n < 65536) {
    head[1] = 0x80 | 126;
    head.writeUInt16BE(n, 2);
  } else {
    head[1] = 0x80 | 127;
    head.writeBigUInt64BE(BigInt(n), 2);
  }
  return Buffer.concat([head, payload]);
}
