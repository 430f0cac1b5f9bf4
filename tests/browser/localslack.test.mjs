// localslack's page as people use it: writing, threads, reactions, files, clicks, several people, a phone.

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';

import { startTcpProxy } from '../harness/tcp-proxy.mjs';
import { ANN, BOB, GENERAL, PATIENCE_MS, assertNoOverflow, button, mrkdwn, option, plain, shot, startPageWorld } from './world.mjs';

const CODING = 'C0CODING';
let world;
let slack;
let app;

before(async () => {
  world = await startPageWorld({ args: ['--app-name', 'Robin', '--slash-command', '/robin'] });
  ({ slack, app } = world);
});
afterEach(() => world?.tidy());
after(() => world?.done());

const main = (page) => page.locator('#channel');
const thread = (page) => page.locator('#thread');
const composer = (page) => page.getByLabel('Message', { exact: true });
const message = (scope, text) => scope.locator('.message', { hasText: text }).last();
const stored = (text, channel) => slack.waitForMessage((m, c) => m.text === text && (!channel || c.id === channel));

test('a message is posted with Enter, Shift+Enter makes a line, and marks and mentions become Slack\'s', async () => {
  const page = await world.open();
  await composer(page).fill('first line');
  await composer(page).press('Shift+Enter');
  await composer(page).pressSequentially('*second* line <b>');
  await composer(page).press('Enter');
  await message(main(page), 'second').waitFor();
  assert.equal(await message(main(page), 'second').locator('strong', { hasText: 'second' }).count(), 1);
  await stored('first line\n*second* line &lt;b&gt;');
  assert.equal(await composer(page).inputValue(), '');

  await composer(page).pressSequentially('hi @ro');
  await page.getByRole('option', { name: /Robin/ }).waitFor();
  await composer(page).press('Tab');
  await composer(page).pressSequentially('see #cod');
  await composer(page).press('Enter'); // completes
  await composer(page).pressSequentially(':tad');
  await composer(page).press('Enter');
  await composer(page).press('Enter'); // sends
  const sent = await slack.waitForMessage((m) => m.text?.startsWith('hi <@'));
  assert.match(sent.text, /^hi <@U0BOT> see <#C0CODING\|coding> :tada:$/);
  const mention = await app.payload((p) => p.event?.type === 'app_mention');
  assert.equal(mention.event.user, ANN);
});

test('a thread is opened, answered, and sent to the channel as well', async () => {
  const page = await world.open();
  const ts = await slack.say(BOB, GENERAL, 'who reviews this?');
  const root = message(main(page), 'who reviews this?');
  await root.hover();
  await root.getByLabel('Reply in thread').click();
  await thread(page).getByLabel('Reply', { exact: true }).fill('I do');
  await thread(page).getByLabel('Send', { exact: true }).click();
  await message(thread(page), 'I do').waitFor();
  await root.getByText('1 reply').waitFor();
  await thread(page).getByText('Also send to').click();
  await thread(page).getByLabel('Reply', { exact: true }).fill('and everybody may know');
  await thread(page).getByLabel('Reply', { exact: true }).press('Enter');
  await main(page).getByText('Replied to').waitFor();
  const [, , broadcast] = await slack.thread(GENERAL, ts);
  assert.equal(broadcast.subtype, 'thread_broadcast');
  await page.getByLabel('Close the thread').click();
  await thread(page).getByLabel('Reply', { exact: true }).waitFor({ state: 'hidden' });
});

test('reactions are added and taken back, by a click on them and from the picker', async () => {
  const page = await world.open();
  const ts = await slack.say(BOB, GENERAL, 'react to me');
  const el = message(main(page), 'react to me');
  const event = (type) => app.payload((p) => p.event?.type === type && p.event.item.ts === ts);
  await el.hover();
  await el.getByLabel('React with eyes').click();
  await el.locator('.reaction.mine', { hasText: '1' }).waitFor();
  assert.equal((await event('reaction_added')).event.reaction, 'eyes');
  await el.locator('.reaction.mine').click();
  await el.locator('.reaction.mine').waitFor({ state: 'detached' });
  await event('reaction_removed');
  await el.hover();
  await el.locator('.toolbar').getByLabel('Add a reaction').click();
  await page.getByLabel('Search emoji').fill('rocket');
  await page.getByLabel('Search emoji').press('Enter');
  await el.locator('.reaction', { hasText: '🚀' }).waitFor();
});

test('own messages are edited and deleted; others\' are not', async () => {
  const page = await world.open();
  await slack.say(BOB, GENERAL, 'not mine');
  const ts = await slack.say(ANN, GENERAL, 'a tpyo');
  await message(main(page), 'a tpyo').waitFor();
  await composer(page).press('ArrowUp'); // edits the last own message
  await page.getByLabel('Edit the message').fill('a typo');
  await page.getByLabel('Edit the message').press('Enter');
  await message(main(page), 'a typo').getByText('(edited)').waitFor();
  const el = message(main(page), 'a typo');
  await el.hover();
  await el.getByLabel('More actions for this message').click();
  await page.getByRole('menuitem', { name: 'Delete message' }).click();
  await page.getByRole('button', { name: 'Delete' }).click();
  await el.waitFor({ state: 'detached' });
  assert.equal((await slack.messages(GENERAL)).some((m) => m.ts === ts), false);
  await message(main(page), 'not mine').hover();
  await message(main(page), 'not mine').getByLabel('More actions for this message').click();
  assert.equal(await page.getByRole('menuitem', { name: 'Delete message' }).count(), 0);
});

test('a command is completed and sent; one that is not acknowledged says so', async () => {
  const page = await world.open();
  app.on = (e) => (e.type !== 'slash_commands' ? undefined : e.payload.text === 'silent' ? false : { text: `working on ${e.payload.text}` });
  await composer(page).pressSequentially('/ro');
  await page.getByRole('option', { name: /\/robin/ }).waitFor();
  await composer(page).press('Enter');
  assert.equal(await composer(page).inputValue(), '/robin ');
  await composer(page).pressSequentially('the tests');
  await composer(page).press('Enter');
  await message(main(page), 'working on the tests').getByText('Only visible to you').waitFor();
  await slack.post('switches', { ack_timeout_ms: 300 });
  await composer(page).fill('/robin silent');
  await composer(page).press('Enter');
  await message(main(page), 'failed: Robin did not respond in time.').waitFor();
  await composer(page).fill('/nothing here');
  await composer(page).press('Enter');
  await page.getByText('/nothing is not a command of Robin').waitFor();
  assert.equal(await composer(page).inputValue(), '/nothing here', 'what was typed stays');
  await slack.post('switches', { ack_timeout_ms: PATIENCE_MS });
  app.on = () => undefined;
});

test('a button shows its effect at once, and a warning when the app does not answer', async () => {
  const page = await world.open({ place: CODING });
  let acknowledge;
  const held = new Promise((resolve) => (acknowledge = resolve));
  app.on = async (e) => (e.payload.type === 'block_actions' && e.payload.actions[0].action_id === 'slow' ? held : e.payload.actions?.[0].action_id === 'never' ? false : undefined);
  await app.post(CODING, [{ type: 'section', text: mrkdwn('Two buttons') }, { type: 'actions', block_id: 'b', elements: [button('slow', 'Slow'), button('never', 'Never')] }]);
  const el = message(main(page), 'Two buttons');
  await el.getByRole('button', { name: 'Slow' }).click();
  await el.locator('.elem.busy').waitFor();
  assert.equal(await el.getByRole('button', { name: 'Slow' }).getAttribute('aria-busy'), 'true');
  acknowledge();
  await el.locator('.elem.busy').waitFor({ state: 'detached' });
  const payload = await app.payload((p) => p.type === 'block_actions');
  assert.equal(payload.actions[0].value, 'slow-value');
  assert.equal(payload.user.id, ANN);
  await slack.post('switches', { ack_timeout_ms: 300 });
  await el.getByRole('button', { name: 'Never' }).click();
  await el.getByRole('alert').getByText('Robin did not respond in time.').waitFor();
  await shot(page, 'localslack-warning');
  await slack.post('switches', { ack_timeout_ms: PATIENCE_MS });
  app.on = () => undefined;
});

test('a confirmation is asked for, and selects are searched', async () => {
  const page = await world.open({ place: CODING });
  const confirm = { title: plain('Delete it?'), text: mrkdwn('This *can not* be undone.'), confirm: plain('Delete it'), deny: plain('Keep'), style: 'danger' };
  const fruits = ['apple', 'banana', 'cherry', 'plum', 'pear'].map((f) => option(f, f[0].toUpperCase() + f.slice(1)));
  await app.post(CODING, [{ type: 'section', text: mrkdwn('Choose well') }, { type: 'actions', block_id: 'sel', elements: [button('drop', 'Drop', { confirm, style: 'danger' }),
    { type: 'static_select', action_id: 'fruit', placeholder: plain('A fruit'), options: fruits },
    { type: 'multi_users_select', action_id: 'people', placeholder: plain('Some people') }] }]);
  const el = message(main(page), 'Choose well');
  await el.getByRole('button', { name: 'Drop' }).click();
  await page.getByRole('button', { name: 'Keep' }).click();
  await el.getByRole('button', { name: 'Drop' }).click();
  await page.getByRole('button', { name: 'Delete it' }).click();
  await app.payload((p) => p.actions?.[0].action_id === 'drop');
  assert.equal(app.envelopes.filter((e) => e.payload.actions?.[0].action_id === 'drop').length, 1, 'the first time was denied');

  await el.getByRole('button', { name: 'A fruit' }).click();
  await page.getByLabel('Search A fruit').fill('p');
  assert.deepEqual(await page.getByRole('option').allInnerTexts(), ['Apple', 'Plum', 'Pear']);
  await page.getByLabel('Search A fruit').press('ArrowDown');
  await page.getByLabel('Search A fruit').press('Enter');
  assert.equal((await app.payload((p) => p.actions?.[0].action_id === 'fruit')).actions[0].selected_option.value, 'plum');
  await el.getByText('Plum').waitFor();

  await el.getByRole('button', { name: 'Some people' }).click();
  await page.getByRole('option', { name: /Ann/ }).click();
  await page.getByRole('option', { name: /Bob/ }).click();
  await page.keyboard.press('Escape');
  const people = await app.payload((p) => p.actions?.[0].action_id === 'people');
  assert.deepEqual(people.actions[0].selected_users, [ANN, BOB]);
  assert.equal(people.state.values.sel.fruit.selected_option.value, 'plum', 'the state has what was chosen before');
});

test('files are uploaded: an image is shown, a text previewed, both can be downloaded', async () => {
  const page = await world.open();
  const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
  await page.locator('#channel input[type=file]').setInputFiles([{ name: 'dot.png', mimeType: 'image/png', buffer: png }, { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('first note\nsecond note\n') }]);
  await page.locator('.composer-file').nth(1).waitFor();
  await composer(page).fill('two files');
  await composer(page).press('Enter');
  const el = message(main(page), 'two files');
  await el.locator('img[alt="dot.png"]').waitFor();
  await el.getByText('first note').waitFor();
  assert.ok(await el.locator('img').evaluate((img) => img.decode().then(() => img.naturalWidth === 1)), 'the image is the image');
  const [download] = await Promise.all([page.waitForEvent('download'), el.getByLabel('Download notes.txt').click()]);
  assert.equal(download.suggestedFilename(), 'notes.txt');
  const shared = await slack.waitForMessage((m) => m.text === 'two files');
  assert.equal(shared.subtype, 'file_share');
  assert.deepEqual(shared.files.map((f) => f.size), [png.length, 23]);
});

test('two people in two tabs: what one writes the other sees at once, as unread and with a count', async () => {
  const ann = await world.open();
  const bob = await world.open({ me: BOB, place: CODING });
  await bob.getByLabel('Acting as Bob').waitFor();
  await composer(ann).fill('@bob, look here');
  await ann.keyboard.press('Escape');
  await composer(ann).press('Enter');
  const general = bob.locator('#sidebar a.nav', { hasText: 'general' });
  await general.locator('.count', { hasText: '1' }).waitFor();
  assert.match(await bob.title(), /^\(1\)/);
  await general.click();
  await bob.locator('.line-new').waitFor();
  await message(main(bob), 'look here').waitFor();
  await general.locator('.count').waitFor({ state: 'detached' });
  await composer(bob).fill('I look');
  await composer(bob).press('Enter');
  await message(main(ann), 'I look').waitFor();
  // A tab stays who it is, and can become somebody else.
  await bob.reload();
  await bob.getByLabel('Acting as Bob').click();
  await bob.getByRole('menuitemradio', { name: 'Ann' }).click();
  await bob.getByLabel('Acting as Ann').waitFor();
});

test('what only Bob may see is shown to Bob alone', async () => {
  const ann = await world.open();
  const bob = await world.open({ me: BOB });
  await app.call('chat.postEphemeral', { channel: GENERAL, user: BOB, text: 'psst, Bob' });
  await message(main(bob), 'psst, Bob').getByText('Only visible to you').waitFor();
  await slack.say(ANN, GENERAL, 'after the whisper');
  await message(main(ann), 'after the whisper').waitFor();
  assert.equal(await main(ann).getByText('psst, Bob').count(), 0);
});

test('the status of a thread and its loading messages are shown, and end with the answer', async () => {
  const ts = await slack.say(ANN, GENERAL, 'think about it');
  const page = await world.open({ place: `${GENERAL}/${ts}` });
  await app.call('assistant.threads.setStatus', { channel_id: GENERAL, thread_ts: ts, status: 'is thinking…', loading_messages: ['Reading', 'Counting'] });
  await thread(page).getByText('Robin is thinking…').waitFor();
  await thread(page).getByText('Reading').waitFor();
  await thread(page).getByText('Counting').waitFor();
  await app.call('chat.postMessage', { channel: GENERAL, thread_ts: ts, text: 'thought' });
  await message(thread(page), 'thought').waitFor();
  await thread(page).getByText('Robin is thinking…').waitFor({ state: 'detached' });
});

test('the home of the app is opened, and shows what the app published', async () => {
  const page = await world.open();
  await page.locator('#sidebar').getByRole('link', { name: 'Robin' }).click();
  assert.equal((await app.payload((p) => p.event?.type === 'app_home_opened')).event.tab, 'home');
  await page.getByText('Robin has not published a home for you.').waitFor();
  await app.call('views.publish', { user_id: ANN, view: { type: 'home', blocks: [{ type: 'header', text: plain('Your sessions') }, { type: 'actions', elements: [button('new', 'New session')] }] } });
  await page.getByRole('heading', { name: 'Your sessions' }).waitFor();
  await page.getByRole('button', { name: 'New session' }).click();
  assert.equal((await app.payload((p) => p.actions?.[0].action_id === 'new')).view.type, 'home');
});

test('a phone: the channel list slides in, a thread fills the screen and has a way back', async () => {
  const page = await world.open({ width: 390, height: 844, context: { hasTouch: true, isMobile: true } });
  await page.getByLabel('Open the channel list').tap();
  await page.locator('#sidebar a.nav', { hasText: 'coding' }).tap();
  await page.getByRole('heading', { name: 'coding' }).waitFor();
  await page.waitForFunction(() => getComputedStyle(document.getElementById('sidebar')).visibility === 'hidden');
  await app.post(CODING, [{ type: 'section', text: mrkdwn('On a phone'), accessory: button('p', 'Press me') }, { type: 'section', fields: [mrkdwn('*A*\none'), mrkdwn('*B*\ntwo')] },
    { type: 'actions', elements: ['One', 'Two', 'Three', 'Four', 'A rather long button'].map((t, i) => button(`b${i}`, t)) }]);
  await message(main(page), 'On a phone').tap();
  await message(main(page), 'On a phone').getByLabel('Reply in thread').tap();
  await thread(page).getByLabel('Reply', { exact: true }).fill('from the train');
  await thread(page).getByLabel('Send', { exact: true }).tap();
  await message(thread(page), 'from the train').waitFor();
  assert.equal((await thread(page).boundingBox()).width, 390);
  await assertNoOverflow(page);
  await page.getByLabel('Back').tap();
  await message(main(page), 'On a phone').getByText('1 reply').waitFor();
  await assertNoOverflow(page);
});

test('a break of the feed: the page says so, comes back by itself, and has what it missed', async () => {
  const proxy = await startTcpProxy(slack.port);
  const page = await world.open({ url: proxy.url });
  proxy.cut();
  await page.getByText('reconnecting…').waitFor();
  await slack.say(BOB, GENERAL, 'said meanwhile');
  proxy.restore();
  await message(main(page), 'said meanwhile').waitFor();
  await page.getByText('reconnecting…').waitFor({ state: 'detached' });
  await page.close();
  await proxy.stop();
  world.forgive(/ERR_CONNECTION|ERR_EMPTY_RESPONSE|ERR_INCOMPLETE|ERR_SOCKET/);
});
