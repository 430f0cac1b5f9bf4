// What only an app's answer makes complete: options that it is asked for, files in forms, shortcuts; and hostile texts there.

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';

import { ANN, GENERAL, PATIENCE_MS, assertNoOverflow, mrkdwn, option, plain, startPageWorld } from './world.mjs';

const EVIL = '<img src=x onerror="document.title=\'pwned\'"><script>document.title="pwned"</script>\u202e';
let world;
let slack;
let app;

before(async () => {
  world = await startPageWorld({ args: ['--app-name', 'Robin', '--slash-command', `/robin ${EVIL.slice(0, 60)}`, '--shortcut', 'global:new_task:New task',
    '--shortcut', 'message:explain:Explain this', '--shortcut', `global:evil:${EVIL.slice(0, 24)}`] });
  ({ slack, app } = world);
});
afterEach(async () => {
  app.on = () => undefined;
  await world?.tidy();
});
after(() => world?.done());

const main = (page) => page.locator('#channel');
const message = (page, text) => main(page).locator('.message', { hasText: text }).last();
const modal = (page) => page.locator('#modal');
const closed = (page) => page.waitForFunction(() => !document.getElementById('modal').open);
const input = (block_id, label, element, more = {}) => ({ type: 'input', block_id, label: plain(label), element: { action_id: 'v', ...element }, ...more });
const FRUITS = ['apple', 'apricot', 'banana'];

/** Answers what a select asks for with `offer(value)`; other envelopes with nothing. */
const offers = (offer) => (e) => (e.payload.type === 'block_suggestion' ? offer(e.payload.value) : undefined);

async function openByShortcut(page, view) {
  const before = app.on;
  app.on = (e) => {
    if (e.payload.type !== 'shortcut') return before(e);
    void app.call('views.open', { trigger_id: e.payload.trigger_id, view: { type: 'modal', submit: plain('Save'), close: plain('Cancel'), ...view } });
    return undefined;
  };
  await main(page).getByLabel('Shortcuts').click();
  await page.getByRole('menuitem', { name: 'New task' }).click();
  await modal(page).getByRole('heading', { name: view.title.text }).waitFor();
}

async function nothingRan(page, title) {
  assert.equal(await page.title(), title);
  for (const selector of ['script:not([src])', '[onerror]', 'body img[src="x"]']) assert.equal(await page.locator(selector).count(), 0, selector);
  await assertNoOverflow(page);
}

test('an external select asks the app for its options, and sends the whole choice', async () => {
  const page = await world.open();
  app.on = offers((value) => ({ options: FRUITS.filter((f) => f.startsWith(value)).map((f) => option(f, f.toUpperCase())) }));
  await app.post(GENERAL, [{ type: 'section', text: mrkdwn('A fruit, please') }, { type: 'actions', block_id: 'ext', elements: [
    { type: 'external_select', action_id: 'one', placeholder: plain('One fruit'), min_query_length: 2 },
    { type: 'multi_external_select', action_id: 'many', placeholder: plain('More fruits'), min_query_length: 0, max_selected_items: 2 }] }]);
  const el = message(page, 'A fruit, please');
  await el.getByRole('button', { name: 'One fruit' }).click();
  await page.getByText('Type at least 2 characters').waitFor();
  await page.getByLabel('Search One fruit').fill('ap');
  await page.getByRole('option', { name: 'APRICOT' }).waitFor();
  assert.deepEqual(await page.getByRole('option').allInnerTexts(), ['APPLE', 'APRICOT']);
  const asked = await app.payload((p) => p.type === 'block_suggestion');
  assert.deepEqual([asked.action_id, asked.block_id, asked.value, asked.user.id, asked.container.type], ['one', 'ext', 'ap', ANN, 'message']);
  await page.getByRole('option', { name: 'APRICOT' }).click();
  assert.deepEqual((await app.payload((p) => p.actions?.[0].action_id === 'one')).actions[0].selected_option.value, 'apricot');
  await el.getByText('APRICOT').waitFor();

  await el.getByRole('button', { name: 'More fruits' }).click();
  for (const name of ['APPLE', 'BANANA', 'APRICOT']) await page.getByRole('option', { name }).click(); // the third is one too many
  await page.keyboard.press('Escape');
  const many = await app.payload((p) => p.actions?.[0].action_id === 'many');
  assert.deepEqual(many.actions[0].selected_options.map((o) => [o.value, o.text.text]), [['apple', 'APPLE'], ['banana', 'BANANA']]);
  assert.equal(many.state.values.ext.one.selected_option.value, 'apricot');
});

