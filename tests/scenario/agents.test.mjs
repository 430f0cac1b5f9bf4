// Roles against what the running OpenCode offers: BMAD as npm has it, nothing at all, and agents of OpenCode's own.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';

import { runGateway } from '../harness/gateway.mjs';
import { ANN, startWorld, textOf } from '../harness/world.mjs';

const run = promisify(execFile);
const BMAD = 'bmad-method@6.12.0';
const PATIENCE_MS = 90_000; // of a machine that does other things, too
const worlds = [];
after(async () => {
  for (const world of worlds) await world.close();
});
const newWorld = async () => {
  const world = await startWorld();
  worlds.push(world);
  return world;
};

/** OpenCode reads agents, commands and skills when it opens a directory anew. */
async function reopen(world) {
  await world.opencode.stop();
  await world.startOpenCode();
  await world.gateway.ready({ bridges: 1, timeoutMs: 60_000 });
}
const ready = async (world) => {
  const thread = await world.start('say:Ready.');
  await thread.says(/Ready/, PATIENCE_MS);
  return thread;
};
/** The card may have said so before: the words of the first prompt decide, too. */
async function choose(thread, agent) {
  await thread.reply(`!agent ${agent}`);
  await thread.says(new RegExp(`Agent from the next prompt on: \`${agent}\``), PATIENCE_MS);
  await thread.cardSays(new RegExp(`\\b${agent}\\b`));
}
/** What the model was last given to read by the person whose prompt has these words. */
const promptWith = async (world, words) =>
  (await world.model.requests({ bodies: true }))
    .map((r) => JSON.stringify(r.body?.messages?.findLast((m) => m.role === 'user') ?? ''))
    .findLast((text) => text.includes(words));

test('nothing is installed: the default agent plays the role, is told so once, and the card says it', async () => {
  const world = await newWorld();
  const thread = await ready(world);
  await thread.reply('!agent');
  await thread.told(ANN, /architect[^]*told the role[^]*plan[^]*an agent of OpenCode/);
  await thread.reply('!agent nobody');
  await thread.told(ANN, /There is no agent .*nobody.*There are: .*architect/s);
  await choose(thread, 'architect');
  await thread.reply('say:As architect.');
  await thread.says(/As architect/, PATIENCE_MS);
  assert.match(await promptWith(world, 'As architect'), /You are the architect of this task/);
  await thread.cardSays(/architect \(played by build\)/);
  await thread.reply('say:And again.');
  await thread.says(/And again/, PATIENCE_MS);
  assert.doesNotMatch(await promptWith(world, 'And again'), /You are the architect/);

  await choose(thread, 'plan');
  await thread.reply('say:Planned.');
  await thread.says(/Planned/, PATIENCE_MS);
  const session = (await world.gateway.sessions()).find((s) => s.thread_ts === thread.ts);
  const messages = await world.opencode.api('GET', `/session/${session.opencode.session_id}/message`);
  assert.equal(messages.at(-1).info.agent, 'plan');
});

test('agents install: the roles as agents of OpenCode, which may ask questions', async () => {
  const world = await newWorld();
  const { code, output } = await runGateway(['agents', 'install', join(world.directory, '.opencode/agents')]);
  assert.equal(code, 0, output);
  await reopen(world);
  const agents = await world.opencode.api('GET', '/agent', undefined, { directory: world.directory });
  for (const name of ['architect', 'pm', 'builder', 'party-mode']) {
    const agent = agents.find((a) => a.name === name);
    assert.equal(agent?.mode, 'primary', name);
    const rules = agent.permission.filter((rule) => rule.permission === 'question');
    assert.equal(rules.at(-1).action, 'allow', name);
  }
  const thread = await ready(world);
  await choose(thread, 'pm');
  await thread.reply('question:1;;say:Thanks for the answer.');
  await thread.click('question.pick', { pick: /^Yes/ });
  await thread.says(/Thanks for the answer/, PATIENCE_MS);
  await thread.cardSays(/\bpm\b/);
  const again = await runGateway(['agents', 'install', join(world.directory, '.opencode/agents')]);
  assert.equal(again.code, 0);
  assert.doesNotMatch(again.output, /written/);
});

test('BMAD from npm: its commands are run as commands', async (t) => {
  const home = await mkdtemp(join(tmpdir(), 'bmad-'));
  t.after(() => rm(home, { recursive: true, force: true }));
  const world = await newWorld();
  const args = ['--yes', BMAD, 'install', '--directory', world.directory, '--modules', 'bmm', '--tools', 'opencode', '--yes'];
  try {
    await run('npx', args, { timeout: 300_000, env: { ...process.env, HOME: home, npm_config_cache: process.env.npm_config_cache ?? join(tmpdir(), 'npm-cache-of-tests') } });
  } catch (error) {
    if (!/E(NOTFOUND|AI_AGAIN|CONNREFUSED|TIMEDOUT|NETUNREACH)|network/.test(`${error.stderr}`)) throw error;
    t.skip('no package registry can be reached');
    return;
  }
  await reopen(world);
  const thread = await world.start('say:Built by a command.');
  await thread.says(/Built by a command/, PATIENCE_MS);
  await thread.cardSays(/builder \(command bmad-agent-dev\)/);
  assert.match(await promptWith(world, 'Built by a command'), /bmad-agent-dev/, 'the words of the first prompt chose the builder');
  await thread.reply('!agent');
  await thread.told(ANN, /architect[^]*a command in OpenCode/);
  await thread.reply('!agent builder');
  await thread.told(ANN, /builder. already/);
  await thread.reply('say:A second prompt.');
  await thread.says(/A second prompt/, PATIENCE_MS);
  assert.doesNotMatch(await promptWith(world, 'A second prompt'), /@skills/);
  assert.ok(!(await thread.all(/Asked in OpenCode/)).length, 'its own message was not taken for somebody else\'s');
  for (const [role, command] of [['architect', 'bmad-agent-architect'], ['party-mode', 'bmad-party-mode'], ['pm', 'bmad-agent-pm']]) {
    await choose(thread, role);
    await thread.reply(`say:As ${role} now.`);
    await thread.says(new RegExp(`As ${role} now`), PATIENCE_MS);
    assert.match(await promptWith(world, `As ${role} now`), new RegExp(command));
  }
  assert.ok(textOf(await thread.card()).includes('pm (command bmad-agent-pm)'));
});
