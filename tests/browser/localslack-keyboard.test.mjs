// The page without a mouse: all that a person does with an app, by keys alone.

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';

import { ANN, BOB, GENERAL, button, mrkdwn, option, plain, startPageWorld } from './world.mjs';

const CODING = 'C0CODING';
const TABS_MAX = 60;
let world;
let slack;
let app;

before(async () => {
  world = await startPageWorld({ args: ['--app-name', 'Robin', '--slash-command', '/robin [what to do]', '--shortcut', 'message:explain:Explain this'] });
  ({ slack, app } = world);
});
afterEach(() => world?.tidy());
after(() => world?.done());

const main = (page) => page.locator('#channel');
const thread = (page) => page.locator('#thread');
const message = (scope, text) => scope.locator('.message', { hasText: text }).last();
const modal = (page) => page.locator('#modal');
/** Waits until the element that has the focus matches. */
const focused = (page, selector) => page.waitForFunction((s) => document.activeElement?.matches(s), selector);

/** Tab until the focus is on an element that `selector` matches. */
async function tabTo(page, selector, key = 'Tab') {
  for (let i = 0; i < TABS_MAX; i++) {
    if (await page.evaluate((s) => document.activeElement?.matches(s), selector)) return;
    await page.keyboard.press(key);
  }
  assert.fail(`${TABS_MAX} times ${key} did not come to ${selector}; the focus is on ${await page.evaluate(() => document.activeElement?.outerHTML.slice(0, 200))}`);
}

test('jump to a channel, open a thread, reply, give a command, press a button, fill in a form and send it', async () => {
  const root = await slack.say(BOB, CODING, 'who knows the parser?');
  const page = await world.open();
  await focused(page, '#channel .composer textarea');

  // To the channel.
  await page.keyboard.press('Control+k');
  await focused(page, 'dialog.switcher input');
  await page.keyboard.type('cod');
  await page.keyboard.press('Enter');
  await main(page).getByRole('heading', { name: 'coding' }).waitFor();
  await focused(page, '#channel .composer textarea');

  // Into a thread, and back.
  await message(main(page), 'who knows the parser?').waitFor();
  await page.keyboard.press('Control+ArrowUp');
  await focused(page, '#channel .message');
  await page.keyboard.press('Enter');
  await focused(page, '#thread .composer textarea');
  await page.keyboard.type('I do');
  await page.keyboard.press('Enter');
  await message(thread(page), 'I do').waitFor();
  assert.equal((await slack.thread(CODING, root))[1].user, ANN);
  await page.keyboard.press('Escape');
  await focused(page, `#channel .message[data-ts="${root}"]`);
  await thread(page).locator('.composer').waitFor({ state: 'hidden' });

  // A reaction, and the way back to the composer.
  await page.keyboard.press('2');
  await message(main(page), 'who knows the parser?').locator('.reaction.mine').waitFor();
  await focused(page, `#channel .message[data-ts="${root}"]`);
  await page.keyboard.press('ArrowDown');
  await focused(page, '#channel .composer textarea');

  // A command, completed; the app answers with a card.
  app.on = (e) => {
    if (e.type !== 'slash_commands') return undefined;
    void app.post(CODING, [{ type: 'section', text: mrkdwn('*Parser* is ready') }, { type: 'actions', block_id: 'a', elements: [
      button('open', 'Open the form'), { type: 'static_select', action_id: 'speed', placeholder: plain('How fast'), options: [option('slow'), option('fast')] }] }]);
    return undefined;
  };
  await page.keyboard.type('/ro');
  await page.locator('.hints [aria-selected=true]').waitFor();
  await page.keyboard.press('Tab');
  await page.locator('.usage', { hasText: '[what to do]' }).waitFor();
  await page.keyboard.type('the parser');
  await page.keyboard.press('Enter');
  assert.equal((await app.payload((p) => p.command === '/robin')).text, 'the parser');
  await message(main(page), 'Parser is ready').waitFor();

  // A select of the card, then its button, which opens the form.
  app.on = (e) => {
    if (e.payload.actions?.[0].action_id === 'open') {
      void app.call('views.open', { trigger_id: e.payload.trigger_id, view: { type: 'modal', title: plain('Start'), submit: plain('Start it'), close: plain('Cancel'), blocks: [
        { type: 'input', block_id: 'what', label: plain('What'), element: { type: 'plain_text_input', action_id: 'v' } },
        { type: 'input', block_id: 'how', label: plain('How'), element: { type: 'static_select', action_id: 'v', placeholder: plain('Choose'), options: [option('a', 'Alone'), option('b', 'In pairs')] } },
        { type: 'input', block_id: 'when', label: plain('When'), element: { type: 'radio_buttons', action_id: 'v', options: [option('now', 'Now'), option('later', 'Later')] } },
        { type: 'input', block_id: 'also', label: plain('Also'), element: { type: 'checkboxes', action_id: 'v', options: [option('tests', 'Tests'), option('docs', 'Docs')] } }] } });
    }
    return undefined;
  };
  await page.keyboard.press('Control+ArrowUp');
  await focused(page, '#channel .message');
  await tabTo(page, '[data-action=speed]');
  await page.keyboard.press('Enter');
  await focused(page, '.listbox-search');
  await page.keyboard.type('fa');
  await page.keyboard.press('Enter');
  assert.equal((await app.payload((p) => p.actions?.[0].action_id === 'speed')).actions[0].selected_option.value, 'fast');
  await focused(page, '[data-action=speed]');
  await tabTo(page, '[data-action=open]', 'Shift+Tab');
  await page.keyboard.press('Enter');
  await modal(page).getByRole('heading', { name: 'Start' }).waitFor();
  await focused(page, '#modal input[type=text]');

  // The form.
  await page.keyboard.type('the tokenizer');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await focused(page, '.listbox-search');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await focused(page, '#modal .select');
  await page.keyboard.press('Tab');
  await focused(page, '#modal input[type=radio]');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Tab');
  await focused(page, '#modal input[type=checkbox]');
  await page.keyboard.press('Space');
  await tabTo(page, '#modal footer .btn-primary');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => !document.getElementById('modal').open);
  const { values } = (await app.payload((p) => p.type === 'view_submission')).view.state;
  assert.deepEqual([values.what.v.value, values.how.v.selected_option.value, values.when.v.selected_option.value, values.also.v.selected_options.map((o) => o.value)],
    ['the tokenizer', 'b', 'later', ['tests']]);
  await focused(page, '[data-action=open]'); // where the person was
});

