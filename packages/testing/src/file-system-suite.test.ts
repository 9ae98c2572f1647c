import { AssertionError } from "node:assert";
import { describe, expect, it, vi } from "vitest";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { SftpError, sftpPath, type FileHandle, type FileSystem, type SftpPath } from "@sluice/core";
import { fileSystemSuite, runSuite, type FileSystemUnderTest, type SuiteCase } from "./index.ts";

/** A file system in memory with some methods replaced; what is replaced with `undefined` is absent. */
function changed(change: (fs: Required<FileSystem>) => Partial<FileSystem>): FileSystem {
  const fs = createMemoryFileSystem() as Required<FileSystem>;
  const replaced = change(fs);
  return new Proxy(fs, {
    get: (target, name: keyof FileSystem) =>
      name in replaced ? replaced[name] : (target[name] as (() => unknown) | undefined)?.bind(target),
  });
}

/** A file system in memory whose handles have some methods replaced. */
function changedHandles(change: (handle: Required<FileHandle>, path: SftpPath) => Partial<FileHandle>): FileSystem {
  return changed((fs) => ({
    async open(path, flags, attributes) {
      const handle = (await fs.open(path, flags, attributes)) as Required<FileHandle>;
      const replaced = change(handle, path);
      return new Proxy(handle, {
        get: (target, name: keyof FileHandle) =>
          name in replaced ? replaced[name] : (target[name] as (() => unknown) | undefined)?.bind(target),
      });
    },
  }));
}

function caseOf(fs: () => FileSystem, name: string): SuiteCase {
  const found = fileSystemSuite({ create: async () => ({ fs: fs() }) }).find((each) => each.name === name);
  if (found === undefined) throw new Error(`no case is called "${name}"`);
  return found;
}

const notFound = (): Error => Object.assign(new Error("no such file, open '/srv/x'"), { code: "ENOENT" });

