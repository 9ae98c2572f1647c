import { createMemoryFileSystem } from "@sluice/fs-memory";
import { startTestServer, testUser, type SftpClient } from "@sluice/testing";
import { afterEach, describe, expect, it } from "vitest";
import { proven } from "@sluice/core";
import { permissions } from "./index.ts";
import type { RuleOptions } from "./rule.ts";

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

const files = {
  "/home/tester/mine.txt": "mine",
  "/in/theirs.txt": "theirs",
  "/in/sub/deep.txt": "deep",
  "/projects/a/secret/key.txt": "key",
  "/projects/b/secret/plain.txt": "plain",
};
const denied = "Permission denied";

async function session(rules: readonly RuleOptions[], groups: readonly string[] = []): Promise<SftpClient> {
  const { connect, close } = await startTestServer({
    fs: createMemoryFileSystem({ files }),
    plugins: [permissions({ rules })],
    methods: [{ name: "test", mechanism: "password", verify: () => proven({ groups }) }],
  });
  open.push(close);
  return (await connect(testUser)).sftp();
}

describe("a rename", () => {
  it("brings no file to where more may be done with it", async () => {
    const client = await session([
      { paths: ["/in/**"], allow: ["upload", "rename", "createDirectories"] },
      { paths: ["/in/**"], deny: "all" },
      { paths: ["/projects/a/secret/**"], deny: ["download"] },
      { allow: "all" },
    ]);
    await expect(client.rename("/in/theirs.txt", "/home/tester/theirs.txt")).rejects.toThrow(denied);
    await expect(client.rename("/projects/a/secret/key.txt", "/home/tester/key.txt")).rejects.toThrow(denied);
    await client.rename("/home/tester/mine.txt", "/in/mine.txt");
    await client.rename("/in/theirs.txt", "/in/renamed.txt");
    await client.rename("/projects/b/secret/plain.txt", "/home/tester/plain.txt");
  });

  it("takes no directory out of a rule that denies something for what is in it", async () => {
    const client = await session([
      { paths: ["/home/{user}/**"], allow: "all" },
      { paths: ["/projects/a/secret/*"], deny: ["download"] },
      { paths: ["/in/**/*.txt"], deny: ["download"] },
      { paths: ["/**/*.key"], deny: ["delete"] },
      { allow: "all" },
    ]);
    await expect(client.rename("/projects/a", "/projects/c")).rejects.toThrow(denied);
    await expect(client.rename("/projects/b", "/home/tester/b")).rejects.toThrow(denied);
    await expect(client.rename("/in/sub", "/home/tester/sub")).rejects.toThrow(denied);
    await client.rename("/projects/b", "/projects/c");
    await client.rename("/home", "/homes");
  });

  it("keeps rules that follow names wherever they are", async () => {
    const client = await session([
      { paths: ["/**/*.key"], deny: ["download"] },
      { paths: ["/**/.*"], hide: true },
      { allow: "all" },
    ]);
    await client.rename("/projects/a", "/home/tester/a");
    await client.rename("/home/tester/mine.txt", "/home/tester/mine.key");
    await expect(client.rename("/home/tester/mine.key", "/home/tester/mine.txt")).rejects.toThrow(denied);
  });

  it("shows nothing that was hidden, though another rule speaks first of what hid it", async () => {
    const client = await session([
      { paths: ["/home/**"], allow: ["list"] },
      { paths: ["/**/secret"], hide: true },
      { allow: "all" },
    ]);
    await expect(client.readFile("/projects/b/secret/plain.txt")).rejects.toThrow("No such file");
    await expect(client.rename("/projects/b", "/home/tester/b")).rejects.toThrow(denied);
  });

  it("takes no link to where it leads to something else", async () => {
    const client = await session([{ paths: ["/projects/a/secret/**"], deny: "all" }, { allow: "all" }]);
    await client.symlink("/projects/b/link", "secret");
    await expect(client.rename("/projects/b/link", "/projects/a/link")).rejects.toThrow(denied);
    await client.rename("/projects/b/link", "/projects/b/renamed");
    await expect(client.symlink("/projects/b/secret/up", "../secret")).rejects.toThrow(denied);
  });

  it("takes no link to where something may be made by way of it", async () => {
    const client = await session([
      { paths: ["/home/**"], allow: ["list", "download", "rename", "createLinks", "upload"] },
      { allow: ["list", "download", "rename", "createLinks"] },
    ]);
    await client.symlink("/projects/link", "/in");
    await expect(client.rename("/projects/link", "/home/tester/link")).rejects.toThrow(denied);
    await expect(client.rename("/projects", "/home/tester/projects")).rejects.toThrow(denied);
  });
});

