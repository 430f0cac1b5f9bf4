// A whole small app in Bolt for JavaScript: command, modal, event, action, options, stream, home. bolt_python.py is the
// same app in Python; whole-app.test.mjs drives both by one script.

import bolt from '@slack/bolt';

const { SLACK_API_URL: slackApiUrl, SLACK_BOT_TOKEN: token, SLACK_APP_TOKEN: appToken } = process.env;
const app = new bolt.App({ token, appToken, socketMode: true, logLevel: 'error', clientOptions: { slackApiUrl } });
const plain = (text) => ({ type: 'plain_text', text });
const CITIES = ['Aachen', 'Berlin', 'Bremen'];

const modal = {
  type: 'modal', callback_id: 'order', title: plain('Order'), submit: plain('Go'), notify_on_close: true,
  blocks: [
    { type: 'input', block_id: 'name', label: plain('Name'), element: { type: 'plain_text_input', action_id: 'v' } },
    { type: 'input', block_id: 'city', label: plain('City'), element: { type: 'external_select', action_id: 'city', min_query_length: 1 } }],
};

app.command('/order', async ({ ack, command, client }) => {
  if (command.text === 'help') return ack({ response_type: 'ephemeral', text: 'Say /order' });
  await ack();
  await client.views.open({ trigger_id: command.trigger_id, view: { ...modal, private_metadata: command.channel_id } });
});
app.options('city', async ({ ack, options }) => {
  const found = CITIES.filter((city) => city.startsWith(options.value));
  await ack({ options: found.map((city) => ({ text: plain(city), value: city.toLowerCase() })) });
});
app.view('order', async ({ ack, view, body, client }) => {
  const { name, city } = view.state.values;
  if (name.v.value === 'nobody') return ack({ response_action: 'errors', errors: { name: 'Who?' } });
  await ack();
  await client.chat.postMessage({
    channel: view.private_metadata, text: `Order of ${name.v.value} for ${city.city.selected_option.value} by <@${body.user.id}>`,
    blocks: [
      { type: 'section', text: { type: 'mrkdwn', text: `*${name.v.value}*` } },
      { type: 'actions', elements: [{ type: 'button', action_id: 'confirm', value: 'o1', text: plain('Confirm') }] }],
  });
});
app.view({ callback_id: 'order', type: 'view_closed' }, async ({ ack, view, client }) => {
  await ack();
  await client.chat.postMessage({ channel: view.private_metadata, text: 'Order given up' });
});
app.action('confirm', async ({ ack, body, action, respond }) => {
  await ack();
  await respond({ replace_original: true, text: `Confirmed ${action.value} by <@${body.user.id}>` });
});
app.event('app_mention', async ({ event, client, context }) => {
  const stream = client.chatStream({
    channel: event.channel, thread_ts: event.ts, recipient_user_id: event.user, recipient_team_id: context.teamId });
  await stream.append({ markdown_text: 'Working' });
  await stream.append({ chunks: [{ type: 'task_update', id: 't1', title: 'Look', status: 'complete' }] });
  await stream.stop({ markdown_text: ' and done' });
});
app.message('ping', async ({ say }) => void (await say('pong')));
app.event('app_home_opened', async ({ event, client }) => {
  await client.views.publish({ user_id: event.user, view: { type: 'home', blocks: [{ type: 'header', text: plain('Welcome') }] } });
});
app.shortcut('new_order', async ({ ack, shortcut, client }) => {
  await ack();
  await client.views.open({ trigger_id: shortcut.trigger_id, view: { ...modal, private_metadata: 'C0GENERAL' } });
});

await app.start();
console.log('the app is up');
