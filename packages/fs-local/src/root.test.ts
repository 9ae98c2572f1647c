import fs from "node:fs";
import { join } from "node:path";
import { createLogger, SetupError, SftpError, type SessionSource } from "@sluice/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  at,
  descriptorsUnder,
  forUpload,
  get,
  identity,
  makeGround,
  namesIn,
  put,
  refusal,
  variants,
  type Ground,
} from "../test/fixture.ts";
import { localFiles } from "./index.ts";
import type { LocalFilesOptions } from "./options.ts";

type Source = SessionSource;
const log = createLogger({ level: "silent" });

describe("the root", () => {
  let ground: Ground;
  beforeEach(async () => {
    ground = await makeGround(variants[0]!);
  });
  const sources: Source[] = [];
  afterEach(async () => {
    for (const made of sources.splice(0)) await made.close!();
    await ground.cleanUp();
  });

  const source = (options: LocalFilesOptions): Source => {
    const made = localFiles(options) as Source;
    sources.push(made);
    return made;
  };
  const setupError = (options: LocalFilesOptions): SetupError => {
    try {
      localFiles(options);
    } catch (error) {
      if (error instanceof SetupError) return error;
      throw error;
    }
    throw new Error("accepted");
  };

  it("is what a session sees, until the session closes it", async () => {
    const before = descriptorsUnder(ground.base).length;
    const one = await source({ root: ground.root, sweep: false })(identity("alice"));
    const two = await source({ root: ground.root, sweep: false })(identity("bob"));
    await put(one, "/f", "shared");
    expect(await get(two, "/f")).toBe("shared");
    await one.close!();
    expect(await refusal(one.stat(at("/f"), { follow: true }))).toBe("noConnection");
    expect(await refusal(namesIn(one, "/"))).toBe("noConnection");
    expect(await get(two, "/f")).toBe("shared");
    await two.close!();
    await two.close!();
    expect(descriptorsUnder(ground.base)).toHaveLength(before);
  });

  it("that is missing or not a directory is told in one line before anybody logs in", () => {
    fs.writeFileSync(ground.host("file"), "");
    const missing = setupError({ root: ground.host("missing") });
    expect(missing.code).toBe("ERR_SLUICE_FILE_SYSTEM_ROOT");
    expect(missing.message).toBe(
      `fs-local: ${ground.host("missing")} does not exist: make the directory, or set createRoot to true`,
    );
    expect(setupError({ root: ground.host("file") }).message).toMatch(
      /file is not a directory: name a directory as root$/,
    );
    expect(setupError({ root: ground.host("file", "below") }).message).toMatch(/does not exist|cannot be reached/);
    expect(setupError({ root: `${ground.host("missing")}/{user}` }).message).toMatch(/missing does not exist: make/);
  });

  it("can be made at start, and not before: who only checks a configuration makes nothing", async () => {
    const files = source({ root: ground.host("x", "y"), createRoot: true });
    expect(fs.existsSync(ground.host("x"))).toBe(false);
    await files.start?.(log);
    expect(fs.statSync(ground.host("x", "y")).mode & 0o777).toBe(0o700);
    const made = await files(identity("alice"));
    expect(await namesIn(made, "/")).toEqual([]);
    await made.close!();
  });

  it("that cannot be made is told before anybody logs in, and before the start", () => {
    fs.writeFileSync(ground.host("file"), "");
    const { code, message } = setupError({ root: ground.host("file", "x", "y"), createRoot: true });
    expect(code).toBe("ERR_SLUICE_FILE_SYSTEM_ROOT");
    expect(message).toBe(`fs-local: ${ground.host("file", "x", "y")} cannot be made (ENOTDIR): make it yourself`);
  });

  it("of each user is made at the first login, and only then", async () => {
    const users = source({ root: `${ground.root}/{user}`, createRoot: true });
    expect(fs.readdirSync(ground.root)).toEqual([]);
    const alice = await users(identity("alice"));
    expect(fs.readdirSync(ground.root)).toEqual(["alice"]);
    expect(fs.statSync(ground.host("alice")).mode & 0o777).toBe(0o700);
    await put(alice, "/f", "hers");
    await alice.close!();
    const again = await users(identity("alice"));
    expect(await get(again, "/f")).toBe("hers");
    await again.close!();
  });

  it("of each user is apart from the others', even where names begin alike", async () => {
    for (const name of ["u1", "u10"]) fs.mkdirSync(ground.host(name));
    const users = source({ root: `${ground.root}/{user}` });
    const one = await users(identity("u1"));
    const ten = await users(identity("u10"));
    await put(ten, "/f", "of ten");
    expect(await namesIn(one, "/")).toEqual([]);
    expect(await refusal(get(one, "/../u10/f"))).toBe("noSuchFile");
    await one.close!();
    await ten.close!();
  });

  it("may have the user's name more than once, and inside a name", async () => {
    fs.mkdirSync(ground.host("home-al", "al.d"), { recursive: true });
    const made = await source({ root: `${ground.root}/home-{user}/{user}.d` })(identity("al"));
    await put(made, "/f", "x");
    expect(fs.readFileSync(ground.host("home-al", "al.d", "f"), "utf8")).toBe("x");
    await made.close!();
  });

  it.each([
    "",
    ".",
    "..",
    "...",
    "a/b",
    "/etc",
    "../x",
    "a\0b",
    "a\nb",
    "\u001b[2J",
    "a\u007f",
    "a\\b",
    ".sluice-upload-x",
  ])("is refused to a user whose name could lead elsewhere: %j", async (name) => {
    const users = source({ root: `${ground.root}/{user}`, createRoot: true });
    const error = await Promise.resolve(users(identity(name))).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(SftpError.is(error)).toBe(true);
    expect((error as SftpError).message).toBe("Your directory is not available");
    expect((error as SftpError).detail).toContain("cannot be a directory name");
    expect(fs.readdirSync(ground.root)).toEqual([]);
  });

  it.each(["alice", "Alice.Smith", "a@b.example", "ö", "$&", "a b", "-x", "~", ".hidden", "%2e%2e", "{user}"])(
    "takes a harmless name as it is: %j",
    async (name) => {
      const made = await source({ root: `${ground.root}/{user}`, createRoot: true })(identity(name));
      expect(fs.readdirSync(ground.root)).toEqual([name]);
      await made.close!();
    },
  );

  it("that is missing for one user is that user's trouble, and not told by its path", async () => {
    const users = source({ root: `${ground.root}/{user}` });
    const error = await Promise.resolve(users(identity("nobody"))).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(SftpError.is(error)).toBe(true);
    expect((error as SftpError).message).not.toContain(ground.root);
    expect((error as SftpError).detail).toContain(ground.host("nobody"));
  });

  it("can be a function of the session", async () => {
    fs.mkdirSync(ground.host("staff"));
    const made = await source({ root: ({ user }) => ground.host(user.name === "alice" ? "staff" : "none") })(
      identity("alice"),
    );
    await put(made, "/f", "x", forUpload);
    expect(fs.existsSync(ground.host("staff", "f"))).toBe(true);
    await made.close!();
    for (const nonsense of ["", "a\0b", undefined as unknown as string]) {
      const attempt = source({ root: () => nonsense })(identity("alice"));
      expect(await refusal(Promise.resolve(attempt))).toBe("permissionDenied");
    }
  });

  it("may itself be reached through links, which are the administrator's", async () => {
    fs.mkdirSync(ground.host("real"));
    fs.symlinkSync("real", ground.host("current"));
    const made = await source({ root: ground.host("current") })(identity("alice"));
    await put(made, "/f", "x");
    expect(fs.existsSync(ground.host("real", "f"))).toBe(true);
    await made.close!();
  });

  it("is not closed under an operation that is under way", async () => {
    fs.mkdirSync(ground.host("a/b/c/d"), { recursive: true });
    const slow = await makeGround(variants[1]!);
    try {
      fs.mkdirSync(slow.host("a/b/c/d"), { recursive: true });
      const system = await slow.session();
      const under = Array.from({ length: 20 }, () => system.stat(at("/a/b/c/d"), { follow: true }));
      const closed = system.close!();
      const types = await Promise.all(under);
      expect(types.every(({ type }) => type === "directory")).toBe(true);
      await closed;
    } finally {
      await slow.cleanUp();
    }
  });
});

