// From the rounds to the table: medians over the rounds, percentiles over all samples, and whether the aims were met.

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function percentile(values, share) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

const at = (object, path) => path.split('.').reduce((value, key) => value?.[key], object);

/** The median over those rounds that have the figure, and its range. */
function over(rounds, path) {
  const values = rounds.map((round) => at(round, path)).filter((value) => value !== undefined);
  return { value: median(values), low: Math.min(...values), high: Math.max(...values) };
}

function spread(samples) {
  const ms = samples.map((us) => us / 1000);
  return { p50: { value: percentile(ms, 0.5) }, p99: { value: percentile(ms, 0.99) }, n: ms.length };
}

/**
 * `rounds`: {gateway: […], bolt: […], python: […], questions: […]}, python's empty where it cannot be had. Rows are
 * {id, what, gateway, bolt, python?, unit, digits}.
 */
export function figures(rounds) {
  const row = (id, what, unit, digits, path) => ({
    id, what, unit, digits, gateway: over(rounds.gateway, path), bolt: over(rounds.bolt, path),
    python: rounds.python.length > 0 ? over(rounds.python, path) : undefined,
  });
  const shown = spread(rounds.questions.flatMap((round) => round.shown_us));
  const answered = spread(rounds.questions.flatMap((round) => round.answered_us));
  const echo = spread(rounds.bolt.flatMap((round) => round.echo.shown_us));
  const pythonEcho = rounds.python.length > 0 ? spread(rounds.python.flatMap((round) => round.echo.shown_us)) : {};
  return {
    rows: [
      row('steady.p50', 'click → acknowledgement, 500/s, p50', 'ms', 2, 'steady.p50_ms'),
      row('steady.p99', 'click → acknowledgement, 500/s, p99', 'ms', 2, 'steady.p99_ms'),
      row('click.p50', 'click → acknowledgement, window 256, p50', 'ms', 1, 'click.p50_ms'),
      row('click.p99', 'click → acknowledgement, window 256, p99', 'ms', 1, 'click.p99_ms'),
      row('message.rate', 'messages acknowledged on one core', '/s', 0, 'message.per_second'),
      row('click.rate', 'clicks on one core (gateway: durable turns)', '/s', 0, 'click.per_second'),
      row('message.cpu', 'CPU per message (nobody\'s business)', 'µs', 1, 'message.cpu_us'),
      row('click.cpu', 'CPU per click (gateway: a durable turn)', 'µs', 1, 'click.cpu_us'),
      row('rss', 'idle memory, RSS', 'MiB', 1, 'rss'),
      row('pss', 'idle memory, PSS', 'MiB', 1, 'pss'),
      row('own', 'idle memory, written by the program itself', 'MiB', 1, 'own'),
      { id: 'question.p50', what: 'question → message in Slack, p50 ¹', unit: 'ms', digits: 2, gateway: shown.p50, bolt: echo.p50, python: pythonEcho.p50 },
      { id: 'question.p99', what: 'question → message in Slack, p99 ¹', unit: 'ms', digits: 2, gateway: shown.p99, bolt: echo.p99, python: pythonEcho.p99 },
      { id: 'reply.p50', what: 'click → answer at OpenCode, p50', unit: 'ms', digits: 2, gateway: answered.p50 },
      { id: 'reply.p99', what: 'click → answer at OpenCode, p99', unit: 'ms', digits: 2, gateway: answered.p99 },
    ],
    samples: { questions: shown.n, clicks: answered.n, echo: echo.n, failed: rounds.questions.reduce((n, r) => n + r.failed, 0) },
  };
}

/** [{what, met}] in the order in which they are printed. */
export function aims(rows) {
  const of = Object.fromEntries(rows.map((row) => [row.id, row]));
  const ratio = (id) => of[id].gateway.value / of[id].bolt.value;
  const aim = (what, met, found) => ({ what, met, found });
  const ms = (id) => `${of[id].gateway.value.toFixed(2)} ms`;
  return [
    aim('p99 of an acknowledgement at most Bolt\'s, though durable first (500/s)', ratio('steady.p99') <= 1, `${ratio('steady.p99').toFixed(2)} ×`),
    aim('the same under full load (window 256)', ratio('click.p99') <= 1, `${ratio('click.p99').toFixed(2)} ×`),
    aim('CPU per acknowledged message at most 1/10 of Bolt\'s', ratio('message.cpu') <= 0.1, `1/${(1 / ratio('message.cpu')).toFixed(1)}`),
    aim('CPU per durable turn at most 1/10 of Bolt\'s per click', ratio('click.cpu') <= 0.1, `1/${(1 / ratio('click.cpu')).toFixed(1)}`),
    aim('durable turns per second at least Bolt\'s undurable clicks', ratio('click.rate') >= 1, `${ratio('click.rate').toFixed(1)} ×`),
    aim('idle RSS under 10 MB', of.rss.gateway.value * 1.048576 < 10, `${(of.rss.gateway.value * 1.048576).toFixed(1)} MB`),
    aim('question → Slack, p99 under 10 ms', of['question.p99'].gateway.value < 10, ms('question.p99')),
    aim('click → OpenCode, p99 under 10 ms', of['reply.p99'].gateway.value < 10, ms('reply.p99')),
  ];
}

function cell(figure, digits) {
  if (!figure) return '–';
  const value = figure.value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  if (figure.low === undefined || figure.low === figure.high) return value;
  const bound = (n) => n.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return `${value} (${bound(figure.low)}–${bound(figure.high)})`;
}

/** How many times as much the gateway has: 0.05 of Bolt's, 3 times Bolt's. */
function ratioText(row) {
  if (!row.bolt) return '';
  const ratio = row.gateway.value / row.bolt.value;
  return ratio < 1 ? `1/${(1 / ratio).toFixed(1)}` : `${ratio.toFixed(1)} ×`;
}

export function table(rows) {
  const lines = [
    ['', 'unit', 'gateway', 'Bolt 5.1.0', 'ratio', 'Bolt for Python 1.30.0'],
    ...rows.map((row) => [row.what, row.unit, cell(row.gateway, row.digits), cell(row.bolt, row.digits), ratioText(row),
      cell(row.python, row.digits)]),
  ];
  const widths = lines[0].map((_, i) => Math.max(...lines.map((line) => line[i].length)));
  const text = lines.map((line) => `| ${line.map((c, i) => (i < 2 ? c.padEnd(widths[i]) : c.padStart(widths[i]))).join(' | ')} |`);
  const rule = `|${widths.map((w, i) => (i < 2 ? '-'.repeat(w + 2) : `${'-'.repeat(w + 1)}:`)).join('|')}|`;
  return [text[0], rule, ...text.slice(1)].join('\n');
}
