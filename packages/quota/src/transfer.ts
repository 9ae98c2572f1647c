import { SftpError, type Logger, type PluginHost, type Store } from "@sluice/core";
import { orMissing } from "./incomplete.ts";
import { Locks } from "./locks.ts";
import type { DirectionSettings, QuotaSettings } from "./options.ts";
import { encoded } from "./subjects.ts";

type Period = "day" | "month";
type Direction = keyof DirectionSettings;

/** Meters that are kept in memory; the oldest give way. What they had taken and not used counts as used. */
const maxMeters = 10_000;
const dayMs = 86_400_000;
/** Long enough for the period to be over wherever the clock stands. */
const keptMs: Readonly<Record<Period, number>> = { day: 2 * dayMs, month: 33 * dayMs };

/** What of a period's allowance this process has taken from the store and not used yet. */
interface Meter {
  left: number;
}

/** Counts what users move in a day or a month. The store is asked for a chunk at a time. */
export class Transfer {
  readonly #store: Store;
  readonly #limits: QuotaSettings["transfer"];
  readonly #chunk: number;
  readonly #log: Logger;
  readonly #now: () => Date;
  readonly #meters = new Map<string, Meter>();
  readonly #locks = new Locks();

  constructor(
    store: Store,
    { transfer, chunk }: Pick<QuotaSettings, "transfer" | "chunk">,
    log: Logger,
    now: () => Date = () => new Date(),
  ) {
    this.#store = store;
    this.#limits = transfer;
    this.#chunk = chunk;
    this.#log = log;
    this.#now = now;
  }

  /** Whether anything is counted. */
  counts(direction: Direction): boolean {
    return this.#limits.day[direction] !== undefined || this.#limits.month[direction] !== undefined;
  }

  /** Takes so many bytes from the allowances of a user. @throws SftpError `quotaExceeded`, or `failure` where an upload cannot be counted */
  async take(user: string, direction: Direction, bytes: number): Promise<void> {
    for (const period of ["day", "month"] as const) {
      const limit = this.#limits[period][direction];
      if (limit !== undefined) await this.#takeFrom(period, user, direction, limit, bytes);
    }
  }

  /** Gives back what was taken and not used. */
  async close(): Promise<void> {
    for (const [key, { left }] of this.#meters) {
      if (left <= 0) continue;
      try {
        await this.#store.add(key, -left, { ttlMs: dayMs });
      } catch (error) {
        this.#log.warn({ err: error }, "What was not transferred could not be given back");
      }
    }
    this.#meters.clear();
  }

  async #takeFrom(period: Period, user: string, direction: Direction, limit: number, bytes: number): Promise<void> {
    const date = this.#now().toISOString();
    const when = period === "day" ? date.slice(0, 10) : date.slice(0, 7);
    const key = `quota/moved/${when}/${direction}/${encoded(user)}`;
    const meter = this.#meterOf(key);
    if (meter.left >= bytes) {
      meter.left -= bytes;
      return;
    }
    await this.#locks.run(key, () => this.#refill(key, period, meter, limit, direction, bytes));
  }

  async #refill(
    key: string,
    period: Period,
    meter: Meter,
    limit: number,
    direction: Direction,
    bytes: number,
  ): Promise<void> {
    if (meter.left >= bytes) {
      meter.left -= bytes;
      return;
    }
    const least = bytes - meter.left;
    try {
      const most = Math.max(this.#chunk, least);
      const expiry = { ttlMs: keptMs[period] };
      const taken = await this.#store.add(key, most, expiry);
      const over = Math.max(taken - limit, 0);
      // What does not fit is given back; what is left of the chunk may do.
      const back = most - over >= least ? over : most;
      if (back > 0) await this.#store.add(key, -back, expiry);
      meter.left += most - back;
    } catch (error) {
      if (direction === "down") {
        this.#log.warn({ err: error }, "The quota's store failed; downloads go on uncounted");
        return;
      }
      this.#log.error({ err: error }, "The quota's store failed; uploads are refused");
      throw new SftpError("failure", "The quota cannot be checked at the moment; try again later", { cause: error });
    }
    if (meter.left < bytes)
      throw new SftpError(
        "quotaExceeded",
        `Quota exceeded: no more ${direction === "up" ? "uploads" : "downloads"} this ${period}`,
        { detail: `quota: ${limit} bytes ${direction} a ${period} at most` },
      );
    meter.left -= bytes;
  }

  #meterOf(key: string): Meter {
    const known = this.#meters.get(key);
    if (known !== undefined) return known;
    const [oldest] = this.#meters.keys();
    if (this.#meters.size >= maxMeters && oldest !== undefined) this.#meters.delete(oldest);
    const meter = { left: 0 };
    this.#meters.set(key, meter);
    return meter;
  }
}

/** Counts what is moved, before an upload is stored and before a download is sent. */
export function limitTransfer(host: PluginHost, transfer: Transfer): void {
  if (transfer.counts("up")) {
    host.use("write", async (ctx, next) => {
      const { file, position, data } = ctx.request;
      const piece = file.flags.append ? undefined : { start: position, end: position + data.length };
      await orMissing(file.state, piece, transfer.take(ctx.user.name, "up", data.length));
      await next();
    });
  }
  if (transfer.counts("down")) {
    host.use("read", async (ctx, next) => {
      await next();
      const bytes = ctx.result?.length ?? 0;
      if (bytes > 0) await transfer.take(ctx.user.name, "down", bytes);
    });
  }
}
