// The benchmark: the gateway and, beside it, the same app in Bolt for JavaScript and in Bolt for Python, in one run on one
// machine.
//
//   node bench/run.mjs [--quick] [--rounds N] [--localslack]
//
// Only ratios of one run mean anything: machines differ, and what else they do differs from minute to minute. The
// programs take turns, each round anew, and the table shows the median of the rounds with their range.

import { closeSync, fdatasyncSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { cpus, loadavg, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { aims, figures, median, percentile, table } from './lib/figures.mjs';
import { checkCores, goFirst } from './lib/process.mjs';
import { localslackRounds, printLocalslack } from './lib/localslack.mjs';
import { envelopeRound, questionRound } from './lib/rounds.mjs';
import { names, prepare } from './lib/subjects.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const RESULTS = join(ROOT, 'bench/.results');

const { values: options } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, rounds: { type: 'string' },
    localslack: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
});
if (options.help) {
  console.log(`Measures the gateway beside an app in Bolt for JavaScript and for Python.

  --quick      a minute and a half instead of five; noisier
  --rounds N   how often each program is measured (default 3)
  --localslack only localslack by itself`);
  process.exit(0);
}

// Each session asks once: its thread is then free of what an answered question still has to say there under Slack's
// limit of 50 chat.update per minute. More sessions than stream, so that one start gives many samples.
const plan = options.quick
  ? { rounds: 3, questionRounds: 2, idleRounds: 1, seconds: 1, steadySeconds: 2, rate: 500, warmUp: 2000,
      echo: { sessions: 20, samples: 60, 'every-ms': 50 },
      questions: { sessions: 60, streaming: 20, samples: 60, 'every-ms': 100 } }
  : { rounds: 3, questionRounds: 6, idleRounds: 3, seconds: 3, steadySeconds: 6, rate: 500, warmUp: 5000,
      echo: { sessions: 20, samples: 110, 'every-ms': 100 },
      questions: { sessions: 60, streaming: 20, samples: 60, 'every-ms': 100 } };
const localslackPlan = options.quick ? { rounds: 3, envelopes: 200_000, samples: 100 } : { rounds: 5, envelopes: 500_000, samples: 300 };
if (options.rounds) plan.rounds = Number(options.rounds);

/**
 * What a commit costs here, whoever makes it: milliseconds of an fdatasync of 8 kB where the journals are, a hundred times
 * a second. One after the other without a pause they would be cheaper, and would not meet what others write meanwhile.
 */
async function measureSync() {
  const directory = mkdtempSync(join(tmpdir(), 'bench-sync-'));
  const fd = openSync(join(directory, 'file'), 'w');
  const block = Buffer.alloc(8192, 1);
  const times = [];
  for (let i = 0; i < 300; i++) {
    writeSync(fd, block, 0, block.length, (i % 100) * block.length);
    const started = performance.now();
    fdatasyncSync(fd);
    times.push(performance.now() - started);
    await new Promise((resolve) => setTimeout(resolve, 8));
  }
  closeSync(fd);
  rmSync(directory, { recursive: true });
  return times;
}

const machine = () => ({
  cpu: cpus()[0].model.trim(),
  cores: cpus().length,
  kernel: release(),
  node: process.version,
  memory_gb: Math.round(Number(/MemTotal:\s+(\d+)/.exec(readFileSync('/proc/meminfo', 'utf8'))[1]) / 1024 / 1024),
});

async function measure() {
  const rounds = { gateway: [], bolt: [], python: [], questions: [] };
  for (let i = 0; i < plan.rounds; i++) {
    for (const name of i % 2 === 0 ? names() : names().reverse()) {
      process.stderr.write(`round ${i + 1} of ${plan.rounds}: ${name} …\n`);
      rounds[name].push(await envelopeRound(name, plan, i < plan.idleRounds));
    }
  }
  for (let i = 0; i < plan.questionRounds; i++) {
    process.stderr.write(`questions, round ${i + 1} of ${plan.questionRounds} …\n`);
    rounds.questions.push(await questionRound(plan));
  }
  return rounds;
}

function print(result) {
  const { machine: m, load, sync, samples } = result;
  console.log(`
${m.cpu}, ${m.cores} cores, ${m.memory_gb} GB, Linux ${m.kernel}, Node ${m.node}; ${result.seconds} s${options.quick ? ', quick' : ''}
load average before ${load.before}, after ${load.after}${load.noisy ? ' (others were at work: noisy)' : ''}
fdatasync of 8 kB at the journal, 100/s: p50 ${sync.p50_ms.toFixed(2)} ms, p99 ${sync.p99_ms.toFixed(2)} ms, longest ${sync.max_ms.toFixed(1)} ms
each program alone on one core, the load on another${result.first ? ', both before everything else (nice -19)' : ''}; median of ${plan.rounds} rounds (range)

${table(result.rows)}

¹ gateway: ${samples.questions} questions, ${samples.clicks} clicks, while 20 sessions stream 20 frames a second each${samples.failed ? `; ${samples.failed} FAILED` : ''}.
  Bolt has no bridge to OpenCode: from a message's event to its chat.postMessage (${samples.echo}), nothing else going on.
`);
  for (const aim of result.aims) console.log(`${aim.met ? 'met    ' : 'NOT MET'}  ${aim.what}: ${aim.found}`);
}

const started = performance.now();
const loadBefore = loadavg()[0];
prepare();
checkCores();
const first = goFirst();
if (options.localslack) {
  printLocalslack(await localslackRounds(localslackPlan));
  process.exit(0);
}
const syncs = await measureSync();
const rounds = await measure();
syncs.push(...(await measureSync()));
const localslack = await localslackRounds(localslackPlan);
const { rows, samples } = figures(rounds);
const result = {
  at: new Date().toISOString(),
  quick: options.quick,
  seconds: Math.round((performance.now() - started) / 1000),
  machine: machine(),
  // Two programs at work are a load of two; what is above it was somebody else's.
  load: { before: loadBefore.toFixed(1), after: loadavg()[0].toFixed(1), noisy: loadBefore > 1 },
  first,
  sync: { p50_ms: median(syncs), p99_ms: percentile(syncs, 0.99), max_ms: Math.max(...syncs) },
  rows,
  samples,
  aims: aims(rows),
  rounds,
  localslack,
};
mkdirSync(RESULTS, { recursive: true });
const file = join(RESULTS, `${result.at.replaceAll(':', '')}.json`);
writeFileSync(file, JSON.stringify(result));
print(result);
printLocalslack(localslack);
console.log(`\nAll figures: ${file}`);