test('options in groups, none at all, wrong ones, and an app that does not answer', async () => {
  const page = await world.open();
  let offer = () => ({ option_groups: [{ label: plain('Sweet'), options: [option('fig', 'Fig')] }, { label: plain('Sour'), options: [option('lime', 'Lime')] }] });
  app.on = offers((value) => offer(value));
  await app.post(GENERAL, [{ type: 'section', text: mrkdwn('Groups, please'), accessory: { type: 'external_select', action_id: 'g', placeholder: plain('Group'), min_query_length: 1 } }]);
  const search = page.getByLabel('Search Group');
  await message(page, 'Groups, please').getByRole('button', { name: 'Group' }).click();
  await search.fill('x');
  await page.locator('.option-group', { hasText: 'Sour' }).waitFor();
  offer = () => ({ options: [] });
  await search.fill('xy');
  await page.getByText('No results').waitFor();
  offer = () => ({ options: [{ text: 'no object', value: 7 }] });
  await search.fill('xyz');
  await page.getByText('The options could not be loaded.').waitFor();
  offer = () => ({ options: [option('late', 'At last')] });
  await search.fill('last');
  await page.getByRole('option', { name: 'At last' }).waitFor();
  offer = () => false;
  await slack.post('switches', { ack_timeout_ms: 200 });
  await search.fill('silence');
  await page.getByText('The options could not be loaded.').waitFor();
  await slack.post('switches', { ack_timeout_ms: PATIENCE_MS });
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+.');
  await page.locator('#panel .req').first().getByText('was not acknowledged').waitFor();
  await page.locator('#panel .req').filter({ hasText: 'breaks a rule of Block Kit' }).waitFor();
});

test('a global shortcut opens a form in which files are handed in', async () => {
  const page = await world.open();
  app.on = offers(() => ({ options: [option('p1', 'Project one')] }));
  await openByShortcut(page, { title: plain('New task'), callback_id: 'task', blocks: [
    input('files', 'Files', { type: 'file_input', max_files: 2, filetypes: ['txt', 'png'] }), input('project', 'Project', { type: 'external_select', placeholder: plain('Which project'), min_query_length: 1 })] });
  const field = modal(page).locator('input[type=file]');
  await field.setInputFiles([{ name: 'log.txt', mimeType: 'text/plain', buffer: Buffer.from('one\n') }, { name: 'wrong.txt', mimeType: 'text/plain', buffer: Buffer.from('two\n') }]);
  await modal(page).getByLabel('Remove wrong.txt').click();
  await field.setInputFiles([{ name: 'shot.png', mimeType: 'image/png', buffer: Buffer.from('\u0089PNG') }]);
  await modal(page).getByText('shot.png').waitFor();
  await modal(page).getByRole('button', { name: 'Which project' }).click();
  await page.getByLabel('Search Which project').fill('p');
  await page.getByRole('option', { name: 'Project one' }).click();
  await modal(page).getByRole('button', { name: 'Save' }).click();
  await closed(page);
  const { values } = (await app.payload((p) => p.type === 'view_submission' && p.view.callback_id === 'task')).view.state;
  assert.deepEqual(values.files.v.files.map((f) => [f.name, f.mimetype]), [['log.txt', 'text/plain'], ['shot.png', 'image/png']]);
  assert.equal(values.project.v.selected_option.value, 'p1');
  // The app reads what was handed in as from Slack.
  const response = await fetch(values.files.v.files[0].url_private_download, { headers: { authorization: 'Bearer xoxb-local' } });
  assert.equal(await response.text(), 'one\n');
});

test('a message shortcut tells the app the message', async () => {
  const page = await world.open();
  const ts = await slack.say(ANN, GENERAL, 'what does this mean?');
  const el = message(page, 'what does this mean?');
  await el.hover();
  await el.getByLabel('More actions for this message').click();
  await page.getByRole('menuitem', { name: 'Explain this' }).click();
  const payload = await app.payload((p) => p.type === 'message_action');
  assert.deepEqual([payload.callback_id, payload.message_ts, payload.message.text, payload.channel.id, payload.user.id], ['explain', ts, 'what does this mean?', GENERAL, ANN]);
  const answer = await fetch(payload.response_url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ text: 'It means nothing.' }) });
  assert.equal(answer.status, 200);
  await message(page, 'It means nothing.').getByText('Only visible to you').waitFor();
});

