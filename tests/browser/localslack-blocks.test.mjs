// Block Kit in localslack's page: every block shows what it says; streams grow; hostile content stays text.

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';

import { ANN, BOB, GENERAL, assertNoOverflow, button, mrkdwn, plain, shot, startPageWorld } from './world.mjs';

const CODING = 'C0CODING';
let world;
let slack;
let app;

before(async () => {
  world = await startPageWorld({ args: ['--app-name', 'Robin'] });
  ({ slack, app } = world);
});
afterEach(() => world?.tidy());
after(() => world?.done());

const main = (page) => page.locator('#channel');
const message = (page, text) => main(page).locator('.message', { hasText: text }).last();
const text = (t, style) => ({ type: 'text', text: t, ...(style ? { style } : {}) });
const section = (...elements) => ({ type: 'rich_text_section', elements });
const rich = (...elements) => ({ type: 'rich_text', elements });
const raw = (t) => ({ type: 'raw_text', text: t });

test('text blocks: header, section with fields, context, rich text, tables', async () => {
  const page = await world.open({ place: CODING });
  await app.post(CODING, [
    { type: 'header', text: plain('Release :rocket:') },
    { type: 'section', text: mrkdwn('See <https://example.com/a?b=1&amp;c=2|the plan> of <@U0BOB> in <#C0GENERAL>') , fields: [mrkdwn('*Owner*\nBob'), plain('plain *stars*')] },
    { type: 'context', elements: [mrkdwn('3 m 12 s'), { type: 'image', image_url: 'https://example.com/x.png', alt_text: 'a face' }] },
    rich(section(text('bold', { bold: true }), text(' '), { type: 'link', url: 'https://example.com/', text: 'a link' }, { type: 'emoji', name: 'tada' }),
      { type: 'rich_text_list', style: 'ordered', elements: [section(text('first'))] }, { type: 'rich_text_list', style: 'bullet', indent: 1, elements: [section(text('nested'))] },
      { type: 'rich_text_list', style: 'ordered', offset: 1, elements: [section(text('second'))] },
      { type: 'rich_text_quote', elements: [text('quoted')] }, { type: 'rich_text_preformatted', elements: [text('x = 1')] }),
    { type: 'table', column_settings: [{}, { align: 'right' }], rows: [[raw('file'), raw('lines')], [raw('a.c'), rich(section(text('+4', { bold: true })))]] },
  ]);
  const el = message(page, 'Release 🚀');
  await el.getByRole('heading', { name: 'Release' }).waitFor();
  const link = el.getByRole('link', { name: 'the plan' });
  assert.equal(await link.getAttribute('href'), 'https://example.com/a?b=1&c=2');
  assert.match(await link.getAttribute('rel'), /noopener/);
  await el.getByText('@Bob').waitFor();
  await el.getByText('plain *stars*').waitFor();
  assert.equal(await el.locator('strong', { hasText: 'bold' }).count(), 1);
  assert.equal(await el.locator('ol').nth(1).getAttribute('start'), '2', 'the outer list goes on');
  assert.equal(await el.locator('td.align-right strong').innerText(), '+4');
  assert.equal(await el.getByRole('img', { name: 'a face' }).count(), 1, 'a foreign image shows what it is, and is not fetched');
});

