// Posts POSTS messages, oid-0, oid-1 …, from the first that is not in the channel yet. It may be killed at any time and
// started again. WITH_CLIENT_MSG_ID: each call carries an id made from its oid. LOOK_FIRST: no retries of the SDK; before
// each post it looks for the oid in the channel.

import { createHash } from 'node:crypto';
import { WebClient } from '@slack/web-api';

const { SLACK_API_URL, SLACK_BOT_TOKEN, CHANNEL: channel, POSTS, WITH_CLIENT_MSG_ID, LOOK_FIRST } = process.env;
const quick = { retries: 5, minTimeout: 5, maxTimeout: 20 };
const web = new WebClient(SLACK_BOT_TOKEN, {
  slackApiUrl: SLACK_API_URL, retryConfig: LOOK_FIRST ? { retries: 0 } : quick, logLevel: 'error' });

const idOf = (oid) => createHash('sha256').update(oid).digest('hex').replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-5$3-a$4-$5');

async function isThere(oid) {
  const { messages } = await web.conversations.history({ channel, limit: 200, include_all_metadata: true });
  return messages.some((m) => m.metadata?.event_payload?.oid === oid);
}

for (let i = 0; i < Number(POSTS); i++) {
  const oid = `oid-${i}`;
  const post = {
    channel, text: oid, metadata: { event_type: 'post', event_payload: { oid } },
    ...(WITH_CLIENT_MSG_ID && { client_msg_id: idOf(oid) }) };
  while (!(await isThere(oid))) {
    console.log(`posting ${oid}`);
    try {
      await web.chat.postMessage(post);
    } catch (error) {
      if (!LOOK_FIRST) throw error;
      console.log(`not sure of ${oid}: ${error.message}`); // it may be there, or not: look again
    }
  }
}
console.log('all posted');