test('hostile texts in options, names of files and shortcuts, errors, prompts, titles and statuses stay text', async () => {
  const root = await slack.say(ANN, GENERAL, 'careful now');
  const page = await world.open({ place: `${GENERAL}/${root}` });
  app.on = offers(() => ({ options: [option('evil', EVIL.slice(0, 75)), { ...option('two', '\u202e'), description: plain(EVIL.slice(0, 75)) }] }));
  await page.locator('#thread .message').first().waitFor();
  // What stands around the thread.
  await app.call('agents.sessions.setStatus', { channel_id: GENERAL, thread_ts: root, status: 'processing', title: EVIL });
  await page.getByRole('heading', { name: '<img' }).waitFor();
  await app.call('assistant.threads.setStatus', { channel_id: GENERAL, thread_ts: root, status: EVIL.slice(0, 90), loading_messages: [EVIL.slice(0, 50), 'b'] });
  await app.call('assistant.threads.setSuggestedPrompts', { channel_id: GENERAL, thread_ts: root, title: EVIL, prompts: [{ title: EVIL, message: EVIL }] });
  await page.locator('#thread').getByRole('button', { name: '<img' }).waitFor();
  const title = await page.title();
  // The composer: hints of a command, shortcuts.
  await page.getByLabel('Message', { exact: true }).fill('/ro');
  await page.getByLabel('Message', { exact: true }).pressSequentially('b');
  await page.locator('.hints [role=option]').waitFor();
  await page.keyboard.press('Escape');
  await page.getByLabel('Message', { exact: true }).fill('');
  await openByShortcut(page, { title: plain(EVIL.slice(0, 24)), submit: plain(EVIL.slice(0, 24)), blocks: [
    input('files', EVIL, { type: 'file_input' }, { hint: plain(EVIL) }), input('ext', 'External', { type: 'external_select', placeholder: plain(EVIL), min_query_length: 0 }),
    input('text', 'Text', { type: 'plain_text_input', placeholder: plain(EVIL), initial_value: EVIL }, { optional: true })] });
  await modal(page).locator('input[type=file]').setInputFiles([{ name: `${EVIL.replaceAll('/', '')}.txt`, mimeType: EVIL, buffer: Buffer.from(EVIL) }]);
  await modal(page).locator('.chip').waitFor();
  await modal(page).locator('.select').click();
  await page.getByRole('option').nth(1).waitFor();
  await page.getByRole('option').first().click();
  const suggesting = app.on;
  app.on = (e) => (e.payload.type === 'view_submission' ? { response_action: 'errors', errors: { ext: EVIL, text: 'x'.repeat(5000) } } : suggesting(e));
  await modal(page).locator('footer .btn-primary').click();
  await modal(page).getByRole('alert').filter({ hasText: 'onerror' }).waitFor();
  assert.equal(await modal(page).locator('.modal-body').evaluate((e) => e.scrollWidth > e.clientWidth), false, 'a long error is broken into lines');
  await nothingRan(page, title);
  await page.setViewportSize({ width: 390, height: 844 });
  await nothingRan(page, title);
  app.on = (e) => (e.payload.type === 'view_submission' ? { response_action: EVIL } : undefined);
  await modal(page).locator('footer .btn-primary').click();
  await modal(page).getByRole('alert').filter({ hasText: 'refuse' }).waitFor();
  await nothingRan(page, title);
  await modal(page).getByLabel('Close').click();
  await closed(page);
  // The home, and a file in a channel with such a name.
  await app.call('views.publish', { user_id: ANN, view: { type: 'home', blocks: [{ type: 'header', text: plain(EVIL.slice(0, 140)) }, { type: 'input', label: plain('In'), element: { type: 'plain_text_input', action_id: 'x', initial_value: EVIL } }] } });
  await page.goto(`${slack.url}/#home`);
  await page.locator('.home').getByText('onerror').first().waitFor();
  await slack.post('message', { user: ANN, channel: GENERAL, text: 'a file', files: [{ name: EVIL.replaceAll('/', ''), content: EVIL, mimetype: 'text/plain' }, { name: 'x.svg', content: `<svg xmlns="http://www.w3.org/2000/svg" onload="document.title='pwned'"><script>document.title='pwned'</script></svg>`, mimetype: 'image/svg+xml' }, { name: 'x.html', content: EVIL, mimetype: 'text/html' }] });
  await page.goto(`${slack.url}/#${GENERAL}`);
  await message(page, 'a file').getByText('x.html').first().waitFor();
  assert.ok(!(await page.title()).includes('pwned'));
  // Opened by itself a file of a person is no page of ours.
  const { files } = (await slack.messages(GENERAL)).find((m) => m.text === 'a file');
  for (const file of files) {
    const { headers } = await fetch(new URL(new URL(file.url_private).pathname, slack.url), { headers: { authorization: 'Bearer xoxb-local' } });
    assert.match(headers.get('content-security-policy') ?? '', /sandbox/, `${file.mimetype} is served in a sandbox`);
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
  }
});
