// Runs every test of the repository that exists and matches, and closes on exactly one line: `N passed, N failed`. `./dev test`
// prepares everything and then starts this. Files that mostly wait run two at a time, those that need the machine alone.
//
//   node tools/run-tests.mjs [--set-up-failures N] [--plain DIR] [--sanitized DIR] [--threaded DIR] [PATTERN]
//
// The three directories are builds: as it is, with ASan and UBSan (the scenarios run its programs, too), and with TSan.
// PATTERN, a regular expression, selects files and C tests by name.

import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const LOGS = join(ROOT, '.cache/logs');
const REPORTER = join(ROOT, 'tools/test-reporter.mjs');
const FILE_TIMEOUT_MS = 15 * 60_000;
const TAIL_LINES = 30;
const ERROR_LINES = 25; // of each failed test; the rest is in its log

/** The order of the groups: the quick ones first. demo/sample-repo is what the demonstration works on. */
const GROUPS = ['tools/', 'plugin/test/unit/', 'demo/', 'tests/harness/', 'tests/localslack/', 'tests/sdk/', 'plugin/test/', 'bench/',
  'tests/scenario/', 'tests/crash/', 'tests/chaos/', 'tests/browser/', 'tests/'];
/** What waits for others most of the time: two of them take two cores no more than one does. */
const SIDE_BY_SIDE = /^(plugin\/|tests\/(localslack|sdk|scenario)\/)/;
const N_SIDE_BY_SIDE = 2;
const NOT_OURS = /^demo\/sample-repo\/|(^|\/)node_modules\//;

const LINTS = [
  ['layers', ['node', 'tools/check-layers.mjs']],
  ['tree', ['node', 'tools/check-tree.mjs']],
  ['format', ['tools/check-format', '--if-formatted']],
];

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'set-up-failures': { type: 'string', default: '0' },
    plain: { type: 'string' },
    sanitized: { type: 'string' },
    threaded: { type: 'string' },
  },
});
const wanted = new RegExp(positionals[0] ?? '');

const total = { passed: 0, failed: Number(options['set-up-failures']), skipped: 0 };
const failedFiles = [];
const secondTries = [];

const tail = (log) => log.trimEnd().split('\n').slice(-TAIL_LINES).join('\n');
const head = (text) => {
  const lines = text.trimEnd().split('\n');
  return lines.length <= ERROR_LINES ? text : [...lines.slice(0, ERROR_LINES), `… ${lines.length - ERROR_LINES} lines more`].join('\n');
};
const indent = (text) => text.trimEnd().split('\n').map((line) => `      ${line}`).join('\n');

/** One finished file or program: {name, passed, failed, skipped?, ms, details: text shown when it failed}. */
function account({ name, passed, failed, skipped = 0, ms, details }) {
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
  const counts = [`${passed} passed`, failed && `${failed} failed`, skipped && `${skipped} skipped`].filter(Boolean);
  console.log(`  ${failed ? 'FAIL' : 'ok  '}  ${name.padEnd(52)} ${counts.join(', ')}  (${(ms / 1000).toFixed(1)} s)`);
  if (!failed) return;
  failedFiles.push(name);
  console.log(indent(details));
}

