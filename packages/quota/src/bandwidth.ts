import { SftpError, type PluginHost, type Session } from "@sluice/core";
import type { DirectionSettings, QuotaSettings } from "./options.ts";

/** The time for which an idle bucket saves up, in milliseconds. */
const burstMs = 250;

/**
 * A token bucket. What is taken beyond what is there is owed, and whoever comes then waits until it is paid: one after the other, and with no timer
 * as long as nothing is owed.
 */
export class Bucket {
  readonly #bytesPerMs: number;
  readonly #now: () => number;
  #tokens: number;
  #at: number;

  constructor(bytesPerSecond: number, now: () => number = () => performance.now()) {
    this.#bytesPerMs = bytesPerSecond / 1000;
    this.#now = now;
    this.#tokens = this.#bytesPerMs * burstMs;
    this.#at = now();
  }

  /** Takes so many bytes. Returns how long to wait for them, in milliseconds. */
  take(bytes: number): number {
    const now = this.#now();
    this.#tokens = Math.min(this.#tokens + (now - this.#at) * this.#bytesPerMs, this.#bytesPerMs * burstMs);
    this.#at = now;
    this.#tokens -= bytes;
    return this.#tokens >= 0 ? 0 : Math.ceil(-this.#tokens / this.#bytesPerMs);
  }
}

type Direction = keyof DirectionSettings;

/** Slows down what is faster than it may be. */
export function limitBandwidth(host: PluginHost, { bandwidth }: QuotaSettings): void {
  const ofUsers = new Map<string, { readonly buckets: ReadonlyMap<Direction, Bucket>; sessions: number }>();
  const ofSessions = new WeakMap<Session, readonly ReadonlyMap<Direction, Bucket>[]>();
  const { session: perSession, user: perUser } = bandwidth;
  if ([perSession.up, perSession.down, perUser.up, perUser.down].every((rate) => rate === undefined)) return;
  host.onSession((session) => {
    const { name } = session.user;
    const shared = ofUsers.get(name) ?? { buckets: bucketsOf(perUser), sessions: 0 };
    shared.sessions += 1;
    ofUsers.set(name, shared);
    ofSessions.set(session, [bucketsOf(perSession), shared.buckets]);
    const left = (): void => {
      shared.sessions -= 1;
      if (shared.sessions === 0) ofUsers.delete(name);
    };
    if (session.signal.aborted) left();
    else session.signal.addEventListener("abort", left, { once: true });
  });
  const pay = (session: Session, direction: Direction, bytes: number): Promise<void> | undefined => {
    let waitMs = 0;
    for (const buckets of ofSessions.get(session) ?? [])
      waitMs = Math.max(waitMs, buckets.get(direction)?.take(bytes) ?? 0);
    return waitMs === 0 ? undefined : elapsed(waitMs, session.signal);
  };
  host.use("write", async (ctx, next) => {
    const waiting = pay(ctx.session, "up", ctx.request.data.length);
    if (waiting !== undefined) await waiting;
    await next();
  });
  host.use("read", async (ctx, next) => {
    await next();
    const waiting = pay(ctx.session, "down", ctx.result?.length ?? 0);
    if (waiting !== undefined) await waiting;
  });
}

function bucketsOf({ up, down }: DirectionSettings): ReadonlyMap<Direction, Bucket> {
  const buckets = new Map<Direction, Bucket>();
  if (up !== undefined) buckets.set("up", new Bucket(up));
  if (down !== undefined) buckets.set("down", new Bucket(down));
  return buckets;
}

/** @throws SftpError where the session ends first */
function elapsed(waitMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      signal.removeEventListener("abort", gone);
      resolve();
    };
    const timer = setTimeout(done, waitMs);
    const gone = (): void => {
      clearTimeout(timer);
      reject(new SftpError("connectionLost"));
    };
    if (signal.aborted) gone();
    else signal.addEventListener("abort", gone, { once: true });
  });
}