describe("what is hidden", () => {
  it("stays so where an earlier rule denies something more", async () => {
    const client = await session([
      { paths: ["/projects/**"], deny: ["delete"] },
      { paths: ["/**/secret"], hide: true },
      { allow: "all" },
    ]);
    await expect(client.readFile("/projects/b/secret/plain.txt")).rejects.toThrow("No such file");
    expect((await client.list("/projects/b")).map(({ name }) => name)).toEqual([]);
  });
});

describe("a link", () => {
  it("leads to no directory in which more is allowed by way of the link", async () => {
    const client = await session([
      { paths: ["/projects/a/secret/**"], deny: ["download"] },
      { paths: ["/**/*.txt"], allow: ["download"] },
      { allow: ["list", "createLinks"] },
    ]);
    await expect(client.symlink("/home/tester/link", "/projects/a/secret")).rejects.toThrow(denied);
    await client.symlink("/home/tester/other", "/projects/b/secret");
  });
});

describe("what a new file or directory is made with", () => {
  it("is no more than may be set", async () => {
    const client = await session([{ allow: ["upload", "createDirectories", "list"], maxFileBytes: 1024 }]);
    const attributes = { mode: 0o4755, uid: 4242, gid: 4242, mtimeMs: 1_000_000, atimeMs: 1_000_000, size: 4096 };
    await client.writeFile("/home/tester/new", Buffer.from("x"), attributes);
    await client.mkdir("/home/tester/directory", attributes);
    for (const name of ["new", "directory"]) {
      const { uid, mode, mtimeMs = 0, size } = await client.stat(`/home/tester/${name}`);
      expect(uid).not.toBe(4242);
      expect((mode ?? 0) & 0o7000).toBe(0);
      expect(mtimeMs).toBeGreaterThan(1_000_000);
      expect(size).toBeLessThan(1024);
    }
  });

  it("may be set by who is allowed to", async () => {
    const client = await session([{ allow: "all" }]);
    await client.writeFile("/home/tester/new", Buffer.from("x"), { mode: 0o640, uid: 4242, gid: 0 });
    expect(await client.stat("/home/tester/new")).toMatchObject({ mode: 0o640, uid: 4242 });
  });
});

describe("a group", () => {
  it("is the same however its letters are made", async () => {
    const client = await session(
      [{ groups: ["G\u00e4ste"], paths: ["/projects/**"], deny: "all" }, { allow: "all" }],
      ["Ga\u0308ste"],
    );
    await expect(client.readFile("/projects/b/secret/plain.txt")).rejects.toThrow(denied);
  });
});

describe("a drop box", () => {
  it("tells nobody what is in it by the form of a path's refusal", async () => {
    const client = await session([{ paths: ["/in/**"], allow: "write-only" }]);
    const errorOf = async (work: Promise<unknown>): Promise<string> =>
      work.then(
        () => "nothing",
        (error: unknown) => String(error),
      );
    for (const ask of [
      (path: string) => client.stat(path),
      (path: string) => client.lstat(path),
      (path: string) => client.realpath(path).then((real) => real.replace(/theirs|nobody/, "")),
    ]) {
      for (const end of ["", "/below", "/.."]) {
        expect(await errorOf(ask(`/in/theirs.txt${end}`))).toBe(await errorOf(ask(`/in/nobody.txt${end}`)));
      }
    }
  });
});
