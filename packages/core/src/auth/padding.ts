/**
 * Waits until a whole number of steps has passed since then, at least one: what was decided sooner or later within a step is answered at the same
 * time. Ends at once when the signal is aborted.
 */
export function padded(sinceMs: number, stepMs: number, signal: AbortSignal): Promise<void> {
  const elapsed = performance.now() - sinceMs;
  const waitMs = Math.max(Math.ceil(elapsed / stepMs), 1) * stepMs - elapsed;
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, waitMs);
    signal.addEventListener("abort", end, { once: true });
  });
}
