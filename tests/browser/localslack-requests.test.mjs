// The Requests panel: what an app does wrongly stands there in plain words, and cannot harm the reader.

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';

import { ANN, BOB, GENERAL, assertNoOverflow, button, mrkdwn, shot, startPageWorld } from './world.mjs';

let world;
let slack;
let app;

before(async () => {
  world = await startPageWorld({ args: ['--app-name', 'Robin'] });
  ({ slack, app } = world);
});
afterEach(() => world?.tidy());
after(() => world?.done());

const panel = (page) => page.locator('#panel');
const rows = (page) => panel(page).locator('.req');
const tab = (page, name) => panel(page).getByRole('tab', { name });
const refused = (method, args) => assert.rejects(app.call(method, args));

/** A call with its own token and body; the answer as it is. */
async function rawCall(method, { token = 'xoxb-local', type = 'application/json', body = '{}' } = {}) {
  const response = await fetch(`${slack.apiUrl}${method}`, { method: 'POST', headers: { 'content-type': type, ...(token ? { authorization: `Bearer ${token}` } : {}) }, body });
  return response.json();
}

test('wrong calls are explained, the newest first; a key opens the panel, and closes it', async () => {
  const page = await world.open();
  await refused('chat.postMessage', { channel: 'C0NOWHERE', text: 'hello' });
  await refused('chat.postMessage', { channel: GENERAL, blocks: [{ type: 'section' }] });
  await rawCall('chat.postMessage', { token: null });
  await page.locator('.panel-button .count', { hasText: '3' }).waitFor();
  await page.keyboard.press('Control+.');
  await panel(page).getByRole('heading', { name: 'Requests' }).waitFor();
  await rows(page).nth(2).waitFor();
  const words = await rows(page).locator('.req-main').allInnerTexts();
  assert.match(words[0], /not_authed: The call carries no token\./);
  assert.match(words[1], /invalid_blocks: The blocks break a rule of Block Kit\..*\/blocks\/0/s, 'with the place');
  assert.match(words[2], /channel_not_found: There is no such channel, or the app cannot see it\./);
  assert.ok(words.every((w) => w.includes('chat.postMessage')));

  // What to do about it, and what was recorded, by a click.
  await rows(page).first().getByRole('button').click();
  await rows(page).first().getByText('What to do: Send Authorization: Bearer xoxb-…').waitFor();
  await shot(page, 'localslack-requests');

  // One that happens while the reader looks comes on top, and what was open stays open.
  await refused('chat.update', { channel: GENERAL, ts: '1.000001', text: 'x' });
  await rows(page).first().getByText('message_not_found').waitFor();
  await rows(page).nth(1).getByText('What to do: Send Authorization: Bearer xoxb-…').waitFor();

  await page.keyboard.press('Control+.');
  await panel(page).waitFor({ state: 'hidden' });
  assert.equal(await page.locator('.panel-button .count').count(), 0, 'all were seen');
  await refused('chat.postMessage', { channel: GENERAL });
  await page.locator('.panel-button .count', { hasText: '1' }).waitFor();
  await page.getByLabel('Requests', { exact: true }).first().click();
  await rows(page).first().getByText('no_text').waitFor();
  await page.keyboard.press('Escape');
  await panel(page).waitFor({ state: 'hidden' });
});

test('problems from before the page was opened are there, too', async () => {
  await refused('reactions.add', { channel: GENERAL, timestamp: '1000000000.000002', name: 'eyes' });
  const page = await world.open();
  await page.locator('.panel-button .count').waitFor();
  await page.keyboard.press('Control+.');
  await rows(page).first().getByText('message_not_found').waitFor();
});

test('what goes over the sockets is judged as well', async () => {
  const page = await world.open();
  await page.keyboard.press('Control+.');
  app.socket.send({ id: 'no acknowledgement' });
  await rows(page).first().getByText('A frame of the app has no envelope_id.').waitFor();
  app.socket.send('<b>no JSON</b>');
  await rows(page).first().getByText('A frame of the app is not JSON.').waitFor();
  app.on = () => false;
  await slack.post('switches', { ack_timeout_ms: 200 });
  const { ts } = await app.post(GENERAL, [{ type: 'actions', elements: [button('b', 'Ignored')] }]);
  await slack.click({ user: ANN, channel: GENERAL, ts, action_id: 'b' });
  await tab(page, 'Envelopes').click();
  await rows(page).first().getByText('not acknowledged in time').waitFor();
  await tab(page, 'Problems').click();
  await rows(page).filter({ hasText: /acknowledge/ }).first().waitFor();
  app.on = () => undefined;
  await slack.post('switches', { ack_timeout_ms: 20_000 });
});

