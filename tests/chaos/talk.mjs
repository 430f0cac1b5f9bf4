// People in a world where everything dies: they say and press what they mean to, look whether it happened when nobody
// told them, and try again. Every word of theirs bears a mark of its own, so that afterwards it can be counted what
// became of it.

import assert from 'node:assert/strict';

import { until } from '../harness/child.mjs';
import { ANN, BOB, BOT, buttonsOf, isProgress, textOf } from '../harness/world.mjs';

const WAIT_MS = 300_000;
const LOOK_MS = 100;
const BUTTONS = ['permission.once', 'question.pick'];
const ENDS = { white_check_mark: 'answered', warning: 'failed' };

const answerOf = (mark) => `Answer ${mark}.`;
const isOwn = (m) => m.bot_id !== undefined;

export class Talk {
  /** `plan`: {mention, prompts: ['say' | 'bash' | 'question']}; the first of a command is always 'say'. */
  constructor(lives, { name, channel, plan }) {
    Object.assign(this, { lives, name, channel, plan });
    this.said = []; // {mark, ts: null = the command's own, kind}
    this.doubtful = []; // marks of commands that nobody acknowledged, and that were given again
    this.clicks = 0;
  }

  // ---- Slack, which may be gone at any moment ----

  /** What `call(slack)` gives; null when Slack died meanwhile. */
  async #try(call) {
    const slack = await Promise.race([this.lives.slack.up(), this.lives.broken]);
    try {
      return await call(slack);
    } catch (error) {
      if (error instanceof TypeError || error.name === 'AbortError') return null; // cut
      throw error;
    }
  }

  /** Looks again and again until `check` gives something. */
  #wait(what, check) {
    const look = async () => (await this.#try(check)) ?? false;
    return Promise.race([until(`${this.name}: ${what}`, look, WAIT_MS, LOOK_MS), this.lives.broken]);
  }

  #thread(slack) {
    return slack.thread(this.channel, this.ts);
  }

  /** Says it, once: when Slack dies over it, whether it was said is to be seen when Slack is back. */
  async #say(user, text, more) {
    for (;;) {
      const ts = await this.#try((slack) => slack.say(user, this.channel, text, more));
      if (ts) return ts;
      const list = await this.#wait('to see what was said', (slack) => (more ? this.#thread(slack) : slack.messages(this.channel)));
      const mine = list.find((m) => m.user === user && m.text === text);
      if (mine) return mine.ts;
    }
  }

  async #roots(slack, mark) {
    const messages = await slack.messages(this.channel);
    return messages.filter((m) => isOwn(m) && (!m.thread_ts || m.thread_ts === m.ts) && m.text.includes(mark));
  }

  // ---- what people do ----

  async #begin() {
    const kind = this.plan.prompts[0];
    if (this.plan.mention) {
      const mark = this.#mark(1);
      this.ts = await this.#say(ANN, `<@${BOT}> ${this.#prompt(kind, mark)}`);
      this.said.push({ mark, ts: this.ts });
      return;
    }
    for (let attempt = 1; ; attempt++) {
      const mark = this.#mark(`1.${attempt}`);
      await this.lives.working(); // a command that nobody can hear is refused at once
      const told = await this.#try((slack) => slack.command(ANN, this.channel, '/opencode', `start ${this.#prompt('say', mark)}`));
      const find = async (slack) => (await this.#roots(slack, mark))[0];
      // Nobody said yes: it may have happened, or may still. A person would look; and then try again.
      if (!told?.acked) await this.lives.settled();
      const card = told?.acked ? await this.#wait(`the card of ${mark}`, find) : await this.#wait('to look', async (slack) => [await find(slack)]);
      const root = Array.isArray(card) ? card[0] : card;
      if (root) {
        this.ts = root.ts;
        this.said.push({ mark, ts: null });
        return;
      }
      this.doubtful.push(mark);
    }
  }

  #mark(k) {
    return `(${this.name}.${k})`; // no mark is the beginning of another
  }

  #prompt(kind, mark) {
    const step = { say: '', bash: `bash:true ${mark};;`, question: 'question:1;;' }[kind];
    return `${step}say:${answerOf(mark)}`;
  }

  /** Presses what asks for it, until the turn is over. */
  async #turn({ ts }) {
    await this.#wait('the end of the turn', async (slack) => {
      const thread = await this.#thread(slack);
      const request = thread.find((m) => buttonsOf(m).some((b) => BUTTONS.some((name) => b.action_id.startsWith(name))));
      if (request) {
        const button = buttonsOf(request).find((b) => BUTTONS.some((name) => b.action_id.startsWith(name)));
        this.clicks++;
        // Whether it worked is seen at the next look; the button may be gone by now.
        await slack.click({ user: BOB, channel: this.channel, ts: request.ts, ...button }).catch((error) => {
          if (!/no element/.test(error.message)) throw error;
        });
        return false;
      }
      return ts ? endsOf(thread, ts).length > 0 : /Finished|Failed/.test(textOf(thread.find(isOwn)));
    });
  }

  async run() {
    await this.#begin();
    await this.#turn(this.said[0]);
    for (let k = 2; k <= this.plan.prompts.length; k++) {
      const mark = this.#mark(k);
      const said = { mark };
      said.ts = await this.#say(BOB, this.#prompt(this.plan.prompts[k - 1], mark), { thread_ts: this.ts });
      this.said.push(said);
      await this.#turn(said);
    }
  }

  // ---- what became of it ----

  #fail(what) {
    return `${this.name}: ${what}`;
  }

  /**
   * Throws when anything was lost or doubled; else how many prompts were `answered`, `failed` (in OpenCode), or `refused`
   * (never given to it), each visibly, and how many commands were `doubtful`. `truth` is OpenCode's.
   */
  async check(truth) {
    const slack = await this.lives.slack.up();
    const thread = await this.#thread(slack);
    const counts = { answered: 0, failed: 0, refused: 0, doubtful: this.doubtful.length };
    for (const said of this.said) counts[this.#checkPrompt(said, thread, truth)]++;
    for (const mark of this.doubtful) {
      assert.ok((await this.#roots(slack, mark)).length <= 1, this.#fail(`${mark} has one card at most`));
      assert.ok(prompts(truth, mark).length <= 1, this.#fail(`${mark} was asked once at most`));
    }
    const marks = this.said.map((s) => s.mark);
    const answers = thread.filter(isOwn).map((m) => marks.findIndex((mark) => m.text === answerOf(mark))).filter((i) => i >= 0);
    assert.deepEqual(answers, [...answers].sort((a, b) => a - b), this.#fail('the answers are in order'));
    const [card, ...rest] = thread.filter(isOwn);
    assert.match(textOf(card), /Finished|Failed/, this.#fail('the card is at rest'));
    assert.deepEqual(rest.flatMap(buttonsOf), [], this.#fail('nothing is left to press'));
    assert.deepEqual(rest.filter((m) => /^Working/.test(m.text)), [], this.#fail('no progress is left at work'));
    return counts;
  }

  /** One input: asked once, with one visible outcome. */
  #checkPrompt({ mark, ts }, thread, truth) {
    const asked = prompts(truth, mark);
    const done = [...truth.sessions.values()].some((s) => s.messages.some((m) => m.text === answerOf(mark) && m.role === 'assistant' && m.completed_ms));
    const seen = thread.filter((m) => isOwn(m) && m.text === answerOf(mark)).length;
    assert.ok(asked.length <= 1, this.#fail(`${mark} was asked ${asked.length} times`));
    assert.equal(seen, done ? 1 : 0, this.#fail(`the answer to ${mark} is in the thread as often as OpenCode gave it`));
    if (ts === null) {
      assert.equal(asked.length, 1, this.#fail(`${mark} was accepted and asked`));
      return done ? 'answered' : 'failed';
    }
    const ends = endsOf(thread, ts);
    assert.equal(ends.length, 1, this.#fail(`${mark} has one end, and it has ${JSON.stringify(ends)}`));
    if (ends[0] === 'answered') assert.ok(done, this.#fail(`${mark} was answered`));
    else assert.ok(thread.some((m) => isProgress(m) || /restarted|not /.test(textOf(m))), this.#fail(`the thread says why ${mark} has no answer`));
    return asked.length > 0 ? ends[0] : 'refused';
  }
}

const prompts = (truth, mark) => truth.prompts.filter((p) => p.text.includes(answerOf(mark)));

/** How the message at `ts` is marked as over. */
function endsOf(thread, ts) {
  const reactions = thread.find((m) => m.ts === ts)?.reactions ?? [];
  return reactions.filter((r) => ENDS[r.name]).flatMap((r) => Array(r.count ?? 1).fill(ENDS[r.name]));
}
