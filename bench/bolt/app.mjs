// The least that an app in Bolt must do to answer the same envelopes as the gateway: events and clicks are acknowledged
// and nothing is kept. "echo N" is answered with a message, for the way from an event to chat.postMessage.

import bolt from '@slack/bolt';

const { App, LogLevel } = bolt;

const app = new App({
  token: process.env.SLACK_BOT_TOKEN,
  appToken: process.env.SLACK_APP_TOKEN,
  socketMode: true,
  logLevel: LogLevel.ERROR,
  clientOptions: { slackApiUrl: process.env.SLACK_API_URL },
});

app.message(async ({ message, client }) => {
  if (message.text?.startsWith('echo ')) await client.chat.postMessage({ channel: message.channel, text: message.text });
});
app.action(/.*/, async ({ ack }) => {
  await ack();
});

await app.start();
console.log('bolt is connected');
