// The machine under the gateway, as shim.c makes it: {writeErrno, syncErrno, syncMs, clockMs}, changed while it runs.

import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { constants } from 'node:os';

import { gatewayBin } from '../harness/gateway.mjs';

export const { ENOSPC, EROFS, EIO } = constants.errno;

const SHIM = process.env.CHAOS_SHIM ?? join(dirname(gatewayBin()), '../../tests/chaos/libchaos-shim.so');
const BYTES = 24;

export class Machine {
  #scratch = mkdtempSync(join(tmpdir(), 'machine-'));
  #fd;

  constructor() {
    this.#fd = openSync(join(this.#scratch, 'orders'), 'w+');
    writeSync(this.#fd, Buffer.alloc(BYTES), 0, BYTES, 0);
  }

  /** What the gateway is started with, so that files below `directory` are this machine's. */
  env(directory) {
    return { LD_PRELOAD: SHIM, CHAOS_FILE: join(this.#scratch, 'orders'), CHAOS_DIR: directory };
  }

  #write(at, buffer) {
    writeSync(this.#fd, buffer, 0, buffer.length, at);
  }

  set({ writeErrno, syncErrno, syncMs, clockMs }) {
    const int32 = (value) => {
      const b = Buffer.alloc(4);
      b.writeInt32LE(value);
      return b;
    };
    if (writeErrno !== undefined) this.#write(0, int32(writeErrno));
    if (syncErrno !== undefined) this.#write(4, int32(syncErrno));
    if (syncMs !== undefined) this.#write(8, int32(syncMs));
    if (clockMs !== undefined) {
      const b = Buffer.alloc(8);
      b.writeBigInt64LE(BigInt(clockMs));
      this.#write(16, b);
    }
  }

  heal() {
    this.set({ writeErrno: 0, syncErrno: 0, syncMs: 0, clockMs: 0 });
  }

  /** How many calls have failed by order. */
  get failures() {
    const b = Buffer.alloc(4);
    readSync(this.#fd, b, 0, 4, 12);
    return b.readInt32LE();
  }

  close() {
    closeSync(this.#fd);
    rmSync(this.#scratch, { recursive: true, force: true });
  }
}
