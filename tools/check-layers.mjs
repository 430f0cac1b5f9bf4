// Includes go down only (docs/architecture.md): every `#include "…"` of src/ and localslack/ is checked against what
// its folder may see.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';

const ground = ['base', 'loop'];
const engine = ['base', 'loop', 'net', 'conf', 'store', 'flow'];
const SLACK = 'connectors/slack';
const OPENCODE = 'integrations/opencode';

/** Folder → the folders it may include from, besides itself, or single headers. The longest match counts. */
const layers = {
  'src/base': [],
  'src/loop': ['base'],
  'src/net': ground,
  'src/conf': ground,
  'src/store': ground,
  'src/flow': [...ground, 'store'],
  [`src/${SLACK}`]: engine,
  [`src/${OPENCODE}`]: engine,
  'src/integrations/models': [...ground, 'net'],
  'src/integrations/git': ground,
  'src/integrations/workspace': [...ground, 'flow', 'integrations/git'],
  'src/core': [
    ...engine,
    'integrations/git/names.h', 'integrations/workspace/workspace-asks.h', 'integrations/workspace/state-asks.h',
    `${SLACK}/slack-asks.h`, `${SLACK}/markdown.h`, `${SLACK}/block-kit.h`, `${OPENCODE}/opencode-asks.h`,
  ],
  'src/gateway': [...engine, SLACK, OPENCODE, 'integrations/models', 'integrations/git', 'integrations/workspace', 'core'],
  localslack: [...ground, 'net'],
};

const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard', 'src', 'localslack'], { encoding: 'utf8' })
  .split('\n')
  .filter((file) => /\.[ch]$/.test(file));
const problems = [];

for (const file of files) {
  const layer = Object.keys(layers).filter((name) => file.startsWith(`${name}/`)).sort((a, b) => b.length - a.length)[0];
  if (layer === undefined) {
    problems.push(`${file}: its folder is in no layer; give it one in tools/check-layers.mjs`);
    continue;
  }
  const own = layer.replace(/^src\//, '');
  readFileSync(file, 'utf8').split('\n').forEach((line, i) => {
    const included = /^\s*#\s*include\s+"([^"]+)"/.exec(line)?.[1];
    if (included === undefined || !included.includes('/')) return; // a neighbour, or something generated
    const allowed = layers[layer].some((name) => included === name || dirname(included).startsWith(name));
    if (!allowed && !included.startsWith(`${own}/`)) problems.push(`${file}:${i + 1}: ${layer} may not include "${included}"`);
  });
}

for (const problem of problems) console.log(problem);
console.log(`${files.length} files, ${problems.length} includes against the layers`);
process.exit(problems.length ? 1 : 0);
