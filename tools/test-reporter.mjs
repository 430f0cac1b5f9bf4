// A reporter for `node --test` that a program can read: one JSON line per test, and what the tests print as it is.
// Suites are not counted, their tests are; a file that fails outside of any test is.

const text = (error) => {
  const cause = error?.cause ?? error;
  return String(cause?.stack ?? cause?.message ?? cause);
};

export default async function* report(source) {
  for await (const { type, data } of source) {
    if (type === 'test:stdout' || type === 'test:stderr') {
      yield data.message;
    } else if (type === 'test:pass' || type === 'test:fail') {
      if (data.details?.type === 'suite') continue;
      const skipped = data.skip !== undefined || data.todo !== undefined;
      yield `\n@test ${JSON.stringify({
        name: data.name,
        file: data.file,
        nesting: data.nesting,
        result: skipped ? 'skip' : type === 'test:pass' ? 'pass' : 'fail',
        ms: Math.round(data.details?.duration_ms ?? 0),
        failureType: data.details?.error?.failureType,
        error: type === 'test:fail' && !skipped ? text(data.details?.error) : undefined,
      })}\n`;
    }
  }
}
