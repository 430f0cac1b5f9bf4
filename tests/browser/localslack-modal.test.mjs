// Modals in localslack's page: every input, errors on the field, what the app answers, and a stack of three.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { ANN, GENERAL, PATIENCE_MS, button, option, plain, shot, startPageWorld } from './world.mjs';

let world;
let slack;
let app;
let page;

before(async () => {
  world = await startPageWorld({ args: ['--app-name', 'Robin', '--slash-command', '/robin'] });
  ({ slack, app } = world);
  page = await world.open();
});
after(() => world?.done());

const modal = () => page.locator('#modal');
const input = (block_id, label, element, more = {}) => ({ type: 'input', block_id, label: plain(label), element: { action_id: 'v', ...element }, ...more });
const view = (title, blocks, more = {}) => ({ type: 'modal', title: plain(title), submit: plain('Save'), close: plain('Cancel'), blocks, ...more });
const closed = () => page.waitForFunction(() => !document.getElementById('modal').open);

/** The command opens the modal; `onSubmit` answers its submissions. */
async function openModal(body, onSubmit = () => undefined) {
  app.on = async (e) => {
    if (e.type === 'slash_commands') void app.call('views.open', { trigger_id: e.payload.trigger_id, view: body });
    return e.payload.type === 'view_submission' ? onSubmit(e.payload) : undefined;
  };
  const field = page.getByLabel('Message', { exact: true });
  await field.fill('/robin');
  await field.press('Enter');
  await modal().getByRole('heading', { name: body.title.text }).waitFor();
}

const submission = (n = 1) => app.payload((p) => p.type === 'view_submission' && app.envelopes.filter((e) => e.payload.type === 'view_submission').length >= n);

test('every input gives the value that Slack would give', async () => {
  const options = ['one', 'two', 'three'].map((o) => option(o));
  await openModal(view('All inputs', [
    input('text', 'Text', { type: 'plain_text_input', max_length: 20 }), input('long', 'Long text', { type: 'plain_text_input', multiline: true }),
    input('rich', 'Rich text', { type: 'rich_text_input' }), input('email', 'Email', { type: 'email_text_input' }), input('url', 'Address', { type: 'url_text_input' }),
    input('number', 'Number', { type: 'number_input', is_decimal_allowed: true }), input('date', 'Date', { type: 'datepicker' }), input('time', 'Time', { type: 'timepicker' }),
    input('moment', 'Moment', { type: 'datetimepicker' }), input('boxes', 'Boxes', { type: 'checkboxes', options }), input('radio', 'Radio', { type: 'radio_buttons', options }),
    input('select', 'Select', { type: 'static_select', placeholder: plain('Pick one'), options }), input('multi', 'Several', { type: 'multi_static_select', placeholder: plain('Pick some'), options, max_selected_items: 2 }),
    input('user', 'User', { type: 'users_select', placeholder: plain('Pick a person') }), input('channel', 'Channel', { type: 'channels_select', placeholder: plain('Pick a channel') }),
    input('place', 'Conversation', { type: 'conversations_select', placeholder: plain('Pick a place'), default_to_current_conversation: false }),
  ]));
  const m = modal();
  await m.getByLabel('Text', { exact: true }).fill('short');
  await m.getByText('5/20').waitFor();
  await m.getByLabel('Long text').fill('two\nlines');
  await m.getByLabel('Rich text').fill('*bold* and plain\n- item');
  await m.getByLabel('Email').fill('ann@example.com');
  await m.getByLabel('Address').fill('https://example.com/');
  await m.getByLabel('Number').fill('4.5');
  await m.getByLabel('Date').fill('2026-11-23');
  await m.getByLabel('Time').fill('13:45');
  await m.getByLabel('Moment').fill('2026-11-23T13:45');
  await m.getByRole('group', { name: 'Boxes' }).getByText('one').click();
  await m.getByRole('group', { name: 'Boxes' }).getByText('three').click();
  await m.getByRole('radiogroup', { name: 'Radio' }).getByText('two').click();
  const pick = async (title, names) => {
    await m.getByRole('button', { name: title }).click();
    for (const name of names) await page.getByRole('option', { name }).first().click();
    if (names.length > 1) await page.keyboard.press('Escape'); // closes the list, not the modal
  };
  await pick('Pick one', ['two']);
  await pick('Pick some', ['one', 'three', 'two']); // the third is one too many
  await pick('Pick a person', ['Bob']);
  await pick('Pick a channel', ['coding']);
  await pick('Pick a place', ['general']);
  await m.locator('.modal-body').evaluate((el) => (el.scrollTop = 0));
  await shot(page, 'localslack-modal');
  await m.getByRole('button', { name: 'Save' }).click();
  await closed();
  const { values } = (await submission()).view.state;
  const moment = Math.floor(new Date('2026-11-23T13:45').getTime() / 1000);
  assert.equal(values.text.v.value, 'short');
  assert.equal(values.long.v.value, 'two\nlines');
  assert.deepEqual(values.rich.v.rich_text_value.elements[0].elements[0], { type: 'text', text: 'bold', style: { bold: true } });
  assert.equal(values.rich.v.rich_text_value.elements[1].type, 'rich_text_list');
  assert.equal(values.email.v.value, 'ann@example.com');
  assert.equal(values.url.v.value, 'https://example.com/');
  assert.equal(values.number.v.value, '4.5');
  assert.equal(values.date.v.selected_date, '2026-11-23');
  assert.equal(values.time.v.selected_time, '13:45');
  assert.equal(values.moment.v.selected_date_time, moment);
  assert.deepEqual(values.boxes.v.selected_options.map((o) => o.value), ['one', 'three']);
  assert.equal(values.radio.v.selected_option.value, 'two');
  assert.equal(values.select.v.selected_option.value, 'two');
  assert.deepEqual(values.multi.v.selected_options.map((o) => o.value), ['one', 'three']);
  assert.equal(values.user.v.selected_user, 'U0BOB');
  assert.equal(values.channel.v.selected_channel, 'C0CODING');
  assert.equal(values.place.v.selected_conversation, GENERAL);
});