/** Runs a program to its end: {code, output, ms}. All that it started is ended with it when it takes too long. */
function run(argv, { cwd = ROOT, env = process.env, timeoutMs = FILE_TIMEOUT_MS } = {}) {
  return new Promise((done) => {
    const start = Date.now();
    const child = spawn(argv[0], argv.slice(1), { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    const chunks = [];
    const timer = setTimeout(() => {
      chunks.push(`\n(ended after ${timeoutMs / 1000} s)\n`);
      process.kill(-child.pid, 'SIGKILL');
    }, timeoutMs);
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.stderr.on('data', (chunk) => chunks.push(chunk));
    const end = (code) => {
      clearTimeout(timer);
      done({ code, output: chunks.map(String).join(''), ms: Date.now() - start });
    };
    child.on('error', (error) => {
      chunks.push(`${argv[0]}: ${error.message}\n`);
      end(-1);
    });
    child.on('close', (code) => end(code ?? -1));
  });
}

function keepLog(name, text) {
  const file = join(LOGS, `test-${name.replaceAll(/[^\w.-]+/g, '_')}.log`);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

// ---- C ----

/** Counts of one cmocka program; a program that speaks no cmocka, or died, is one test. */
function readCmocka({ stdout = '', stderr = '', result, returncode }) {
  const output = `${stdout}\n${stderr}`;
  const passed = [...output.matchAll(/^\[ +OK \] \S/gm)].length;
  const named = new Set([...output.matchAll(/^\[ +(?:FAILED|ERROR) +\] (test_\w+|\w+)$/gm)].map((match) => match[1]));
  const ok = result === 'OK';
  return {
    passed: passed || (ok ? 1 : 0),
    failed: ok ? 0 : named.size || 1,
    details: `${result}, exit code ${returncode}\n${tail(output)}`,
  };
}

async function runC(dir, label, extra, suite = '') {
  const known = JSON.parse(execFileSync('meson', ['introspect', '--tests', dir], { encoding: 'utf8' }))
    .filter((test) => test.suite.some((name) => name.endsWith(suite)));
  const names = [...new Set(known.map(({ name }) => name))].filter((name) => wanted.test(`${label}/${name}`));
  if (names.length === 0) return;
  console.log(`${label} (${dir})`);
  const log = join(ROOT, dir, 'meson-logs/testlog.json');
  rmSync(log, { force: true });
  const { code, output } = await run(['meson', 'test', '-C', dir, '--no-rebuild', '--num-processes', '2', ...extra, ...names]);
  keepLog(label, output);
  let entries;
  try {
    entries = readFileSync(log, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));
  } catch {
    account({ name: label, passed: 0, failed: 1, ms: 0, details: `meson test ended with ${code}\n${tail(output)}` });
    return;
  }
  for (const entry of entries.sort((a, b) => a.name.localeCompare(b.name))) {
    const [suite, name] = entry.name.split(' / ');
    account({ name: `${label}: ${suite.split(':').pop()}/${name}`, ms: entry.duration * 1000, ...readCmocka(entry) });
  }
}

// ---- Node ----

function readReport(file, { code, output, ms }) {
  const counts = { pass: 0, fail: 0, skip: 0 };
  const details = [];
  for (const [, json] of output.matchAll(/^@test (.*)$/gm)) {
    const test = JSON.parse(json);
    if (test.failureType === 'subtestsFailed') continue; // the failed ones are counted themselves
    if (test.result === 'pass' && test.name === test.file) continue; // a file without tests
    counts[test.result]++;
    if (test.result === 'fail') details.push(`✖ ${test.name}\n${head(test.error)}`);
  }
  if (code !== 0 && counts.fail === 0) {
    counts.fail = 1;
    details.push(`node ended with ${code}`);
  }
  const printed = output.replaceAll(/^@test .*\n/gm, '').replaceAll(/\n{2,}/g, '\n');
  keepLog(file, output);
  return {
    name: file, passed: counts.pass, failed: counts.fail, skipped: counts.skip, ms,
    details: `${details.join('\n')}\n-- its last lines:\n${tail(printed)}`,
  };
}

/** The scenarios run programs that report what they do wrong with memory, even where no test would notice. */
const SANITIZED_FILES = /^tests\/scenario\//;
const reportsOf = (file) => join(LOGS, 'sanitizer', file.replaceAll(/[^\w.-]+/g, '_'));
const sanitizedEnv = (dir, reports) => ({
  ...process.env,
  GATEWAY_BIN: join(ROOT, dir, 'src/gateway/opencode-slack'),
  LOCALSLACK_BIN: join(ROOT, dir, 'localslack/localslack'),
  ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:log_path=${join(reports, 'report')}`,
  UBSAN_OPTIONS: `${process.env.UBSAN_OPTIONS ?? ''}:log_path=${join(reports, 'report')}`,
});

async function runSanitized(argv, file) {
  const reports = reportsOf(file);
  rmSync(reports, { recursive: true, force: true });
  mkdirSync(reports, { recursive: true });
  const report = readReport(file, await run(argv, { env: sanitizedEnv(options.sanitized, reports) }));
  for (const name of readdirSync(reports)) {
    report.failed++;
    report.details += `\n✖ a program misbehaved:\n${head(readFileSync(join(reports, name), 'utf8'))}`;
  }
  return report;
}

async function runOnce(file) {
  const inPlugin = file.startsWith('plugin/');
  const argv = [process.execPath, '--test', '--test-concurrency=1', `--test-reporter=${REPORTER}`,
    '--test-reporter-destination=stdout', inPlugin ? file.slice('plugin/'.length) : file];
  if (options.sanitized && SANITIZED_FILES.test(file)) return runSanitized(argv, file);
  return readReport(file, await run(argv, { cwd: inPlugin ? join(ROOT, 'plugin') : ROOT }));
}

/**
 * In CI a file that failed gets a second try, and what the first one said is printed all the same: half a dozen real
 * programs on a machine that others use, too, can miss a deadline. A developer's run has no second try.
 */
async function runFile(file) {
  const report = await runOnce(file);
  if (!report.failed || !process.env.CI) return report;
  console.log(`  again ${file}, of which ${report.failed} failed:\n${indent(report.details)}`);
  secondTries.push(file);
  return runOnce(file);
}

async function runNode() {
  const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.test.mjs'], { cwd: ROOT, encoding: 'utf8' })
    .split('\n')
    .filter((file) => file && !NOT_OURS.test(file) && wanted.test(file));
  const group = (file) => GROUPS.findIndex((prefix) => file.startsWith(prefix));
  files.sort((a, b) => group(a) - group(b) || a.localeCompare(b));
  if (files.length) console.log('node');
  const running = new Set();
  for (const file of files) {
    const most = SIDE_BY_SIDE.test(file) ? N_SIDE_BY_SIDE : 1;
    while (running.size >= most) await Promise.race(running);
    const one = runFile(file).then((report) => {
      running.delete(one);
      account(report);
    });
    running.add(one);
    if (most === 1) await one;
  }
  await Promise.all(running);
}

async function runLints() {
  const lints = LINTS.filter(([name]) => wanted.test(`lint/${name}`));
  if (lints.length) console.log('lint');
  for (const [name, argv] of lints) {
    const { code, output, ms } = await run(argv[0] === 'node' ? [process.execPath, ...argv.slice(1)] : argv);
    account({ name: `lint/${name}`, passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, ms, details: tail(output) });
  }
}

if (options.plain) await runC(options.plain, 'c', []);
if (options.sanitized) await runC(options.sanitized, 'c-sanitized', ['--timeout-multiplier', '3']);
if (options.threaded) await runC(options.threaded, 'c-threads', ['--timeout-multiplier', '5'], 'threads');
await runNode();
await runLints();

if (secondTries.length) console.log(`needed a second try: ${secondTries.join(', ')}`);
if (failedFiles.length) console.log(`failed: ${failedFiles.join(', ')}`);
if (total.skipped) console.log(`${total.skipped} skipped`);
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed || !total.passed ? 1 : 0);
