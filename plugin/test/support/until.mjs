/** Waits until `check()` returns something true and returns that; throws after `timeout_ms`, saying what was waited for. */
export async function until(what, check, timeout_ms = 10_000) {
  const deadline = Date.now() + timeout_ms;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`timed out after ${timeout_ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