test('a data table is paged and sorted; a container is closed and opened; a plan counts', async () => {
  const page = await world.open({ place: CODING });
  await app.post(CODING, [{ type: 'data_table', caption: 'Slow tests', page_size: 2, rows: [[raw('test'), raw('ms')], ...[812, 12, 99].map((n, i) => [raw(`t${i}`), { type: 'raw_number', value: n, text: String(n) }])] }]);
  const table = message(page, 'Slow tests');
  await table.getByText('1 of 2').waitFor();
  await table.getByRole('button', { name: 'ms' }).click();
  assert.deepEqual(await table.locator('tbody tr td').allInnerTexts(), ['12', '99']);
  await table.getByLabel('Next page').click();
  assert.deepEqual(await table.locator('tbody tr td').allInnerTexts(), ['812']);

  await app.post(CODING, [{ type: 'container', title: plain('Build log'), is_collapsible: true, default_collapsed: true, child_blocks: [{ type: 'section', text: mrkdwn('make: Error 2') }] },
    { type: 'alert', level: 'error', text: plain('Tests failed') },
    { type: 'plan', title: 'Fix it', tasks: [{ type: 'task_card', task_id: 'a', title: 'Look', status: 'complete', output: rich(section(text('seen'))) }, { type: 'task_card', task_id: 'b', title: 'Mend', status: 'in_progress' }] },
    { type: 'carousel', elements: [{ type: 'card', title: mrkdwn('*PR 1*'), body: mrkdwn('a fix'), actions: [button('open1', 'Merge')] }, { type: 'card', title: mrkdwn('PR 2') }] },
    { type: 'video', title: plain('The demo'), title_url: 'https://example.com/v', video_url: 'https://example.com/v', thumbnail_url: 'https://example.com/t.png', alt_text: 'v' }]);
  const el = message(page, 'Build log');
  assert.equal(await el.getByText('make: Error 2').isVisible(), false);
  await el.getByText('Build log').click();
  await el.getByText('make: Error 2').waitFor();
  await el.getByText('1 of 2').waitFor();
  await el.getByText('Look').click();
  await el.getByText('seen').waitFor();
  await el.getByRole('alert').getByText('Tests failed').waitFor();
  await el.getByRole('link', { name: 'The demo' }).waitFor();
  await el.getByRole('button', { name: 'Merge' }).click();
  assert.equal((await app.payload((p) => p.actions?.[0].action_id === 'open1')).actions[0].value, 'open1-value');
});

test('feedback and icon buttons, legacy attachments, and a block that nobody knows', async () => {
  const page = await world.open({ place: CODING });
  const { ts } = await app.post(CODING, [{ type: 'section', text: mrkdwn('How was it?') }, { type: 'context_actions', elements: [
    { type: 'feedback_buttons', action_id: 'fb', positive_button: { text: plain('Good'), value: 'up' }, negative_button: { text: plain('Bad'), value: 'down' } },
    { type: 'icon_button', icon: 'trash', action_id: 'del', text: plain('Delete it'), value: 'x' },
    { type: 'icon_button', icon: 'trash', action_id: 'hidden', text: plain('Only for Bob'), value: 'x', visible_to_user_ids: [BOB] }] }]);
  const el = message(page, 'How was it?');
  await el.getByLabel('Good').click();
  assert.equal((await app.payload((p) => p.actions?.[0].action_id === 'fb')).actions[0].value, 'up');
  assert.equal(await el.getByLabel('Good').getAttribute('aria-pressed'), 'true');
  await el.getByLabel('Delete it').click();
  await app.payload((p) => p.actions?.[0].action_id === 'del' && p.message.ts === ts);
  assert.equal(await el.getByLabel('Only for Bob').count(), 0);

  await app.call('chat.postMessage', { channel: CODING, text: 'old style', attachments: [{ color: 'danger', pretext: 'before', title: 'Build 42', title_link: 'https://example.com/42', text: 'It *failed*', fields: [{ title: 'Branch', value: 'main', short: true }], footer: 'ci' }] });
  const old = message(page, 'old style');
  await old.getByRole('link', { name: 'Build 42' }).waitFor();
  assert.equal(await old.locator('.attachment').evaluate((a) => getComputedStyle(a).borderLeftColor), 'rgb(207, 68, 54)');
  // What the server would refuse may still come from a later Slack: the page says what it does not show.
  const shown = await page.evaluate(async () => {
    const { renderBlock } = await import('/blocks.js');
    return [{ type: 'hologram' }, { type: 'section', text: { type: 'mrkdwn', text: 5 } }, { type: 'actions', elements: 7 }, null, { type: '__proto__' }].map((b) => renderBlock(b, { key: 'x', names: { user() {}, channel() {} }, get() {}, set() {} }).textContent);
  });
  assert.match(shown[0], /hologram.*does not show/);
  assert.equal(shown[1], '5');
  assert.match(shown[2], /could not be shown/);
  assert.match(shown[4], /__proto__/);
});

