import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { Gathering } from "./gathering.ts";

interface Recorder {
  /** What was written, each write by itself. */
  readonly written: string[];
  readonly acknowledge: (() => void)[];
  /** How often it had to leave at once. */
  pushed: number;
  /** In milliseconds; it stands still unless a test moves it. */
  time: number;
  readonly gathering: Gathering;
}

function recorder(): Recorder {
  const seen = { written: [] as string[], acknowledge: [] as (() => void)[], pushed: 0, time: 0 };
  const gathering = new Gathering(
    (bytes, sent) => {
      seen.written.push(bytes.toString("latin1"));
      if (sent !== undefined) seen.acknowledge.push(sent);
    },
    () => (seen.pushed += 1),
    () => seen.time,
  );
  return Object.assign(seen, { gathering });
}

describe("Small frames of one turn", () => {
  it("are written together, in their order, when the turn ends", async () => {
    const { gathering, written } = recorder();
    for (const text of ["one ", "two ", "three"]) expect(gathering.add(Buffer.from(text))).toBe(true);
    expect(written).toEqual([]);
    await turn();
    expect(written).toEqual(["one two three"]);
  });

  it("are copied, so that what lent them may use their memory again", async () => {
    const { gathering, written } = recorder();
    const frame = Buffer.from("first");
    gathering.add(frame);
    frame.fill("x");
    await turn();
    gathering.add(Buffer.from("later"));
    await turn();
    expect(written).toEqual(["first", "later"]);
  });

  it("are written before what is too large to be among them", () => {
    const { gathering, written } = recorder();
    gathering.add(Buffer.from("small"));
    expect(gathering.add(Buffer.alloc(5000))).toBe(false);
    gathering.flush();
    expect(written).toEqual(["small"]);
  });

  it("are written as soon as they fill a packet", async () => {
    const { gathering, written } = recorder();
    for (let i = 0; i < 20; i++) gathering.add(Buffer.alloc(4000, "a"));
    await turn();
    expect(written.join("")).toHaveLength(80_000);
    expect(written.every((piece) => piece.length <= 32 * 1024)).toBe(true);
  });

  it("are told as sent when all of them are, each once", async () => {
    const { gathering, acknowledge } = recorder();
    const sent: number[] = [];
    for (let i = 0; i < 3; i++) gathering.add(Buffer.from("x"), () => sent.push(i));
    await turn();
    expect(sent).toEqual([]);
    for (const acknowledged of acknowledge) acknowledged();
    expect(sent).toEqual([0, 1, 2]);
  });

  it("leave at once when the turn takes long", () => {
    const seen = recorder();
    seen.gathering.add(Buffer.from("early "));
    seen.time = 1;
    seen.gathering.add(Buffer.from("late"));
    expect(seen.written).toEqual(["early late"]);
    expect(seen.pushed).toBe(1);
  });
});
