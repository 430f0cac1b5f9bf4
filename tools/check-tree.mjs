// What no file of the tree may hold: absolute paths of somebody's machine, and more lines than a person reads. Every
// script parses.

import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';

const LINES_MAX = 900;
/** Made by programs, or recorded from them: their length and what stands in them is not ours. */
const MADE = /(^|\/)(package-lock\.json|corpus\/.*|recorded\/.*|golden\/.*)$/;
/** Home and work directories. /tmp, /etc, /usr and the like mean the same everywhere. */
const OWN_PATHS = /(^|["'\s=(:`])\/(work|home\/[a-z]|root|Users\/[A-Za-z]|workspace|mnt|build)\/[A-Za-z0-9._-]/;
/** Paths that are examples, in texts and samples. */
const EXAMPLES = /\/(work|home|build)\/(you|me|ada|user|node|app|opencode|project|repo|example|alice|dev|shop|demo)\b/;

const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { encoding: 'utf8' }).split('\n').filter(Boolean);
const problems = [];

function checkText(file, text) {
  const lines = text.split('\n');
  if (/\.(c|h|ts|mjs|js|sh|py)$/.test(file) && lines.length > LINES_MAX) problems.push(`${file}: ${lines.length} lines`);
  if (file === 'tools/check-tree.mjs') return;
  lines.forEach((line, i) => {
    if (OWN_PATHS.test(line) && !EXAMPLES.test(line)) problems.push(`${file}:${i + 1}: a path of one machine: ${line.trim().slice(0, 100)}`);
  });
}

function checkScript(file) {
  const isShell = file === 'dev' || file.endsWith('.sh') || file === '.ci/run';
  if (!isShell && !/\.(mjs|js)$/.test(file)) return;
  const [program, args] = isShell ? ['bash', ['-n', file]] : [process.execPath, ['--check', file]];
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) problems.push(`${file}: ${stderr.trim().split('\n').slice(0, 5).join(' | ')}`);
}

for (const file of files) {
  if (MADE.test(file) || !statSync(file, { throwIfNoEntry: false })?.isFile()) continue;
  const bytes = readFileSync(file);
  if (bytes.includes(0)) continue;
  checkText(file, bytes.toString('utf8'));
  checkScript(file);
}

for (const problem of problems) console.log(problem);
console.log(`${files.length} files, ${problems.length} problems`);
process.exit(problems.length ? 1 : 0);