test('errors are shown on their field, and what was entered stays', async () => {
  let tries = 0;
  await openModal(view('Errors', [input('name', 'Name', { type: 'plain_text_input' }), input('note', 'Note', { type: 'plain_text_input' }, { optional: true })]),
    () => (++tries === 1 ? { response_action: 'errors', errors: { name: 'This name is taken.' } } : undefined));
  await modal().getByRole('button', { name: 'Save' }).click();
  await modal().getByText('Please complete this required field.').waitFor(); // before it goes to the app
  assert.equal(tries, 0);
  await modal().getByLabel('Name').fill('ann');
  await modal().getByLabel('Note').fill('kept');
  await modal().getByRole('button', { name: 'Save' }).click();
  await modal().getByRole('alert').getByText('This name is taken.').waitFor();
  assert.equal(await modal().getByLabel('Name').evaluate((el) => el === document.activeElement), true, 'the keyboard is where the error is');
  assert.equal(await modal().getByLabel('Note').inputValue(), 'kept');
  await shot(page, 'localslack-modal-error');
  await modal().getByLabel('Name').fill('bob');
  await modal().getByLabel('Name').press('Enter');
  await closed();
});

test('a submit waits for the app, and says so when the app does not answer', async () => {
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await openModal(view('Slow', [input('a', 'A', { type: 'plain_text_input' })]), () => held);
  await modal().getByLabel('A', { exact: true }).fill('x');
  await modal().getByRole('button', { name: 'Save' }).click();
  await modal().locator('footer .btn.busy').waitFor();
  release();
  await closed();
  await slack.post('switches', { ack_timeout_ms: 300 });
  await openModal(view('Never', [input('a', 'A', { type: 'plain_text_input' })]), () => false);
  await modal().getByLabel('A', { exact: true }).fill('mine');
  await modal().getByRole('button', { name: 'Save' }).click();
  await modal().getByRole('alert').getByText('Robin did not respond in time.').waitFor();
  assert.equal(await modal().getByLabel('A', { exact: true }).inputValue(), 'mine');
  await slack.post('switches', { ack_timeout_ms: PATIENCE_MS });
  await modal().getByRole('button', { name: 'Cancel' }).click();
  await closed();
});

test('update and push, three deep, back, and close with notice to the app', async () => {
  const level = (n) => view(`Level ${n}`, [input(`in${n}`, `Field ${n}`, { type: 'plain_text_input' }, { optional: true })], { notify_on_close: true, callback_id: `level${n}` });
  await openModal(level(1), (p) => (p.view.callback_id === 'level1' ? { response_action: 'push', view: level(2) } : p.view.callback_id === 'level2' ? { response_action: 'push', view: level(3) } : { response_action: 'update', view: view('Updated', [{ type: 'section', text: plain('done') }]) }));
  await modal().getByLabel('Field 1').fill('first');
  await modal().getByRole('button', { name: 'Save' }).click();
  await modal().getByRole('heading', { name: 'Level 2' }).waitFor();
  await modal().getByRole('button', { name: 'Save' }).click();
  await modal().getByRole('heading', { name: 'Level 3' }).waitFor();
  await modal().getByText('3 of 3').waitFor();
  await modal().getByRole('button', { name: 'Back' }).click();
  await modal().getByRole('heading', { name: 'Level 2' }).waitFor();
  assert.equal((await app.payload((p) => p.type === 'view_closed')).view.callback_id, 'level3');
  await page.keyboard.press('Escape');
  await modal().getByRole('heading', { name: 'Level 1' }).waitFor();
  assert.equal(await modal().getByLabel('Field 1').inputValue(), 'first');
  await page.keyboard.press('Escape');
  await closed();
});

test('an update keeps what was typed, and the keyboard stays in the modal', async () => {
  const blocks = [input('a', 'Kept', { type: 'plain_text_input' }), { type: 'actions', block_id: 'x', elements: [button('more', 'More fields')] }];
  let id;
  await openModal(view('Grows', blocks));
  app.on = async (e) => {
    if (e.payload.type !== 'block_actions') return undefined;
    ({ id } = e.payload.view);
    void app.call('views.update', { view_id: id, hash: e.payload.view.hash, view: view('Grows', [...blocks, input('b', 'New field', { type: 'plain_text_input' })]) });
    return undefined;
  };
  await modal().getByLabel('Kept').fill('still here');
  await modal().getByRole('button', { name: 'More fields' }).click();
  await modal().getByLabel('New field').waitFor();
  assert.equal(await modal().getByLabel('Kept').inputValue(), 'still here');
  for (let i = 0; i < 12; i++) {
    await page.keyboard.press('Tab');
    assert.ok(await page.evaluate(() => document.activeElement === document.body || document.getElementById('modal').contains(document.activeElement)), 'Tab stays in the modal');
  }
  await slack.post('view_close', { user: ANN, view_id: id, clear: true });
  await closed();
});
