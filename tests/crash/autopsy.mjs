// Why a process died that nobody had killed: the report of a sanitizer, or the stacks of its core dump. Without either, a
// random death costs a day.

import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const LOG_CHARACTERS = 6000;
const REPORT = /==\d+==\s*ERROR: |runtime error: |WARNING: ThreadSanitizer/;

/** From now on the children of this process leave core dumps, as far as its hard limit allows. */
export function keepCores() {
  const hard = execFileSync('prlimit', ['--pid', String(process.pid), '--core', '--output', 'HARD', '--noheadings'], { encoding: 'utf8' });
  execFileSync('prlimit', ['--pid', String(process.pid), `--core=${hard.trim()}:${hard.trim()}`]);
}

const coresIn = (directory) => (existsSync(directory) ? readdirSync(directory).filter((name) => /^core(\.\d+)?$/.test(name)) : []);

/** After a death that was expected: its core dump explains no later one. */
export function forgetCores(directory) {
  for (const name of coresIn(directory)) rmSync(join(directory, name));
}

function stacks(program, core) {
  try {
    return execFileSync('gdb', ['-batch', '-nx', '-ex', 'bt full', '-ex', 'thread apply all bt', program, core], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      maxBuffer: 64 << 20,
    });
  } catch (error) {
    return `gdb cannot read it (${error.code ?? error.status}): gdb ${program} ${core}`;
  }
}

/** Text for the failure: `directory` is where the process worked; its core dump is moved out of the way of cleaning up. */
export function autopsy({ program, directory, log }) {
  const at = log.search(REPORT);
  const parts = [at >= 0 ? log.slice(at) : log.slice(-LOG_CHARACTERS)];
  const [core] = coresIn(directory);
  if (core) {
    const kept = join(tmpdir(), `opencode-slack-core-${process.pid}-${Date.now()}`);
    try {
      renameSync(join(directory, core), kept);
    } catch (error) {
      if (error.code !== 'EXDEV') throw error;
      return [...parts, `core dump: ${join(directory, core)}`, stacks(program, join(directory, core))].join('\n');
    }
    parts.push(`core dump: ${kept}`, stacks(program, kept));
  } else if (at < 0) parts.push('no core dump (see /proc/sys/kernel/core_pattern)');
  return parts.join('\n');
}