test('a stream grows with a caret, its tasks change in place, and it ends', async () => {
  const root = await slack.say(ANN, GENERAL, 'please stream');
  const page = await world.open({ place: `${GENERAL}/${root}` });
  const { ts } = await app.call('chat.startStream', { channel: GENERAL, thread_ts: root, recipient_user_id: ANN, recipient_team_id: 'T0LOCAL', task_display_mode: 'plan', chunks: [
    { type: 'plan_update', title: 'Fixing it' }, { type: 'task_update', id: 't1', title: 'Run the tests', status: 'in_progress' }, { type: 'markdown_text', text: 'The first ' }] });
  const el = page.locator('#thread .message.streaming');
  await el.getByText('The first').waitFor();
  assert.equal(await el.locator('.task-in_progress').count(), 1);
  await app.call('chat.appendStream', { channel: GENERAL, ts, chunks: [{ type: 'task_update', id: 't1', title: 'Run the tests', status: 'complete' }, { type: 'markdown_text', text: '**words**' }] });
  await el.locator('strong', { hasText: 'words' }).waitFor();
  await el.locator('.task-complete').waitFor();
  await shot(page, 'localslack-stream');
  await app.call('chat.stopStream', { channel: GENERAL, ts, markdown_text: ', and the last.' });
  await page.locator('#thread .message', { hasText: 'and the last.' }).waitFor();
  await el.waitFor({ state: 'detached' });
});

test('an agent at work can be stopped, suggests prompts, and names its thread', async () => {
  await slack.post('switches', { stop_events: true });
  const root = await slack.say(ANN, GENERAL, 'a long job');
  const page = await world.open({ place: `${GENERAL}/${root}` });
  await app.call('assistant.threads.setSuggestedPrompts', { channel_id: GENERAL, thread_ts: root, title: 'You may ask', prompts: [{ title: 'Tests', message: 'Which tests failed?' }] });
  await page.getByRole('button', { name: 'Tests' }).click();
  await page.locator('#thread .message', { hasText: 'Which tests failed?' }).waitFor();
  await page.getByRole('button', { name: 'Tests' }).waitFor({ state: 'detached' });
  await app.call('agents.sessions.setStatus', { channel_id: GENERAL, thread_ts: root, status: 'processing', title: 'The long job' });
  await page.getByRole('heading', { name: 'The long job' }).waitFor();
  await page.getByRole('button', { name: 'Stop' }).click();
  assert.equal((await app.payload((p) => p.event?.type === 'agent_session_stopped')).event.thread_ts, root);
});

const HOSTILE = [
  '<script>document.title="pwned"</script>', '<img src=x onerror="document.title=\'pwned\'">', '"><svg onload=alert(1)>', '<javascript:alert(1)|click>',
  '<data:text/html;base64,PHNjcmlwdD4=|click>', '<https://example.com/" onmouseover="alert(1)|x>', '\u202egnp.exe\u202c and \u2066more', 'a'.repeat(5000), '`'.repeat(501), '<'.repeat(3000), '*_~'.repeat(2000),
  ':tada:'.repeat(1500), '&lt;b&gt;not bold&lt;/b&gt; &amp;lt;', '> '.repeat(900), `${'```'}never closed`, '</textarea></div></body>', '${7*7} {{7*7}} <!doctype>', '[x](javascript:alert(1))', '\u0007\ufeff zero',
  'Z\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308'.repeat(200), '𝕳'.repeat(2000),
];

