import { describe, expect, it, vi } from "vitest";
import { padded } from "./padding.ts";

describe("A refusal", () => {
  it.each([
    [0, 500],
    [1, 499],
    [499, 1],
    [501, 499],
    [1700, 300],
  ])("decided after %i ms waits %i ms more: whole steps of 500 ms", async (elapsed, wait) => {
    vi.useFakeTimers();
    try {
      const done = vi.fn();
      void padded(performance.now() - elapsed, 500, new AbortController().signal).then(done);
      await vi.advanceTimersByTimeAsync(wait - 1);
      expect(done).not.toHaveBeenCalled();
      await vi.advanceTimersByTimeAsync(1);
      expect(done).toHaveBeenCalled();
    } finally {
      vi.useRealTimers();
    }
  });

  it("waits no longer than the client, and leaves no timer behind", async () => {
    vi.useFakeTimers();
    try {
      const leaving = new AbortController();
      const done = padded(performance.now(), 500, leaving.signal);
      expect(vi.getTimerCount()).toBe(1);
      leaving.abort();
      await done;
      expect(vi.getTimerCount()).toBe(0);
      await padded(performance.now(), 500, leaving.signal);
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});
