// The programs that can make workspaces in the gateway's place, as people have them: go-task and par, from PyPI into .cache/.

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CACHE = fileURLToPath(new URL('../../.cache/makers', import.meta.url));
const ENV = { PATH: process.env.PATH, HOME: process.env.HOME ?? '/' };

const tell = (file, args) => spawnSync(file, args, { env: ENV, encoding: 'utf8' });

/** The Pythons of this machine, those of pyenv that are not chosen among them. */
function pythons() {
  const found = ['python3', 'python3.12', 'python3.13'];
  const which = tell('which', ['python3']).stdout?.trim();
  const versions = which ? join(dirname(which), '../versions') : '';
  if (existsSync(versions)) for (const name of readdirSync(versions)) found.push(join(versions, name, 'bin/python3'));
  return found;
}

/** {bin: directory with the program} or {note}: why it cannot be had here. */
export function findMaker(program) {
  const { packageName, minimum } = { task: { packageName: 'go-task-bin', minimum: [3, 8] }, par: { packageName: 'par-cli', minimum: [3, 12] } }[program];
  const venv = join(CACHE, program), bin = join(venv, 'bin');
  if (existsSync(join(bin, program))) return { bin };
  const check = `import sys, venv, ensurepip; sys.exit(sys.version_info < (${minimum}))`;
  const python = pythons().find((candidate) => tell(candidate, ['-c', check]).status === 0);
  if (!python) return { note: `${program} needs Python ${minimum.join('.')} or newer, with venv` };
  execFileSync(python, ['-m', 'venv', '--clear', venv], { env: ENV, stdio: 'ignore' });
  const { status, stderr } = tell(join(bin, 'pip'), ['install', '--quiet', '--disable-pip-version-check', packageName]);
  if (status !== 0) return { note: `${packageName} cannot be installed: ${stderr.trim().split('\n').at(-1)}` };
  return { bin };
}
