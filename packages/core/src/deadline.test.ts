import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { withDeadline } from "./deadline.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const never = new Promise<never>(() => undefined);

describe("withDeadline", () => {
  it("resolves as the work does, and leaves no timer behind", async () => {
    await expect(withDeadline(Promise.resolve(7), 1000, "late")).resolves.toBe(7);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("rejects as the work does, and leaves no timer behind", async () => {
    await expect(withDeadline(Promise.reject(new RangeError("broken")), 1000, "late")).rejects.toThrow(RangeError);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("rejects with the message when the time is over, and not before", async () => {
    let message: string | undefined;
    const waiting = withDeadline(never, 1000, "it took longer than 1 s").catch((error: Error) => {
      message = error.message;
    });
    await vi.advanceTimersByTimeAsync(999);
    expect(message).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);
    expect(message).toBe("it took longer than 1 s");
    await waiting;
    expect(vi.getTimerCount()).toBe(0);
  });

  it("swallows a rejection of work that is late", async () => {
    let fail: (error: Error) => void = () => undefined;
    const work = new Promise<never>((_, reject) => (fail = reject));
    const outcome = withDeadline(work, 10, "late").catch((error: Error) => error.message);
    await vi.advanceTimersByTimeAsync(10);
    fail(new Error("nobody listens any more"));
    expect(await outcome).toBe("late");
  });
});
