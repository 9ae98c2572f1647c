import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createLogger, type Logger } from "./log.ts";
import { memoryStore } from "./memory-store.ts";
import { recordPenalties } from "./penalty-record.ts";
import { defaultPenalties, Sources, type Place } from "./sources.ts";
import type { Store } from "./store.ts";

/** What is waited for comes at once, but on a machine that is busy with other tests. */
const waiting = { timeout: 20_000 };

const silent: Logger = createLogger({ level: "silent" });

function make(penalised = true): Sources {
  return new Sources({
    connections: 100,
    startups: { start: 100, percent: 100, full: 100 },
    perSource: 100,
    perSourceUnauthenticated: 100,
    penalties: penalised ? defaultPenalties : undefined,
    allow: undefined,
    deny: undefined,
  });
}

function offend(sources: Sources, address: string, offence: "crash" | "authFail"): void {
  (sources.admit(address) as Place).leave(offence);
}

/** What a server that is started next knows. */
async function restarted(store: Store, penalised = true): Promise<Sources> {
  const sources = make(penalised);
  await recordPenalties(sources, store, silent);
  return sources;
}

describe("penalties in the store", () => {
  let store: Store;
  beforeEach(() => (store = memoryStore()));
  afterEach(async () => {
    vi.useRealTimers();
    await store.close?.();
  });

  it("outlast a restart, for IPv4 addresses and IPv6 networks", async () => {
    const before = await restarted(store);
    offend(before, "192.0.2.1", "crash");
    offend(before, "2001:db8:1:2::5", "crash");
    const after = await restarted(store);
    expect(after.admit("192.0.2.1")).toBe("The source is penalised");
    expect(after.admit("2001:db8:1:2::77")).toBe("The source is penalised");
    expect(after.admit("192.0.2.2")).toBeTypeOf("object");
  });

  it("add up with what was collected before a restart", async () => {
    // Three are just enough where no time passes between them.
    vi.useFakeTimers({ toFake: ["Date"] });
    const before = await restarted(store);
    offend(before, "192.0.2.1", "authFail");
    offend(before, "192.0.2.1", "authFail");
    const after = await restarted(store);
    offend(after, "192.0.2.1", "authFail");
    expect(after.admit("192.0.2.1")).toBe("The source is penalised");
  });

  it("end when they would have", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    offend(await restarted(store), "192.0.2.1", "crash");
    vi.setSystemTime(Date.now() + 90_001);
    expect((await restarted(store)).admit("192.0.2.1")).toBeTypeOf("object");
  });

  it("are no longer than the longest, even where the clock was set back", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    offend(await restarted(store), "192.0.2.1", "crash");
    vi.setSystemTime(Date.now() - 3_600_000);
    const after = await restarted(store);
    vi.setSystemTime(Date.now() + 600_001);
    expect(after.admit("192.0.2.1")).toBeTypeOf("object");
  });

  it("that nobody could have written are left out", async () => {
    await store.set("core/penalty/192.0.2.1", "for ever");
    expect((await restarted(store)).admit("192.0.2.1")).toBeTypeOf("object");
  });

  it("are not taken up where they are turned off", async () => {
    offend(await restarted(store), "192.0.2.1", "crash");
    expect((await restarted(store, false)).admit("192.0.2.1")).toBeTypeOf("object");
  });

  it("keep no server from starting or serving when the store fails", async () => {
    const warnings: string[] = [];
    const log = { ...silent, warn: (_fields: object, text: string) => void warnings.push(text) } as unknown as Logger;
    const fail = (): never => {
      throw new Error("The disk is full");
    };
    const failing = {
      ...store,
      list: fail,
      set: () => Promise.reject(new Error("The disk is full")),
    } as unknown as Store;
    const sources = make();
    await recordPenalties(sources, failing, log);
    offend(sources, "192.0.2.1", "crash");
    expect(sources.admit("192.0.2.1")).toBe("The source is penalised");
    await vi.waitFor(() => expect(warnings).toHaveLength(2), waiting);
  });
});