test('hostile text, names, addresses and blocks never run and never break the layout', async () => {
  const page = await world.open({ place: CODING });
  const title = await page.title();
  await slack.post('users', { id: 'U0EVIL', name: 'evil', real_name: '<img src=x onerror=alert(1)>\u202e \u2067' + 'w'.repeat(300) });
  await slack.post('channels', { name: `x${'long'.repeat(19)}`, members: [ANN, 'U0EVIL'] });
  for (const t of HOSTILE) await slack.say('U0EVIL', CODING, t);
  const list = Array.from({ length: 100 }, (_, i) => `${'  '.repeat(i)}- item ${i}`).join('\n');
  await app.call('chat.postMessage', { channel: CODING, text: 'fallback', blocks: [{ type: 'markdown', text: list }] });
  await app.call('chat.postMessage', { channel: CODING, text: 'fallback', blocks: [{ type: 'markdown', text: `${'>'.repeat(300)} deep\n\n${'['.repeat(3000)}\n\n${'**'.repeat(999)}\n\n| a |\n|---|\n${'| x |\n'.repeat(50)}` }] });
  await app.call('chat.postMessage', { channel: CODING, text: 'x'.repeat(40_000) });
  await app.call('chat.postMessage', { channel: CODING, username: '<b>Root</b>\u202e', icon_emoji: ':"><script>:', text: 'a name', attachments: [{ color: 'red;position:fixed', title: '<b>t</b>', title_link: 'javascript:alert(1)', author_link: 'vbscript:x', author_name: 'au', image_url: 'https://evil.example/pixel.png', text: 'att' }] });
  await app.post(CODING, [{ type: 'section', text: mrkdwn('last hostile'), accessory: { type: 'button', action_id: 'u', text: plain('W'.repeat(75)), url: 'https://example.com/?q=%22%3E%3Cscript%3E' } },
    { type: 'table', rows: [[raw('w'.repeat(2000)), raw('<b>x</b>')]] }, { type: 'image', image_url: 'https://evil.example/i.png', alt_text: '<b>'.repeat(300) }]);
  await message(page, 'last hostile').waitFor();
  assert.equal(await page.title(), title);
  for (const selector of ['#channel script', '#channel iframe', '#channel [onerror]', '#channel [onload]', '#channel [onmouseover]', '#channel a[href^="javascript:" i]', '#channel a[href^="data:" i]', '#channel a[href^="vbscript:" i]', '#channel img[src^="http"]']) {
    assert.equal(await page.locator(selector).count(), 0, selector);
  }
  await message(page, 'never closed').waitFor();
  assert.equal(await main(page).locator('b', { hasText: 'not bold' }).count(), 0);
  await assertNoOverflow(page, 'the page at 1280 px');
  assert.equal(await page.locator('#channel .list').evaluate((el) => el.scrollWidth > el.clientWidth), false, 'the list does not scroll sideways');
  await page.setViewportSize({ width: 390, height: 844 });
  await assertNoOverflow(page, 'the page at 390 px');
  assert.equal(await page.locator('#channel .list').evaluate((el) => el.scrollWidth > el.clientWidth), false);
  // Deeply nested lists keep room for their words.
  const width = await main(page).locator('li', { hasText: 'item 99' }).last().evaluate((el) => el.getBoundingClientRect().width);
  assert.ok(width > 60, `the deepest item is ${width} px wide`);
});

test('the policy forbids inline scripts and styles, and foreign origins', async () => {
  const policy = (await fetch(slack.url)).headers.get('content-security-policy');
  const rules = Object.fromEntries(policy.split(';').map((r) => r.trim().split(' ')).map(([name, ...values]) => [name, values]));
  assert.deepEqual(rules['default-src'], ["'none'"]);
  assert.deepEqual(rules['script-src'], ["'self'"]);
  assert.deepEqual(rules['style-src'], ["'self'"]);
  assert.deepEqual(rules['connect-src'], ["'self'"]);
  assert.deepEqual(rules['frame-ancestors'], ["'none'"]);
  assert.deepEqual(rules['base-uri'], ["'none'"]);
  assert.ok(!/unsafe|\*|https?:/.test(policy), policy);
  const page = await world.open();
  const blocked = await page.evaluate(() => new Promise((resolve) => {
    const script = document.createElement('script');
    script.textContent = 'window.ran = true';
    addEventListener('securitypolicyviolation', (e) => resolve(e.effectiveDirective), { once: true });
    document.body.append(script);
  }));
  assert.match(blocked, /script-src/);
  assert.equal(await page.evaluate(() => window.ran), undefined);
  world.forgive(/Content Security Policy/);
});
