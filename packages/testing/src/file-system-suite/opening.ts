import assert from "node:assert/strict";
import { sftpPath, type OpenFlags } from "@sluice/core";
import { blocked, isRefused, missing, refused, winnersOf } from "./refusal.ts";
import { check, Skipped, type Case } from "./case.ts";
import { contentOf, sameBytes, upload, type FlagName, type Stage } from "./stage.ts";

const names: readonly FlagName[] = ["read", "write", "append", "create", "truncate", "exclusive"];

/** All 64 sets of flags. */
const combinations = Array.from({ length: 1 << names.length }, (_, bits) =>
  names.filter((_, bit) => bits & (1 << bit)),
);

/** What POSIX leaves undefined: a backend may refuse these, or take them at their word. */
function isOdd({ read, write, append, create, truncate, exclusive }: OpenFlags): boolean {
  return (!read && !write) || ((truncate || append) && !write) || (exclusive && !create) || (create && !write);
}

/** Tries every combination on a name of its own, and reports all that went wrong together. */
async function withEveryCombination(
  attempt: (path: string, combination: readonly FlagName[], flags: OpenFlags) => Promise<void>,
): Promise<void> {
  const failures: string[] = [];
  for (const [number, combination] of combinations.entries()) {
    const flags = Object.fromEntries(names.map((name) => [name, combination.includes(name)])) as unknown as OpenFlags;
    try {
      await attempt(`/entry-${number}`, combination, flags);
    } catch (error) {
      if (error instanceof Skipped) throw error;
      failures.push(`open with ${combination.join("+") || "no flags"}: ${String(error)}`);
    }
  }
  assert.equal(failures.join("\n"), "");
}

/** Opens and closes; resolves to whether it was refused. */
function tryOpen(stage: Stage, path: string, combination: readonly FlagName[]): Promise<boolean> {
  return isRefused("open", async () => stage.close(await stage.open(path, combination)));
}