/** Ways to be wrong, and the case that must notice. */
const mistakes: readonly (readonly [what: string, notices: string, fs: () => FileSystem])[] = [
  [
    "creates through a dangling link although asked to be exclusive",
    "open: every combination of flags, where there is a dangling link",
    () =>
      changed((fs) => ({
        open: (path, flags, attributes) => fs.open(path, { ...flags, exclusive: false }, attributes),
      })),
  ],
  [
    "makes a file that it was not asked to make",
    "open: every combination of flags, where there is nothing",
    () =>
      changed((fs) => ({ open: (path, flags, attributes) => fs.open(path, { ...flags, create: true }, attributes) })),
  ],
  [
    "opens directories",
    "open: every combination of flags, where there is a directory",
    () =>
      changed((fs) => ({
        open: (path, flags, attributes) =>
          fs
            .open(path, flags, attributes)
            .catch(() => fs.open(sftpPath("/other"), { ...flags, create: true }, attributes)),
      })),
  ],
  [
    "does not truncate",
    "open: every combination of flags, where there is a file",
    () =>
      changed((fs) => ({
        open: (path, flags, attributes) => fs.open(path, { ...flags, truncate: false }, attributes),
      })),
  ],
  [
    "looks first and creates later",
    "open: of many exclusive creates at once, one wins",
    () =>
      changed((fs) => ({
        async open(path, flags, attributes) {
          const there = await fs.stat(path, { follow: false }).catch(() => undefined);
          if (there !== undefined && flags.exclusive) throw new SftpError("alreadyExists");
          await Promise.resolve();
          return fs.open(path, { ...flags, exclusive: false }, attributes);
        },
      })),
  ],
  [
    "forgets the mode of a new file",
    "open: the mode is that of a new file",
    () => changed((fs) => ({ open: (path, flags) => fs.open(path, flags, {}) })),
  ],
  [
    "tells the end of file by an error",
    "read: at the end and beyond it there are 0 bytes",
    () =>
      changedHandles((handle) => ({
        async read(buffer, position) {
          const bytes = await handle.read(buffer, position);
          if (bytes === 0) throw new SftpError("failure", "End of file");
          return bytes;
        },
      })),
  ],
  [
    "reads less than is asked",
    "read: across the end it is short, before it is not",
    () =>
      changedHandles((handle) => ({ read: (buffer, position) => handle.read(buffer.subarray(0, 32_768), position) })),
  ],
  [
    "writes behind the buffer that it is given",
    "read: nothing outside the buffer is touched",
    () =>
      changedHandles((handle) => ({
        async read(buffer, position) {
          new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length + 1).fill(1);
          return handle.read(buffer, position);
        },
      })),
  ],
  [
    "keeps the data that it was lent",
    "write: the data is the caller's again once it is written",
    () =>
      changedHandles((handle) => {
        const kept: [Uint8Array, number][] = [];
        return {
          async write(data, position) {
            kept.push([data, position]);
          },
          async close(outcome) {
            for (const [data, position] of kept) await handle.write(data, position);
            await handle.close(outcome);
          },
        };
      }),
  ],
  [
    "takes positions for signed numbers of 32 bits",
    "write: across 2^31 and 2^32 no byte goes astray",
    () => changedHandles((handle) => ({ write: (data, position) => handle.write(data, Math.abs(position | 0)) })),
  ],
  [
    "cuts positions to 48 bits",
    "write: just below 2^53 it is exact or refused, and never lands elsewhere",
    () => changedHandles((handle) => ({ write: (data, position) => handle.write(data, position % 2 ** 48) })),
  ],
  [
    "writes through the second handle to a copy",
    "write: many writers through two handles to one file all arrive",
    () => {
      const opened = new Set<string>();
      return changedHandles((_, path) => {
        const second = opened.has(path);
        opened.add(path);
        return second ? { write: async () => undefined } : {};
      });
    },
  ],
  [
    "pages a listing by position",
    "list: while entries come and go, none comes twice, and those that stay are seen",
    () =>
      changed((fs) => ({
        async *list(path) {
          for (let at = 0; ; at += 100) {
            const entries = [];
            for await (const batch of fs.list(path)) entries.push(...batch);
            if (entries.length <= at) return;
            yield entries.slice(at, at + 100);
          }
        },
      })),
  ],
  [
    "takes an aborted upload for a completed one",
    "close: hundreds of aborted uploads and downloads leave nothing open and no names",
    () => changedHandles((handle) => ({ close: () => handle.close("completed") })),
  ],
  [
    "cuts positions to 32 bits",
    "write: positions and sizes over 2^32 are exact",
    () => changedHandles((handle) => ({ write: (data, position) => handle.write(data, position % 2 ** 32) })),
  ],
  [
    "appends where it is told to write",
    "write: with append it goes to the end, whatever the position",
    () =>
      changed((fs) => ({ open: (path, flags, attributes) => fs.open(path, { ...flags, append: false }, attributes) })),
  ],
  [
    "appends to where the end was before",
    "write: appends at once do not overwrite each other",
    () =>
      changed((fs) => ({
        async open(path, flags, attributes) {
          const handle = await fs.open(path, { ...flags, append: false }, attributes);
          const write = handle.write.bind(handle);
          handle.write = async (data, position) => write(data, flags.append ? (await handle.stat()).size : position);
          return handle;
        },
      })),
  ],
  [
    "loses one of the writes that run at once",
    "write: blocks written at once all arrive",
    () => {
      let count = 0;
      return changedHandles((handle) => ({
        write: async (data, position) => (count++ === 100 ? undefined : handle.write(data, position)),
      }));
    },
  ],
  [
    "drops a byte now and then",
    "read and write: a file behaves as a row of bytes",
    () =>
      changedHandles((handle) => ({
        write: (data, position) => handle.write(data.length > 60_000 ? data.subarray(0, -1) : data, position),
      })),
  ],
  [
    "keeps aborted uploads",
    "close: an aborted upload over a file keeps the old content",
    () => changedHandles((handle) => ({ close: () => handle.close("completed") })),
  ],
  [
    "keeps aborted uploads of new files",
    "close: an aborted upload of a new file leaves nothing",
    () => changedHandles((handle) => ({ close: () => handle.close("completed") })),
  ],
  [
    "discards completed uploads",
    "close: a completed upload of a new file shows its content",
    () => changedHandles((handle) => ({ close: () => handle.close("aborted") })),
  ],
  [
    "empties the old file when the upload begins",
    "close: until it is completed, others see the old content and no other names",
    () =>
      changed((fs) => ({
        async open(path, flags, attributes) {
          const handle = await fs.open(path, { ...flags, truncate: false }, attributes);
          if (flags.truncate) await handle.setAttributes?.({ size: 0 });
          return handle;
        },
      })),
  ],
  [
    "shows the temporary files of uploads",
    "close: until it is completed, others see the old content and no other names",
    () =>
      changed((fs) => ({
        async open(path, flags, attributes) {
          if (flags.truncate) await fs.mkdir(sftpPath(".upload"), {}).catch(() => {});
          return fs.open(path, flags, attributes);
        },
      })),
  ],
  [
    "mixes uploads to one name",
    "close: uploads closed at once leave one of them, never a mixture",
    () =>
      changed((fs) => ({
        open: (path, flags, attributes) => fs.open(path, { ...flags, truncate: false }, attributes),
      })),
  ],
  [
    "refuses to read on when the file is removed",
    "remove: a file that is open for reading is read to its end",
    () =>
      changed((fs) => ({
        async open(path, flags, attributes) {
          const handle = await fs.open(path, flags, attributes);
          const read = handle.read.bind(handle);
          handle.read = async (buffer, position) => {
            await fs.stat(path, { follow: true });
            return read(buffer, position);
          };
          return handle;
        },
      })),
  ],
  [
    "lists dot names",
    "list: an empty directory has no entries",
    () =>
      changed((fs) => ({
        async *list(path) {
          yield [{ name: ".", stats: await fs.stat(path, { follow: true }) }];
          yield* fs.list(path);
        },
      })),
  ],
  [
    "lists a thousand entries at most",
    "list: 1,100 entries come in batches, each exactly once",
    () =>
      changed((fs) => ({
        async *list(path) {
          let left = 1000;
          for await (const batch of fs.list(path)) {
            yield batch.slice(0, left);
            left = Math.max(0, left - batch.length);
          }
        },
      })),
  ],
  [
    "follows links when it lists",
    "list: a link is told as a link, dangling or not",
    () =>
      changed((fs) => ({
        async *list(path) {
          for await (const batch of fs.list(path)) {
            const followed = batch.map(async ({ name, stats }) => ({
              name,
              stats: await fs.stat(sftpPath(name, path), { follow: true }).catch(() => stats),
            }));
            yield await Promise.all(followed);
          }
        },
      })),
  ],
  [
    "lists what is missing as empty",
    "list: a missing directory is refused",
    () =>
      changed((fs) => ({
        async *list(path) {
          const there = await fs.stat(path, { follow: true }).catch(() => undefined);
          if (there !== undefined) yield* fs.list(path);
        },
      })),
  ],
  [
    "stumbles over entries that vanish",
    "list: entries that vanish meanwhile do not break it",
    () =>
      changed((fs) => ({
        async *list(path) {
          const names: string[] = [];
          for await (const batch of fs.list(path)) names.push(...batch.map(({ name }) => name));
          for (const name of names) yield [{ name, stats: await fs.stat(sftpPath(name, path), { follow: false }) }];
        },
      })),
  ],
  [
    "replaces bytes that are not UTF-8",
    "names: bytes that are not UTF-8",
    () =>
      changed((fs) => ({
        open: (path, flags, attributes) =>
          fs.open(sftpPath(path.replace(/[\udc80-\udcff]/g, "\ufffd")), flags, attributes),
      })),
  ],
  [
    "composes letters",
    "names: composed and decomposed letters stay as they are",
    () =>
      changed((fs) => ({
        open: (path, flags, attributes) => fs.open(sftpPath(path.normalize("NFC")), flags, attributes),
      })),
  ],
  [
    "does not tell upper from lower case",
    "names: names that differ in one byte, in case or in composition are different",
    () =>
      changed((fs) => ({
        open: (path, flags, attributes) => fs.open(sftpPath(path.toLowerCase()), flags, attributes),
      })),
  ],
  [
    "trims names",
    "names: spaces, also at the ends",
    () => changed((fs) => ({ open: (path, flags, attributes) => fs.open(sftpPath(path.trim()), flags, attributes) })),
  ],
  [
    "follows links although it should not",
    "stat: with follow it is of the target, without of the link",
    () => changed((fs) => ({ stat: (path) => fs.stat(path, { follow: true }) })),
  ],
  [
    "answers a missing file with an error that is no refusal",
    "stat: what is missing is refused",
    () =>
      changed((fs) => ({
        stat: (path, options) => fs.stat(path, options).catch(() => Promise.reject(new Error("not found"))),
      })),
  ],
  [
    "answers a missing file with the wrong status",
    "stat: what is missing is refused",
    () =>
      changed((fs) => ({
        stat: (path, options) => fs.stat(path, options).catch(() => Promise.reject(new SftpError("permissionDenied"))),
      })),
  ],
  [
    "keeps whole seconds only",
    "setAttributes: times are kept, fractions and all",
    () =>
      changed((fs) => ({
        setAttributes: (path, attributes, options) =>
          fs.setAttributes(
            path,
            { ...attributes, atimeMs: 0, mtimeMs: Math.floor((attributes.mtimeMs ?? 0) / 1000) * 1000 },
            options,
          ),
      })),
  ],
  [
    "changes one time with the other",
    "setAttributes: one time alone leaves the other",
    () =>
      changed((fs) => ({
        setAttributes: (path, attributes, options) =>
          fs.setAttributes(path, { atimeMs: 0, mtimeMs: 0, ...attributes }, options),
      })),
  ],
  [
    "sets no sizes",
    "setAttributes of a handle: a smaller size cuts the end off",
    () =>
      changedHandles((handle) => ({ setAttributes: ({ mtimeMs }) => handle.setAttributes({ mtimeMs: mtimeMs ?? 0 }) })),
  ],
  [
    "forgets the times of an upload when it is closed",
    "setAttributes of a handle: an upload keeps the times that were set before its close",
    () =>
      changedHandles((handle) => ({
        async close(outcome) {
          await handle.setAttributes({ mtimeMs: 5_000 });
          await handle.close(outcome);
        },
      })),
  ],
  [
    "makes directories that are there",
    "mkdir: a name that is taken is refused, by whatever",
    () => changed((fs) => ({ mkdir: (path, attributes) => fs.mkdir(path, attributes).catch(() => {}) })),
  ],
  [
    "removes directories with all that is in them",
    "rmdir: a directory with anything in it is refused",
    () =>
      changed((fs) => ({
        async rmdir(path) {
          for await (const batch of fs.list(path)) {
            for (const { name } of batch) await fs.remove(sftpPath(name, path)).catch(() => {});
          }
          await fs.rmdir(path);
        },
      })),
  ],
  [
    "removes directories as if they were files",
    "remove: a directory is refused, empty or not",
    () => changed((fs) => ({ remove: (path) => fs.remove(path).catch(() => fs.rmdir(path)) })),
  ],
  [
    "removes what a link leads to",
    "remove: a link goes, its target stays",
    () => changed((fs) => ({ remove: async (path) => fs.remove(await fs.realpath(path)) })),
  ],
  [
    "always overwrites",
    "rename: without overwrite a name that is taken is refused, and both stay",
    () => changed((fs) => ({ rename: (from, to) => fs.rename(from, to, { overwrite: true }) })),
  ],
  [
    "never overwrites",
    "rename: with overwrite the new file takes the place of the old one",
    () => changed((fs) => ({ rename: (from, to) => fs.rename(from, to, { overwrite: false }) })),
  ],
  [
    "looks first and renames later",
    "rename: of many to one name without overwrite, one wins and nothing is lost",
    () =>
      changed((fs) => ({
        async rename(from, to, { overwrite }) {
          const there = await fs.stat(to, { follow: false }).catch(() => undefined);
          if (there !== undefined && !overwrite) throw new SftpError("alreadyExists");
          await Promise.resolve();
          await fs.rename(from, to, { overwrite: true });
        },
      })),
  ],
  [
    "removes the target before it renames",
    "rename: while one file takes another's place, the name is never free",
    () =>
      changed((fs) => ({
        async rename(from, to, options) {
          if (options.overwrite) await fs.remove(to);
          await new Promise((resolve) => setImmediate(resolve));
          await fs.rename(from, to, options);
        },
      })),
  ],
  [
    "follows a link that it should replace",
    "rename: with overwrite a link is replaced, not followed",
    () => changed((fs) => ({ rename: async (from, to, options) => fs.rename(from, await fs.realpath(to), options) })),
  ],
  [
    "resolves link targets when it reads them",
    "symlink: the target is stored as it is given",
    () => changed((fs) => ({ readlink: async (path) => fs.realpath(path) })),
  ],
  [
    "starts relative targets at the root",
    "symlink: a relative target starts at the link's directory",
    () => changed((fs) => ({ symlink: (path, target) => fs.symlink(path, `/${target}`) })),
  ],
  [
    "calls a loop a missing file",
    "symlink: loops are refused",
    () =>
      changed((fs) => ({
        stat: (path, options) => fs.stat(path, options).catch(() => Promise.reject(new SftpError("noSuchFile"))),
      })),
  ],
  [
    "resolves no links",
    "realpath: links are resolved, on the way and at the end",
    () => changed(() => ({ realpath: async (path) => path })),
  ],
  [
    "copies instead of linking",
    "link: a second name is the same file",
    () =>
      changed((fs) => ({
        async link(path) {
          const handle = await fs.open(
            path,
            { read: false, write: true, append: false, create: true, truncate: false, exclusive: true },
            {},
          );
          await handle.write(Buffer.from("content"), 0);
          await handle.close("completed");
        },
      })),
  ],
  [
    "has more free than there is",
    "statfs: the sizes make sense",
    () => changed((fs) => ({ statfs: async (path) => ({ ...(await fs.statfs(path)), freeBlocks: 2 ** 52 }) })),
  ],
  [
    "leaves out owners that it does not know",
    "ownerNames: there is one answer for each number, in order",
    () => changed(() => ({ ownerNames: async () => ({ users: ["root"], groups: [] }) })),
  ],
  [
    "copies from the beginning, whatever is asked",
    "copyTo: a part goes where it is wanted",
    () => changedHandles((handle) => ({ copyTo: (target, _, length, to) => handle.copyTo(target, 0, length, to) })),
  ],
  [
    "makes a directory anew that has moved",
    "close: an upload in a directory that moves meanwhile ends there whole, or is refused",
    () =>
      changed((fs) => ({
        async rename(from, to, options) {
          await fs.rename(from, to, options);
          await fs.mkdir(from, {});
        },
      })),
  ],
  [
    "copies a file onto itself",
    "copyTo: parts of one file that overlap are refused",
    () =>
      changedHandles((handle) => ({
        async copyTo(target, position, length, to) {
          const { size } = await handle.stat();
          const part = Buffer.alloc(length === 0 ? size - position : length);
          await handle.read(part, position);
          await target.write(part, to);
          return part.length;
        },
      })),
  ],
  [
    "copies at the position where it is to append",
    "copyTo: with append it goes to the end",
    () =>
      changed((fs) => ({
        open: (path, flags, attributes) => fs.open(path, { ...flags, append: false }, attributes),
      })),
  ],
  [
    "grants every lock",
    "lock: a range that is locked is refused to others until it is unlocked",
    () => changedHandles(() => ({ lock: async () => {}, unlock: async () => {} })),
  ],
  [
    "unlocks what is not locked",
    "unlock: a range that is not locked is refused",
    () => changedHandles(() => ({ lock: async () => {}, unlock: async () => {} })),
  ],
];