describe("options", () => {
  it.each([
    [{}, "root"],
    [{ root: "" }, "root"],
    [{ root: "/", umsk: 0 }, "umsk"],
    [{ root: "/", umask: 0o1777 }, "umask"],
    [{ root: "/", umask: "098" }, "umask"],
    [{ root: "/", symlinks: "allow" }, "symlinks"],
    [{ root: "/", atomic: "yes" }, "atomic"],
    [{ root: "/", containment: "none" }, "containment"],
    [{ root: "/", keepPartial: 1 }, "keepPartial"],
    [{ root: "/", sweep: "no" }, "sweep"],
    [{ root: "/", fileMask: 0o2777 }, "fileMask"],
    [{ root: "/", directoryMask: "8" }, "directoryMask"],
    [{ root: "/", setstat: "drop" }, "setstat"],
    [{ root: "/", setstat: { chmod: "ignore" } }, "setstat"],
    [{ root: "/", setstat: { acl: "apply" } }, "setstat"],
    [{ root: "/", hardLinks: "refuse" }, "hardLinks"],
  ])("that are wrong are refused by name: %j", (options, named) => {
    expect(() => localFiles(options as unknown as LocalFilesOptions)).toThrow(named);
  });

  it("take a umask as a number or as octal digits", async () => {
    for (const [umask, mode] of [
      [0o077, 0o600],
      ["027", 0o640],
      ["0027", 0o640],
      ["0", 0o666],
    ] as const) {
      const ground = await makeGround(variants[0]!, { umask });
      await put(ground.fs, "/f", "");
      expect(fs.statSync(join(ground.root, "f")).mode & 0o777).toBe(mode);
      await ground.cleanUp();
    }
  });
});

describe("containment by best effort", () => {
  it("does not weaken a machine that can do better", async () => {
    const ground = await makeGround(variants[0]!);
    try {
      const made = await (localFiles({ root: ground.root, containment: "best-effort", sweep: false }) as Source)(
        identity("alice"),
      );
      // One for the session of the ground, one for this one.
      expect(descriptorsUnder(ground.root)).toHaveLength(2);
      await made.close!();
    } finally {
      await ground.cleanUp();
    }
  });
});
