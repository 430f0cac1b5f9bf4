// kills.test.mjs with the journal in PostgreSQL.

import { test } from 'node:test';

import { noPostgres } from '../harness/postgres.mjs';

const without = noPostgres();
if (without) {
  test('kills, journal in PostgreSQL', { skip: without }, () => {});
} else {
  process.env.CHAOS_JOURNAL = 'postgres';
  await import('./kills.test.mjs');
}
