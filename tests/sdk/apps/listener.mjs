// A Socket Mode client in a process of its own, because an unhandled rejection ends it: prints what it hears.

import { SocketModeClient } from '@slack/socket-mode';

const { SLACK_API_URL: slackApiUrl, SLACK_APP_TOKEN: appToken } = process.env;
const client = new SocketModeClient({ appToken, logLevel: 'error', clientOptions: { slackApiUrl } });
client.on('message', async ({ event, ack }) => {
  await ack();
  console.log(`heard ${event.text}`);
});
await client.start();
console.log('listening');
