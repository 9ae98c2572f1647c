import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SetupError } from "@sluice/core";
import { capturedLog, type CapturedLog } from "@sluice/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { temporaryDirectory } from "../test/support.ts";
import { WatchedFile } from "./watched-file.ts";

const numbers = {
  name: "numbers",
  option: "file",
  maxBytes: 2 ** 20,
  parse(bytes: Buffer): number {
    const number = Number(bytes.toString());
    if (Number.isNaN(number)) throw new Error("holds no number");
    return number;
  },
};

async function watched(
  content: string,
  pollMs = 60_000,
): Promise<{ file: WatchedFile<number>; path: string; log: CapturedLog }> {
  const path = join(await temporaryDirectory(), "number");
  await writeFile(path, content);
  const log = capturedLog();
  const file = await WatchedFile.open(path, numbers, log, pollMs);
  onTestFinished(() => file.close());
  return { file, path, log };
}

describe("WatchedFile", () => {
  it("knows at once what was written in place, put in its place, or taken away", async () => {
    const { file, path } = await watched("1");
    expect(await file.current()).toBe(1);
    await writeFile(path, "22");
    expect(await file.current()).toBe(22);
    await writeFile(`${path}.new`, "33");
    await rename(`${path}.new`, path);
    expect(await file.current()).toBe(33);
    await rm(path);
    expect(await file.current()).toBe(33);
    await writeFile(path, "44");
    expect(await file.current()).toBe(44);
  });

  it("keeps what it read before when an edit is broken, says so once, and reads the repair", async () => {
    const { file, path, log } = await watched("1");
    await writeFile(path, "broken");
    expect(await Promise.all([file.current(), file.current(), file.current()])).toEqual([1, 1, 1]);
    const errors = log.records.filter(({ level }) => level === "error");
    expect(errors.map(({ message }) => message)).toEqual([
      `${path}: holds no number; the numbers read before stay in force`,
    ]);
    await writeFile(path, "2");
    expect(await file.current()).toBe(2);
  });

  it("reads again what could not be read for want of descriptors, though the file has not changed since", async () => {
    const path = join(await temporaryDirectory(), "number");
    await writeFile(path, "1");
    let fails = false;
    const parse = (bytes: Buffer): number => {
      if (fails) throw Object.assign(new Error("too many open files"), { code: "EMFILE" });
      return Number(bytes.toString());
    };
    const log = capturedLog();
    const file = await WatchedFile.open(path, { ...numbers, parse }, log, 60_000);
    onTestFinished(() => file.close());
    fails = true;
    await writeFile(path, "22");
    for (let i = 0; i < 3; i++) expect(await file.current()).toBe(1);
    fails = false;
    expect(await file.current()).toBe(22);
    expect(log.records.filter(({ level }) => level === "error")).toHaveLength(1);
  });

  it("tells of a broken edit though nobody asks", async () => {
    const { path, log } = await watched("1", 20);
    await writeFile(path, "broken");
    await log.waitFor(({ level }) => level === "error");
  });

  it("does not open what is missing, broken, too large or no file", async () => {
    const path = join(await temporaryDirectory(), "number");
    const open = (): Promise<unknown> => WatchedFile.open(path, numbers, capturedLog());
    const refusal = async (): Promise<SetupError> => {
      const error: unknown = await open().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(SetupError);
      expect((error as SetupError).code).toBe("ERR_SLUICE_CERTIFICATES");
      return error as SetupError;
    };
    expect((await refusal()).message).toContain("there is no such file");
    await writeFile(path, "broken");
    expect((await refusal()).message).toContain("holds no number");
    await writeFile(path, Buffer.alloc(2 ** 20 + 1, 0x31));
    expect((await refusal()).message).toContain("is larger than 1 MiB");
    await expect(WatchedFile.open(join(path, ".."), numbers, capturedLog())).rejects.toThrow("is not a file");
  });
});