describe("the suite notices a file system that", () => {
  it.each(mistakes)("%s", async (_, notices, fs) => {
    await expect(caseOf(fs, notices).run()).rejects.toSatisfy(
      (error) => error instanceof AssertionError || SftpError.is(error),
    );
  });
});

/** Byte-range locks in the simplest way that is right, for one file. */
function lockable(): FileSystem {
  const held = new Set<{ owner: FileHandle; from: number; to: number }>();
  return changedHandles((owner) => ({
    async lock(position, length) {
      const to = position + length;
      for (const range of held) {
        if (range.owner !== owner && range.from < to && position < range.to) throw new SftpError("rangeLockConflict");
      }
      held.add({ owner, from: position, to });
    },
    async unlock(position, length) {
      for (const range of held) {
        if (range.owner === owner && range.from === position && range.to === position + length)
          return void held.delete(range);
      }
      throw new SftpError("noMatchingRangeLock");
    },
    async close(outcome) {
      for (const range of held) if (range.owner === owner) held.delete(range);
      await owner.close(outcome);
    },
  }));
}

describe("a suite", () => {
  it("has names that are all different and begin with a method or a subject", () => {
    const names = fileSystemSuite({ create: async () => ({ fs: createMemoryFileSystem() }) }).map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^[a-zA-Z ]+: ./);
  });

  it("tries locks where there are any", async () => {
    const names = [
      "lock: a range that is locked is refused to others until it is unlocked",
      "lock: closing the file unlocks it",
      "unlock: a range that is not locked is refused",
    ];
    const skip = vi.fn<() => void>();
    for (const name of names) await caseOf(lockable, name).run({ skip });
    expect(skip).not.toHaveBeenCalled();
  });

  it("skips what is not supported, and says so", async () => {
    const withoutMkdir = changed(() => ({ mkdir: undefined as never }));
    const reasons: (string | undefined)[] = [];
    await caseOf(() => withoutMkdir, "rmdir: it removes an empty directory").run({
      skip: (reason) => reasons.push(reason),
    });
    await caseOf(() => changedHandles(() => ({ sync: undefined as never })), "sync: what was written stays").run({
      skip: (reason) => reasons.push(reason),
    });
    expect(reasons).toEqual([
      "the file system has no mkdir: unsupported",
      "its file handles have no sync: unsupported",
    ]);
  });

  it("leaves out cases by name, and refuses names that it does not know", () => {
    const name = "names: bytes that are not UTF-8";
    const create = (): Promise<FileSystemUnderTest> => Promise.reject(new Error("must not be called"));
    const whole = fileSystemSuite({ create }).map((each) => each.name);
    const rest = fileSystemSuite({ create, except: { [name]: "keys are UTF-8" } }).map((each) => each.name);
    expect(rest).toEqual(whole.filter((each) => each !== name));
    const unknown = { "names: typo": "…" };
    expect(() => fileSystemSuite({ create, except: unknown })).toThrow('no case is called "names: typo"');
  });

  it("sees to it that what is said to be absent is, and asks nothing else of it", async () => {
    const absentFrom = async (fs: FileSystem): Promise<readonly string[]> => {
      const cases = fileSystemSuite({ create: async () => ({ fs }), absent: ["lock", "unlock"] });
      const about = cases.filter(({ name }) => /^(un)?lock\b/.test(name));
      for (const each of about) await each.run();
      return about.map(({ name }) => name);
    };
    expect(await absentFrom(createMemoryFileSystem())).toEqual(["lock: is absent", "unlock: is absent"]);
    await expect(absentFrom(lockable())).rejects.toThrow("it has a method lock");
  });

  it("takes errors of node:fs for what core makes of them", async () => {
    const errno = changed((fs) => ({
      stat: (path, options) => fs.stat(path, options).catch(() => Promise.reject(notFound())),
    }));
    await expect(caseOf(() => errno, "stat: what is missing is refused").run()).resolves.toBeUndefined();
  });

  it("closes handles, the file system and what was made for it, also when a case fails", async () => {
    const log: string[] = [];
    const create = async (): Promise<FileSystemUnderTest> => ({
      fs: {
        open: async () => ({
          read: () => Promise.reject(new Error("broken disk")),
          write: async () => {},
          stat: () => Promise.reject(new Error("broken disk")),
          close: async (outcome) => void log.push(`handle ${outcome}`),
        }),
        list: () => (async function* () {})(),
        stat: () => Promise.reject(new Error("broken disk")),
        close: async () => void log.push("fs"),
      },
      close: async () => void log.push("fixture"),
    });
    const found = fileSystemSuite({ create }).find(({ name }) => name === "read: an empty file is at its end");
    await expect(found?.run()).rejects.toThrow("broken disk");
    expect(log).toEqual(["handle completed", "handle aborted", "fs", "fixture"]);
  });

  it("fails a case after which the storage holds more than before, where that can be told", async () => {
    let held = 1;
    const leaking = changedHandles((handle) => {
      held += 1;
      return { close: (outcome) => handle.close(outcome) };
    });
    const cases = fileSystemSuite({ create: async () => ({ fs: leaking, held: () => held }) });
    const leak = cases.find(({ name }) => name === "read: an empty file is at its end");
    await expect(leak?.run()).rejects.toThrow("it left 2 open");
  });

  it("registers with any runner that has describe and it", async () => {
    const registered: string[] = [];
    const cases: SuiteCase[] = [
      { name: "passes", run: async () => {} },
      { name: "skips", run: async (context) => void context?.skip("because") },
    ];
    const running: Promise<void>[] = [];
    const skipped: (string | undefined)[] = [];
    runSuite("mine", cases, {
      describe(name, body) {
        registered.push(name);
        body();
      },
      it(name, body) {
        registered.push(name);
        expect(body.length).toBe(0);
        running.push(body({ skip: (reason) => skipped.push(reason) }));
      },
    });
    await Promise.all(running);
    expect([registered, skipped]).toEqual([["mine", "passes", "skips"], ["because"]]);
  });
});
