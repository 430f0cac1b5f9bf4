#!/usr/bin/env node
// Makes the sample repository: the files beside this program, as a git repository with a past.
//
//   node demo/prepare.mjs --into DIR
//
// Doing it again changes nothing, whatever has been done in DIR since; a DIR with anything else in it is
// refused. Dates and author are fixed, so that the commits have the same names everywhere.

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const SAMPLE = fileURLToPath(new URL('sample-repo', import.meta.url));

// Its tests are stored under another name: one of them fails, as it should, and `node --test` in this
// repository must not find it.
const STORED_SUFFIX = '.sample';

const COMMITS = [
  {
    date: '2026-01-12T09:30:00+00:00',
    files: ['README.md', 'package.json', 'src', 'test/slug.test.js'],
    message:
      'Slugs from titles\n\nAccents are dropped, words joined by hyphens, long titles cut between words.',
  },
  {
    date: '2026-02-03T14:05:00+00:00',
    files: ['test/empty.test.js'],
    message:
      'Test: a title of emoji gives an empty slug\n\n' +
      'Fails for now: what the slug should be instead is not decided.',
  },
];

/**
 * Runs git in `directory` with nothing of the user's configuration, and no repository inherited from a hook.
 */
function git(directory, args, date) {
  const env = {
    PATH: process.env.PATH,
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    ...(date === undefined ? {} : { GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date }),
  };
  return execFileSync('git', args, {
    cwd: directory,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim();
}

/** Is `directory` itself, and not one above it, a repository that holds the sample's first commit? */
function isPrepared(directory) {
  if (!existsSync(join(directory, '.git'))) return false;
  try {
    return git(directory, ['log', '--format=%s', '--all'])
      .split('\n')
      .includes(COMMITS[0].message.split('\n')[0]);
  } catch {
    return false; // a repository without commits, or a broken one: not ours to touch
  }
}

/**
 * Makes the sample repository in `into` (created when missing) and returns its absolute path.
 * Throws when the directory holds something else, or git fails.
 */
export function prepareSample(into) {
  const directory = resolve(into);
  mkdirSync(directory, { recursive: true });
  if (isPrepared(directory)) return directory;
  if (readdirSync(directory).length > 0)
    throw new Error(`${directory} is not empty and not the sample repository`);

  // Made beside its place and moved there when complete: an interrupted run leaves nothing half done behind.
  const scratch = mkdtempSync(`${directory}.new-`);
  try {
    chmodSync(scratch, 0o755);
    makeRepository(scratch);
    renameSync(scratch, directory);
  } catch (error) {
    rmSync(scratch, { recursive: true, force: true });
    throw error;
  }
  return directory;
}

function makeRepository(directory) {
  git(directory, ['init', '--quiet', '--initial-branch=main']);
  // In the repository's own configuration, so that its worktrees can be committed to on a machine without
  // any.
  git(directory, ['config', 'user.name', 'Sample']);
  git(directory, ['config', 'user.email', 'sample@example.com']);
  git(directory, ['config', 'commit.gpgsign', 'false']);
  for (const { date, files, message } of COMMITS) {
    for (const file of files) {
      const stored = join(SAMPLE, file + STORED_SUFFIX);
      cpSync(existsSync(stored) ? stored : join(SAMPLE, file), join(directory, file), { recursive: true });
    }
    git(directory, ['add', '--', ...files]);
    git(directory, ['commit', '--quiet', '--message', message], date);
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  try {
    const { values } = parseArgs({ options: { into: { type: 'string' } } });
    if (!values.into) throw new Error('usage: prepare.mjs --into DIR');
    console.log(prepareSample(values.into));
  } catch (error) {
    console.error(`prepare: ${error.stderr?.trim() || error.message}`);
    process.exitCode = 1;
  }
}
