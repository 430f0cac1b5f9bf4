// How long one routing decision takes, by the keywords and by the learned model:
//
//   node bench/routing.mjs
//
// Needs ./dev build. Each kind of text 2,000 times; the aim is less than a millisecond for each of them.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { programs } from './lib/subjects.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const AIM_US = 1000;
const BENCH = process.env.ROUTING_BENCH_BIN ?? join(programs.bridgeLoad, '../routing-bench');

const lines = execFileSync(BENCH, [join(ROOT, 'src/core/routing-data/hold-out.jsonl')], { encoding: 'utf8' }).trim().split('\n');
const rows = lines.map((line) => line.split('\t'));
const figure = (us) => Number(us).toFixed(1).padStart(8);

console.log(`${''.padEnd(36)}${'bytes'.padStart(9)}   keywords: p50     p99     max   learned: p50     p99     max   (µs)`);
for (const [name, bytes, ...us] of rows) {
  console.log(`${name.padEnd(36)}${bytes.padStart(9)}        ${us.slice(0, 3).map(figure).join('')}        ${us.slice(3).map(figure).join('')}`);
}
// The longest is whatever else the machine did; the 99th percentile is ours.
const slowest = Math.max(...rows.flatMap((row) => [Number(row[3]), Number(row[6])]));
const met = slowest < AIM_US;
console.log(`\n${met ? 'met' : 'MISSED'}: p99 of the slowest kind ${slowest.toFixed(0)} µs, aim < ${AIM_US} µs`);
process.exit(met ? 0 : 1);
