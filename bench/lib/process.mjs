// Programs under test: pinned to a core, and what the kernel says about them.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, setPriority } from 'node:os';

import { Child } from '../../tests/harness/child.mjs';

const TICK_MS = 1000 / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** The program under test has a core of its own; localslack and everything else that makes load has another. */
export const CORES = { load: 0, subject: 1 };

export function checkCores() {
  if (cpus().length < 2) throw new Error('the benchmark needs two cores: one for the program under test, one for the load');
  execFileSync('taskset', ['-pc', String(CORES.load), String(process.pid)], { stdio: 'ignore' });
}

/** True when everything started from here on goes before whatever else the machine does; only root may. */
export function goFirst() {
  try {
    setPriority(-19);
    return true;
  } catch (error) {
    if (error.code === 'ERR_SYSTEM_ERROR') return false;
    throw error;
  }
}

/** Like `new Child()`, on one core. taskset and setpriv replace themselves: the pid is the program's. */
export const startPinned = (core, file, args, options) => new Child('taskset', ['-c', String(core), file, ...args], options);

/** CPU time so far, user and system, all threads, in milliseconds. */
export function cpuMs(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // the first one is the 3rd of proc(5)
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/**
 * {rss, pss, own} in MiB: all pages it has in memory; those, with pages that others map too counted in part; and those
 * that it has written itself, which is what the next process of the kind would cost.
 */
export function memoryMb(pid) {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const mb = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(rollup)[1]) / 1024;
  return { rss: mb('Rss'), pss: mb('Pss'), own: mb('Private_Dirty') };
}