test('calls: filtered, only the failures, with their arguments and answer', async () => {
  const page = await world.open();
  await app.call('chat.postMessage', { channel: GENERAL, text: 'a good one' });
  await refused('pins.add', { channel: GENERAL, timestamp: '1000000000.000003' });
  await page.keyboard.press('Control+.');
  await tab(page, 'Calls').click();
  await rows(page).first().getByText('message_not_found').waitFor();
  await panel(page).getByLabel('Only failures').check();
  await panel(page).getByLabel('Filter').fill('pins.add');
  await rows(page).nth(1).waitFor({ state: 'detached' });
  await rows(page).first().getByRole('button').first().click();
  await panel(page).getByText('"timestamp": "1000000000.000003"').waitFor();
  await panel(page).getByText('"ok": false').waitFor();
  await panel(page).getByLabel('Filter').fill('no such thing');
  await panel(page).getByText('Nothing matches the filter.').waitFor();
});

test('the panel by keyboard alone: tabs with arrows, rows with Enter', async () => {
  const page = await world.open();
  await refused('chat.delete', { channel: GENERAL, ts: '1.000004' });
  await page.keyboard.press('Control+.');
  const selected = panel(page).locator('[role=tab][aria-selected=true]');
  await page.waitForFunction(() => document.activeElement?.matches('#panel [role=tab][aria-selected=true]'));
  await page.keyboard.press('ArrowRight');
  assert.equal(await selected.innerText(), 'Calls');
  await page.keyboard.press('ArrowLeft');
  assert.match(await selected.innerText(), /^Problems/);
  for (let i = 0; i < 6 && !(await page.evaluate(() => document.activeElement.matches('.req-row'))); i++) await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await panel(page).getByText('What to do:').waitFor();
  await page.waitForFunction(() => document.activeElement.matches('.req-row[aria-expanded=true]'));
  await page.keyboard.press('Escape');
  await panel(page).waitFor({ state: 'hidden' });
  await page.waitForFunction(() => document.activeElement?.matches('#channel .composer textarea'), null);
});

test('hostile arguments stay text, in the rows and behind them, on a phone, too', async () => {
  const page = await world.open();
  const title = await page.title();
  const evil = '<img src=x onerror="document.title=\'pwned\'"><script>document.title="pwned"</script>';
  await refused('chat.postMessage', { channel: evil, text: evil });
  await refused('chat.postMessage', { channel: GENERAL, text: 'x', blocks: [{ type: evil, __proto__: null, constructor: evil }] });
  await refused('views.open', { trigger_id: evil, view: { type: 'modal', title: { type: 'plain_text', text: evil }, blocks: [] } });
  await rawCall(`chat.${encodeURIComponent('<b>post</b>')}`);
  await rawCall('chat.postMessage', { body: `{"channel": "${GENERAL}", "text": "${'w'.repeat(500)}\u202e`, type: 'application/json' });
  await refused('chat.postMessage', { channel: 'W'.repeat(3000), text: 'x' });
  await page.keyboard.press('Control+.');
  await rows(page).nth(5).waitFor();
  for (const name of ['Problems', 'Calls']) {
    await tab(page, name).click();
    await rows(page).nth(5).waitFor();
    for (let i = 0; i < 6; i++) await rows(page).nth(i).getByRole('button').first().click();
    await rows(page).nth(5).locator('.req-details').waitFor();
    for (const selector of ['#panel script', '#panel img', '#panel [onerror]', '#panel b']) assert.equal(await page.locator(selector).count(), 0, selector);
  }
  assert.equal(await page.title(), title);
  await assertNoOverflow(page);
  await page.setViewportSize({ width: 390, height: 844 });
  await assertNoOverflow(page, 'the panel on a phone');
  assert.ok((await panel(page).getByLabel('Close the requests panel').boundingBox()).x < 390, 'it can be closed');
});

test('the connection: sockets and faults, which can be ended from here', async () => {
  const page = await world.open({ me: BOB });
  await slack.post('faults', [{ method: 'chat.postMessage', action: 'ok_false', error: 'fatal_error', times: 1 }]);
  await page.keyboard.press('Control+.');
  await tab(page, 'Connection').click();
  await panel(page).getByText('1 socket').waitFor();
  await panel(page).getByText('ok_false (fatal_error)').waitFor();
  await panel(page).getByRole('button', { name: 'Clear all faults' }).click();
  await panel(page).getByText('none active').waitFor();
  await app.post(GENERAL, [{ type: 'section', text: mrkdwn('it works again') }]);
});