/** How `open` answers: flags, what is there already, and who came first. */
export const opening: readonly Case[] = [
  check("open: every combination of flags, where there is nothing", (stage) =>
    withEveryCombination(async (path, combination, flags) => {
      if (!flags.create) {
        await refused("open", () => stage.open(path, combination), ...(isOdd(flags) ? [] : missing));
        assert.equal(await stage.exists(path), false, "a refused open made a file");
        return;
      }
      const wasRefused = await tryOpen(stage, path, combination);
      if (wasRefused) {
        assert.ok(isOdd(flags), "it was refused");
        assert.equal(await stage.exists(path), false, "a refused open made a file");
      } else {
        const { type, size } = await stage.lstat(path);
        assert.deepEqual({ type, size }, { type: "file", size: 0 });
      }
    }),
  ),

  check("open: every combination of flags, where there is a file", (stage) =>
    withEveryCombination(async (path, combination, flags) => {
      await stage.put(path, "old");
      if (flags.create && flags.exclusive) {
        await refused("open", () => stage.open(path, combination), ...(isOdd(flags) ? [] : ["alreadyExists" as const]));
        return stage.holds(path, "old");
      }
      const wasRefused = await tryOpen(stage, path, combination);
      if (wasRefused) assert.ok(isOdd(flags), "it was refused");
      await stage.holds(path, flags.truncate && !wasRefused ? "" : "old");
    }),
  ),

  check("open: every combination of flags, where there is a directory", (stage) =>
    withEveryCombination(async (path, combination, flags) => {
      await stage.mkdir(path);
      const exclusive = flags.create && flags.exclusive;
      const statuses = exclusive ? (["alreadyExists", "isADirectory"] as const) : (["isADirectory"] as const);
      await refused("open", () => stage.open(path, combination), ...(isOdd(flags) ? [] : statuses));
      assert.equal((await stage.lstat(path)).type, "directory");
    }),
  ),

  check("open: every combination of flags, where there is a dangling link", (stage) =>
    withEveryCombination(async (path, combination, flags) => {
      await stage.symlink(path, `${path}-target`);
      if (flags.create && flags.exclusive) {
        await refused("open", () => stage.open(path, combination), ...(isOdd(flags) ? [] : ["alreadyExists" as const]));
        assert.equal(await stage.exists(`${path}-target`), false, "a refused open made a file");
      } else if (flags.create) {
        const wasRefused = await tryOpen(stage, path, combination);
        assert.equal(
          await stage.exists(`${path}-target`),
          !wasRefused,
          "the file is made where the link points to, or refused",
        );
      } else {
        await refused("open", () => stage.open(path, combination), ...(isOdd(flags) ? [] : missing));
      }
      assert.equal((await stage.lstat(path)).type, "symlink", "the link is still a link");
    }),
  ),

  check("open: an exclusive create is refused where there is a link to a file", async (stage) => {
    await stage.put("/file", "old");
    await stage.symlink("/link", "file");
    await refused("open", () => stage.open("/link", [...upload, "exclusive"]), "alreadyExists");
    await stage.holds("/file", "old");
  }),

  check("open: an upload through a link changes its target and keeps the link", async (stage) => {
    await stage.put("/file", "old");
    await stage.symlink("/link", "file");
    await stage.put("/link", "new");
    await stage.holds("/file", "new");
    assert.equal((await stage.lstat("/link")).type, "symlink");
  }),

  check("open: a missing directory on the way is refused, and not made", async (stage) => {
    await refused("open to read", () => stage.open("/none/file", ["read"]), ...missing);
    await refused("open to create", () => stage.open("/none/file", upload), ...missing);
    assert.equal(await stage.exists("/none"), false);
  }),

  check("open: a file on the way is refused", async (stage) => {
    await stage.put("/file", "old");
    await refused("open to read", () => stage.open("/file/below", ["read"]), ...blocked);
    await refused("open to create", () => stage.open("/file/below", upload), ...blocked);
    await stage.holds("/file", "old");
  }),

  check("open: the root is refused", async (stage) => {
    await refused("open to read", () => stage.open("/", ["read"]), "isADirectory");
    await refused("open to create", () => stage.open("/", upload), "isADirectory");
  }),

  check("open: of many exclusive creates at once, one wins", async (stage) => {
    const attempts = await Promise.allSettled(
      Array.from({ length: 8 }, async (_, number) => {
        const handle = await stage.open("/lock", ["write", "create", "exclusive"]);
        await handle.write(Buffer.from(`writer ${number}`), 0);
        await stage.close(handle);
        return `writer ${number}`;
      }),
    );
    const winners = await winnersOf(attempts, "alreadyExists");
    assert.equal(winners.length, 1, "winners");
    await stage.holds("/lock", winners[0] ?? "");
  }),

  check("open: a handle that is open for writing alone is read by middleware", async (stage) => {
    await stage.put("/file", "old content");
    for (const [path, names, before] of [
      ["/new", ["write", "create"], ""],
      ["/new-exclusive", ["write", "create", "exclusive"], ""],
      ["/file", upload, ""],
      ["/file", ["write"], "old content"],
      ["/file", ["write", "append"], "old content"],
    ] as const) {
      const handle = await stage.open(path, names);
      sameBytes(await contentOf(handle), Buffer.from(before), `${path}, opened with ${names.join("+")}`);
      await handle.write(Buffer.from("written"), before.length);
      sameBytes(await contentOf(handle), Buffer.from(`${before}written`), `${path}, opened with ${names.join("+")}`);
      await stage.close(handle, path === "/file" && before === "" ? "aborted" : "completed");
      if (path === "/file") await stage.put("/file", "old content");
    }
  }),

  check("open: a handle that is not open for writing does not write", async (stage) => {
    await stage.put("/file", "old");
    const handle = await stage.open("/file", ["read"]);
    await refused("write", () => handle.write(Buffer.from("new"), 0));
    await stage.close(handle);
    await stage.holds("/file", "old");
  }),

  check("open: a handle that is not open for writing does not change the size", async (stage) => {
    await stage.put("/file", "old");
    const handle = await stage.open("/file", ["read"]);
    const setAttributes = stage.handleMethod(handle, "setAttributes");
    await refused("setAttributes", () => setAttributes({ size: 0 }));
    await stage.close(handle);
    await stage.holds("/file", "old");
  }),

  check("open: the mode is that of a new file", async (stage) => {
    await stage.put("/file", "new", { mode: 0o640 });
    const { mode } = await stage.stat("/file");
    if (mode === undefined) throw new Skipped("its stats have no mode");
    assert.equal(mode, 0o640);
  }),

  check("open: the mode of an existing file stays", async (stage) => {
    await stage.put("/file", "old", { mode: 0o640 });
    await stage.put("/file", "new", { mode: 0o600 });
    const { mode } = await stage.stat("/file");
    if (mode === undefined) throw new Skipped("its stats have no mode");
    assert.equal(mode, 0o640);
  }),

  check("open: a size among the attributes is a hint, not content", async (stage) => {
    await stage.put("/file", "new", { size: 1000 });
    await stage.holds("/file", "new");
  }),

  check("open: many handles on one file are independent", async (stage) => {
    await stage.put("/file", "shared");
    const handles = await Promise.all(
      Array.from({ length: 20 }, () => stage.fs.open(sftpPath("/file"), { ...readOnly }, {})),
    );
    const [first, ...others] = handles;
    await first?.close("completed");
    for (const handle of others) assert.equal((await contentOf(handle)).toString(), "shared");
    await Promise.all(others.map((handle) => handle.close("completed")));
  }),
];

const readOnly: OpenFlags = {
  read: true,
  write: false,
  append: false,
  create: false,
  truncate: false,
  exclusive: false,
};
