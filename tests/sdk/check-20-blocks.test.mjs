// Check 20: Block Kit's rules: what Slack takes is taken, what it refuses is refused at the same place and in its words,
// and blocks.validate says the same. The corpus is corpus/blocks-*.json, and whatever slack-block-builder writes.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import builder from 'slack-block-builder';
import { readCorpus } from './golden.mjs';
import { GENERAL, boltApp, plain, rawCall, start, webClient } from './support.mjs';

/** Of the corpus: {"$repeat": [text, n]}, {"$list": [n, element]} with # for the number, {"$concat": [texts]}. */
function expand(value) {
  if (Array.isArray(value)) return value.map(expand);
  if (typeof value !== 'object' || value === null) return value;
  if (value.$repeat) return value.$repeat[0].repeat(value.$repeat[1]);
  if (value.$concat) return value.$concat.map(expand).join('');
  if (value.$list) {
    const [n, element] = value.$list;
    return Array.from({ length: n }, (_, i) => expand(JSON.parse(JSON.stringify(element).replaceAll('#', i))));
  }
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, expand(v)]));
}

const modalOf = (blocks) => ({ type: 'modal', title: plain('T'), submit: plain('Go'), blocks });

describe('10.20 Block Kit', () => {
  let slack;
  let web;
  let app;
  let onTrigger;
  before(async () => {
    slack = await start();
    web = webClient(slack);
    app = boltApp(slack);
    app.command('/opencode', async ({ ack, command }) => {
      await ack();
      onTrigger(command.trigger_id);
    });
    await app.start();
  });
  after(async () => {
    await app.stop();
    await slack.stop();
  });

  const trigger = () => new Promise((resolve, reject) => {
    onTrigger = resolve;
    slack.command('ann', 'general', '/opencode', 'x').catch(reject);
  });

  /** The answer of the method that shows these blocks to people. */
  async function show(surface, blocks) {
    const call = async (method, args) => web.apiCall(method, args).catch((e) => e.data ?? Promise.reject(e));
    if (surface === 'message') return call('chat.postMessage', { channel: GENERAL, text: 'x', blocks });
    if (surface === 'home') return call('views.publish', { user_id: 'U0ANN', view: { type: 'home', blocks } });
    return call('views.open', { trigger_id: await trigger(), view: modalOf(blocks) });
  }

  async function validate(surface, blocks) {
    const what = surface === 'message' ? { blocks } : { view: surface === 'home' ? { type: 'home', blocks } : modalOf(blocks) };
    const body = new URLSearchParams(Object.entries(what).map(([k, v]) => [k, JSON.stringify(v)]));
    // Without a token; and without the charset that fetch() would add, and Slack warn of.
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return (await fetch(`${slack.apiUrl}blocks.validate`, { method: 'POST', headers, body: `${body}` })).json();
  }

  for (const { name, surface, blocks } of readCorpus('blocks-good.json')) {
    test(`taken: ${name}`, async () => {
      const expanded = expand(blocks);
      const answer = await show(surface, expanded);
      assert.equal(answer.ok, true, JSON.stringify(answer).slice(0, 600));
      assert.deepEqual(await validate(surface, expanded), { ok: true });
    });
  }

  for (const { name, surface, blocks, pointer, error, message } of readCorpus('blocks-bad.json')) {
    test(`refused: ${name}`, async () => {
      const expanded = expand(blocks);
      const answer = await show(surface, expanded);
      assert.equal(answer.ok, false, 'it was taken');
      assert.equal(answer.error, error ?? (surface === 'message' ? 'invalid_blocks' : 'invalid_arguments'), JSON.stringify(answer).slice(0, 600));
      if (error === 'msg_blocks_too_long') return;
      const said = answer.response_metadata.messages;
      const where = surface === 'message' ? `/blocks${pointer === '/' ? '' : pointer}` : `/view/blocks${pointer === '/' ? '' : pointer}`;
      assert.ok(said.every((m) => m.startsWith('[ERROR] ')), said.join('\n'));
      if (!error) assert.ok(said.some((m) => m.includes(`[json-pointer:${where}`)), `nothing at ${where}: ${said.join(' | ')}`);
      if (message) assert.ok(said.some((m) => m.includes(message)), `not '${message}': ${said.join(' | ')}`);
      if (surface === 'message' && !error) assert.deepEqual(answer.errors.map((e) => `[ERROR] ${e}`), said);
      const validated = await validate(surface, expanded);
      assert.equal(validated.ok, false, 'blocks.validate takes it');
      assert.equal(validated.error, surface === 'message' ? 'invalid_blocks' : 'invalid_view');
      for (const e of validated.errors) assert.equal(typeof e.code + typeof e.message + typeof e.pointer, 'stringstringstring', JSON.stringify(e));
    });
  }

  test('WebAPIPlatformError carries the errors', async () => {
    const thrown = await web.chat.postMessage({ channel: GENERAL, text: 'x', blocks: [{ type: 'nonsense' }, { type: 'section' }] }).catch((e) => e);
    assert.equal(thrown.code, 'slack_webapi_platform_error');
    assert.equal(thrown.data.errors.length, 2);
    assert.deepEqual(thrown.data.response_metadata.messages, thrown.data.errors.map((e) => `[ERROR] ${e}`));
  });

  test('blocks.validate wants exactly one of blocks, view and message', async () => {
    for (const body of [{}, { blocks: '[]', view: '{}' }]) {
      const answer = await rawCall(slack, 'blocks.validate', { method: 'POST', body: new URLSearchParams(body) });
      assert.equal(answer.error, 'invalid_arguments');
    }
    const message = await rawCall(slack, 'blocks.validate', { method: 'POST', body: new URLSearchParams({ message: JSON.stringify({ text: 'x', blocks: [{ type: 'nope' }] }) }) });
    assert.equal(message.error, 'invalid_message');
  });

  test('what is no list of blocks', async () => {
    for (const blocks of ['not json', '{}', '7']) {
      assert.equal((await rawCall(slack, 'chat.postMessage', { method: 'POST', body: new URLSearchParams({ channel: GENERAL, text: 'x', blocks }) })).error, 'invalid_blocks_format');
    }
  });

  test('a modal with inputs must have a submit button', async () => {
    const view = { type: 'modal', title: plain('T'), blocks: [{ type: 'input', label: plain('l'), element: { type: 'plain_text_input', action_id: 'a' } }] };
    const answer = await web.views.open({ trigger_id: await trigger(), view }).catch((e) => e.data);
    assert.equal(answer.error, 'invalid_arguments');
    assert.ok(answer.response_metadata.messages.some((m) => m.includes('submit')), answer.response_metadata.messages.join());
    const long = await web.views.open({ trigger_id: await trigger(), view: { ...modalOf([]), title: plain('x'.repeat(25)) } }).catch((e) => e.data);
    assert.ok(long.response_metadata.messages.some((m) => m.includes('/view/title/text')), long.response_metadata.messages.join());
  });

  describe('what slack-block-builder writes', () => {
    const { Blocks, Elements, Bits, Message, Modal, HomeTab, Md } = builder;
    const options = () => [1, 2, 3].map((n) => Bits.Option({ text: `o${n}`, value: `v${n}` }));
    const made = {
      'a message of every block and element': () => Message({ channel: GENERAL, text: 'x' }).blocks(
        Blocks.Header({ text: 'Header' }),
        Blocks.Section({ text: `${Md.bold('bold')} ${Md.link('https://example.com', 'link')}` }).fields('a', 'b').accessory(Elements.Button({ text: 'B', actionId: 'a' }).primary()),
        Blocks.Context().elements('context', Elements.Img({ imageUrl: 'https://example.com/i.png', altText: 'i' })),
        Blocks.Divider(),
        Blocks.Image({ imageUrl: 'https://example.com/i.png', altText: 'i', title: 't' }),
        Blocks.Actions().elements(
          Elements.Button({ text: 'Del', actionId: 'b', value: 'v' }).danger().confirm(Bits.ConfirmationDialog({ title: 'T', text: 'Sure?', confirm: 'Y', deny: 'N' })),
          Elements.StaticSelect({ actionId: 'c', placeholder: 'p' }).options(options()).initialOption(options()[0]),
          Elements.OverflowMenu({ actionId: 'd' }).options(options()),
          Elements.Checkboxes({ actionId: 'e' }).options(options()),
          Elements.RadioButtons({ actionId: 'f' }).options(options()),
          Elements.DatePicker({ actionId: 'g' }).initialDate(new Date(Date.UTC(2026, 1, 28))),
          Elements.TimePicker({ actionId: 'h' }).initialTime('10:30'),
          Elements.UserSelect({ actionId: 'i' }), Elements.ConversationSelect({ actionId: 'j' }).filter('im').excludeBotUsers(),
          Elements.ChannelSelect({ actionId: 'k' }), Elements.ExternalSelect({ actionId: 'l' }).minQueryLength(2)),
        Blocks.Section({ text: 'multi' }).accessory(Elements.StaticMultiSelect({ actionId: 'm' })
          .optionGroups(Bits.OptionGroup({ label: 'g' }).options(options())).maxSelectedItems(2))),
      'a modal of inputs': () => Modal({ title: 'Title', submit: 'Go', close: 'No', callbackId: 'c', privateMetaData: 'p' }).clearOnClose().notifyOnClose().blocks(
        Blocks.Input({ label: 'L', blockId: 'a', hint: 'h' }).element(Elements.TextInput({ actionId: 'a', placeholder: 'p' }).multiline().minLength(2).maxLength(3000)),
        Blocks.Input({ label: 'L', blockId: 'b' }).optional().dispatchAction().element(Elements.TextInput({ actionId: 'a' }).dispatchActionOnEnterPressed()),
        Blocks.Input({ label: 'L', blockId: 'c' }).element(Elements.UserMultiSelect({ actionId: 'a' })),
        Blocks.Input({ label: 'L', blockId: 'd' }).element(Elements.ConversationSelect({ actionId: 'a' }).responseUrlEnabled()),
        Blocks.Input({ label: 'L', blockId: 'e' }).element(Elements.EmailInput({ actionId: 'a' })),
        Blocks.Input({ label: 'L', blockId: 'f' }).element(Elements.NumberInput({ actionId: 'a' }).isDecimalAllowed(true).minValue(1).maxValue(10)),
        Blocks.Input({ label: 'L', blockId: 'g' }).element(Elements.URLInput({ actionId: 'a' })),
        Blocks.Input({ label: 'L', blockId: 'h' }).element(Elements.FileInput({ actionId: 'a' }).filetypes(['pdf']).maxFiles(2)),
        Blocks.Input({ label: 'L', blockId: 'i' }).element(Elements.DateTimePicker({ actionId: 'a' }))),
      'a home': () => HomeTab({ callbackId: 'c', privateMetaData: 'p' }).blocks(Blocks.Section({ text: 'hi' }), Blocks.Actions().elements(Elements.Button({ text: 'B', actionId: 'a' }))),
    };
    for (const [name, build] of Object.entries(made)) {
      test(`taken: ${name}`, async () => {
        const object = build().buildToObject();
        const answer = object.type === undefined ? await web.chat.postMessage(object)
          : object.type === 'home' ? await web.views.publish({ user_id: 'U0ANN', view: object })
            : await web.views.open({ trigger_id: await trigger(), view: object });
        assert.equal(answer.ok, true);
      });
    }
  });
});