test('the message menu, editing, deleting, the help, and the parts of the page', async () => {
  const page = await world.open();
  await focused(page, '#channel .composer textarea');
  await page.keyboard.type('a mistkae');
  await page.keyboard.press('Enter');
  await message(main(page), 'a mistkae').waitFor();
  await page.keyboard.press('Control+ArrowUp');
  await page.keyboard.press('e');
  await focused(page, '.editing textarea');
  await page.keyboard.press('Control+a');
  await page.keyboard.type('a mistake');
  await page.keyboard.press('Enter');
  await message(main(page), 'a mistake').getByText('(edited)').waitFor();
  await focused(page, '#channel .message');
  await page.keyboard.press('m');
  await focused(page, '[role=menuitem]');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  assert.equal((await app.payload((p) => p.type === 'message_action')).message.text, 'a mistake');
  await page.keyboard.press('Escape'); // nothing is open: it does no harm
  await page.keyboard.press('Control+ArrowUp');
  await page.keyboard.press('F6');
  await focused(page, '#sidebar a.nav.current');
  await page.keyboard.press('F6');
  await focused(page, '#channel .composer textarea');
  await page.keyboard.press('Control+ArrowUp');
  await focused(page, '#channel .message');
  await page.keyboard.press('Delete');
  await page.getByRole('button', { name: 'Delete' }).waitFor();
  await page.keyboard.press('Enter');
  await message(main(page), 'a mistake').waitFor({ state: 'detached' });
  await page.keyboard.press('Control+/');
  await page.getByRole('heading', { name: 'Keyboard shortcuts' }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('heading', { name: 'Keyboard shortcuts' }).waitFor({ state: 'detached' });
  await page.keyboard.press('Alt+ArrowDown');
  await main(page).getByRole('heading', { name: 'coding' }).waitFor();
});

test('what the app redraws does not take the keyboard away', async () => {
  const page = await world.open();
  const blocks = (n) => [{ type: 'section', text: mrkdwn(`Step ${n}`) }, { type: 'actions', block_id: 'stay', elements: [button('go', 'Go on'), button('stop', 'Stop it')] }];
  const { ts } = await app.post(GENERAL, blocks(1));
  await message(main(page), 'Step 1').waitFor();
  await page.keyboard.press('Control+ArrowUp');
  await focused(page, '#channel .message');
  await tabTo(page, '[data-action=stop]');
  for (let n = 2; n < 6; n++) {
    await app.call('chat.update', { channel: GENERAL, ts, text: 'step', blocks: blocks(n) });
    await message(main(page), `Step ${n}`).waitFor();
    await focused(page, `[data-ts="${ts}"] [data-action=stop]`);
  }
  await page.keyboard.press('Space');
  assert.equal((await app.payload((p) => p.actions?.[0].action_id === 'stop')).message.ts, ts);
});
