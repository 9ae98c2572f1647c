import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { capturedLog } from "@sluice/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { Keyring, type KeySource } from "./keyring.ts";

const one = Buffer.alloc(32, 1);
const two = Buffer.alloc(32, 2);

describe("what is sealed", () => {
  it("is opened for the same user with the same key", () => {
    const sealed = new Keyring([one]).seal("alice", "secret");
    expect(new Keyring([one]).open("alice", sealed)).toBe("secret");
    expect(JSON.stringify(sealed)).not.toContain("secret");
  });

  it("differs each time", () => {
    const keyring = new Keyring([one]);
    expect(keyring.seal("alice", "secret")).not.toEqual(keyring.seal("alice", "secret"));
  });

  it("is not opened for another user, with another key, or changed in any bit", () => {
    const keyring = new Keyring([one]);
    const sealed = keyring.seal("alice", "secret");
    expect(() => keyring.open("bob", sealed)).toThrow("for another user");
    expect(() => new Keyring([two]).open("alice", sealed)).toThrow(/^The key [0-9a-f]{8} .* not among those given$/);
    expect(() => new Keyring([two]).open("alice", { ...sealed, key: new Keyring([two]).ids[0]! })).toThrow("changed");
    const bytes = Buffer.from(sealed.data, "base64url");
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => keyring.open("alice", { ...sealed, data: changed.toString("base64url") })).toThrow("changed");
    }
    for (let length = 0; length < bytes.length; length++) {
      const cut = bytes.subarray(0, length).toString("base64url");
      expect(() => keyring.open("alice", { ...sealed, data: cut })).toThrow(Error);
    }
  });

  it("survives that a new key is put in front of the old one", () => {
    const sealed = new Keyring([one]).seal("alice", "secret");
    const rotated = new Keyring([two, one]);
    expect(rotated.open("alice", sealed)).toBe("secret");
    expect(rotated.seal("alice", "secret").key).toBe(new Keyring([two]).ids[0]);
  });
});

describe("a key", () => {
  async function load(source: KeySource, environment: NodeJS.ProcessEnv = {}): Promise<string | undefined> {
    return (await Keyring.load([source], capturedLog(), environment)).ids[0];
  }
  const id = new Keyring([one]).ids[0];

  async function file(content: string, mode = 0o600): Promise<string> {
    const directory = await mkdtemp(join(tmpdir(), "sluice-totp-"));
    onTestFinished(() => rm(directory, { recursive: true }));
    await writeFile(join(directory, "key"), content);
    await chmod(join(directory, "key"), mode);
    return join(directory, "key");
  }

  it("is text in base64 or hex, with or without what surrounds it", async () => {
    const bytes = Buffer.from(Array.from({ length: 32 }, (_, i) => 255 - i));
    const expected = new Keyring([bytes]).ids[0];
    for (const text of [bytes.toString("base64"), bytes.toString("base64url"), bytes.toString("hex")]) {
      expect(await load(text)).toBe(expected);
      expect(await load(`${text.replace(/=$/, "")}\n`)).toBe(expected);
    }
  });

  it("comes from a file or a variable", async () => {
    expect(await load({ file: await file(`${one.toString("base64")}\n`) })).toBe(id);
    expect(await load({ env: "KEY" }, { KEY: one.toString("hex") })).toBe(id);
  });

  it.each([
    ["", "the text holds no 32 bytes"],
    [Buffer.alloc(31).toString("base64"), "the text holds no 32 bytes"],
    [Buffer.alloc(33).toString("base64"), "the text holds no 32 bytes"],
    [Buffer.alloc(31).toString("hex"), "the text holds no 32 bytes"],
    [`${"A".repeat(42)}!`, "the text holds no 32 bytes"],
    [{ env: "NO_SUCH" }, "the environment has no variable NO_SUCH"],
    [{ file: "/no/such/key" }, "the file /no/such/key: does not exist; make one with"],
  ])("%j is refused, and not repeated", async (source, message) => {
    const error = await load(source).catch((error: unknown) => error as Error);
    expect((error as Error).message).toContain(`key: ${message}`);
    if (typeof source === "string" && source !== "") expect((error as Error).message).not.toContain(source);
  });

  it.skipIf(process.platform === "win32")("that others may read is warned of", async () => {
    const log = capturedLog();
    await Keyring.load([{ file: await file(one.toString("hex"), 0o640) }], log);
    expect(log.text()).toContain("chmod 600");
    const quiet = capturedLog();
    await Keyring.load([{ file: await file(one.toString("hex"), 0o600) }], quiet);
    expect(quiet.records).toEqual([]);
  });
});
