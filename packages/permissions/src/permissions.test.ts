import { createMemoryFileSystem } from "@sluice/fs-memory";
import { capturedLog, pluginSuite, runSuite, startTestServer, testUser, type SftpClient } from "@sluice/testing";
import { afterEach, describe, expect, it } from "vitest";
import { definePlugin, proven, sftpPath } from "@sluice/core";
import { permissions } from "./index.ts";
import type { RuleOptions } from "./rule.ts";

runSuite(
  "permissions",
  pluginSuite({
    plugin: permissions,
    create: async () => ({ options: { rules: [{ allow: "all" as const }] } }),
    except: { "secrets of the options are told neither in the log nor by explain": "its options hold none" },
  }),
  { describe, it },
);

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

const files = {
  "/archive/old.txt": "old",
  "/drop/other.txt": "of somebody else",
  "/home/tester/mine.txt": "mine",
  "/home/other/theirs.txt": "theirs",
  "/projects/a/plan.txt": "plan",
  "/projects/a/secret/key.txt": "key",
  "/projects/.git/config": "hidden",
};

async function session(
  rules: readonly RuleOptions[],
  user: { readonly groups?: readonly string[] } = {},
): Promise<SftpClient> {
  const { connect, close } = await startTestServer({
    fs: createMemoryFileSystem({ files }),
    plugins: [permissions({ rules })],
    methods: [{ name: "test", mechanism: "password", verify: () => proven(user) }],
  });
  open.push(close);
  return (await connect(testUser)).sftp();
}
const denied = "Permission denied";

describe("permissions", () => {
  it("refuses what no rule speaks of", async () => {
    const client = await session([{ paths: ["/archive/**"], allow: "read-only" }]);
    expect((await client.readFile("/archive/old.txt")).toString()).toBe("old");
    await expect(client.readFile("/home/tester/mine.txt")).rejects.toThrow(denied);
    await expect(client.list("/")).rejects.toThrow(denied);
    await expect(client.writeFile("/archive/new.txt", Buffer.from("x"))).rejects.toThrow(denied);
    await expect(client.remove("/archive/old.txt")).rejects.toThrow(denied);
    await expect(client.mkdir("/archive/sub")).rejects.toThrow(denied);
    await expect(client.setstat("/archive/old.txt", { mode: 0o777 })).rejects.toThrow(denied);
    await expect(client.rename("/archive/old.txt", "/archive/older.txt")).rejects.toThrow(denied);
  });

  it("lets the first rule decide that speaks of the verb, for users, groups and their own names in paths", async () => {
    const client = await session(
      [
        { paths: ["/**/secret/**"], deny: "all" },
        { groups: ["staff"], paths: ["/projects/**"], allow: "all" },
        { users: ["other"], allow: "all" },
        { paths: ["/home/{user}/**"], allow: "all" },
      ],
      { groups: ["staff"] },
    );
    expect((await client.readFile("/projects/a/plan.txt")).toString()).toBe("plan");
    await expect(client.readFile("/projects/a/secret/key.txt")).rejects.toThrow(denied);
    await client.writeFile("/home/tester/new.txt", Buffer.from("x"));
    await expect(client.readFile("/home/other/theirs.txt")).rejects.toThrow(denied);
  });

  it("makes a drop box: files go in, and nobody sees which, overwrites or fetches one", async () => {
    const client = await session([{ paths: ["/drop/**"], allow: "write-only" }]);
    await client.writeFile("/drop/new.txt", Buffer.from("x"));
    await client.mkdir("/drop/sub");
    await expect(client.readFile("/drop/other.txt")).rejects.toThrow(denied);
    await expect(client.list("/drop")).rejects.toThrow(denied);
    await expect(client.writeFile("/drop/other.txt", Buffer.from("x"))).rejects.toThrow("exists");
    expect((await client.stat("/drop")).type).toBe("directory");
    await expect(client.stat("/drop/other.txt")).rejects.toThrow("No such file");
    await expect(client.stat("/drop/nothing.txt")).rejects.toThrow("No such file");
  });

  it("lets nobody overwrite by racing against the moment in which a file is made", async () => {
    const client = await session([{ paths: ["/drop/**"], allow: ["upload"] }]);
    const tries = await Promise.allSettled(
      Array.from({ length: 20 }, (_, i) => client.writeFile("/drop/race.txt", Buffer.from(String(i)))),
    );
    expect(tries.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });

  it("lets files be changed that are there, where new ones are not allowed", async () => {
    const client = await session([{ paths: ["/archive/**"], allow: ["overwrite", "download"] }]);
    await client.writeFile("/archive/old.txt", Buffer.from("changed"));
    expect((await client.readFile("/archive/old.txt")).toString()).toBe("changed");
    await expect(client.writeFile("/archive/new.txt", Buffer.from("x"))).rejects.toThrow("No such file");
  });

  it("hides names: not listed, not found, not made, nothing below them, and no renaming to them", async () => {
    const client = await session([{ paths: ["/**/.*"], hide: true }, { allow: "all" }]);
    expect((await client.list("/projects")).map(({ name }) => name)).toEqual(["a"]);
    await expect(client.stat("/projects/.git")).rejects.toThrow("No such file");
    await expect(client.readFile("/projects/.git/config")).rejects.toThrow("No such file");
    await expect(client.realpath("/projects/.git")).rejects.toThrow("No such file");
    await expect(client.mkdir("/projects/.new")).rejects.toThrow(denied);
    await expect(client.writeFile("/projects/.new", Buffer.from("x"))).rejects.toThrow(denied);
    await expect(client.rename("/projects/a", "/projects/.a")).rejects.toThrow(denied);
    await client.rename("/projects/a", "/projects/b");
  });

  it("asks both ends of a rename, and what it would overwrite", async () => {
    const client = await session([
      { paths: ["/archive/**"], deny: ["rename"] },
      { paths: ["/home/**"], deny: ["overwrite"] },
      { allow: "all" },
    ]);
    await expect(client.rename("/home/tester/mine.txt", "/archive/mine.txt")).rejects.toThrow(denied);
    await expect(client.rename("/archive/old.txt", "/home/old.txt")).rejects.toThrow(denied);
    await expect(client.posixRename("/home/tester/mine.txt", "/home/other/theirs.txt")).rejects.toThrow("exists");
    await client.posixRename("/home/tester/mine.txt", "/home/tester/moved.txt");
  });

  it("moves no directory away from the rules for what is in it", async () => {
    const client = await session([{ paths: ["/projects/a/secret/**"], deny: "all" }, { allow: "all" }]);
    await expect(client.rename("/projects/a", "/projects/b")).rejects.toThrow(denied);
    await expect(client.rename("/projects", "/elsewhere")).rejects.toThrow(denied);
    await client.rename("/projects/a/plan.txt", "/projects/a/plan2.txt");
    await client.rename("/home", "/homes");
  });

  it("lets no link lead to more than its target allows", async () => {
    const client = await session([{ paths: ["/projects/a/secret/**"], deny: "all" }, { allow: "all" }]);
    await expect(client.symlink("/home/tester/key", "/projects/a/secret/key.txt")).rejects.toThrow(denied);
    await expect(client.symlink("/home/tester/projects", "/projects")).rejects.toThrow(denied);
    await expect(client.symlink("/home/tester/up", "../../projects/a/../a/secret")).rejects.toThrow(denied);
    await expect(client.hardlink("/projects/a/secret/key.txt", "/home/tester/key")).rejects.toThrow(denied);
    await client.symlink("/home/tester/link", "mine.txt");
  });

  it("bounds files, however they grow", async () => {
    const client = await session([{ allow: "all", maxFileBytes: "1 KiB" }]);
    await client.writeFile("/home/tester/fits", Buffer.alloc(1024));
    await expect(client.writeFile("/home/tester/large", Buffer.alloc(1025))).rejects.toThrow("1024 bytes at most");
    await expect(client.setstat("/home/tester/fits", { size: 1025 })).rejects.toThrow("1024 bytes at most");
    const file = await client.open("/home/tester/fits", { write: true, append: true });
    await expect(client.write(file, 0, Buffer.alloc(1))).rejects.toThrow("1024 bytes at most");
    await client.close(file);
  });

  it("tells the log which rule refused, and the client nothing but that", async () => {
    const log = capturedLog();
    const { connect, close } = await startTestServer({
      fs: createMemoryFileSystem({ files }),
      plugins: [
        definePlugin({
          name: "spy",
          setup: (host) => host.after("remove", (_, { error }) => host.log.info({ err: error }, "Refused")),
        })(),
        permissions({ rules: [{ name: "archive stays", paths: ["/archive/**"], deny: ["delete"] }] }),
      ],
      log,
    });
    open.push(close);
    const client = await (await connect()).sftp();
    await expect(client.remove("/archive/old.txt")).rejects.toThrow(/^Permission denied$/);
    expect(JSON.stringify(log.records)).toContain("archive stays: denies delete on /archive/**");
  });

  it("judges where a plugin has led the request", async () => {
    const { connect, close } = await startTestServer({
      fs: createMemoryFileSystem({ files }),
      plugins: [
        permissions({
          rules: [
            { paths: ["/drop/**"], allow: ["upload"] },
            { paths: ["/home/**"], allow: "all" },
          ],
        }),
        definePlugin({
          name: "moving",
          setup: (host) =>
            host.divert("open", ({ request }) => ({ path: sftpPath(request.path.replace("/home/tester", "/drop")) })),
        })(),
      ],
    });
    open.push(close);
    const client = await (await connect()).sftp();
    await client.writeFile("/home/tester/new.txt", Buffer.from("x"));
    await expect(client.writeFile("/home/tester/other.txt", Buffer.from("x"))).rejects.toThrow(denied);
  });

  it("refuses options that make no sense, with their place", async () => {
    const issuesOf = async (rules: unknown): Promise<string[]> =>
      (await permissions({ rules } as never).validate()).map(
        ({ path = [], message }) =>
          `${path.map((part) => (typeof part === "object" ? part.key : part)).join(".")}: ${message}`,
      );
    expect(await issuesOf([])).toEqual([expect.stringContaining("rules: without a rule everything is refused")]);
    expect(await issuesOf([{ paths: ["*.exe"], deny: "all" }])).toEqual([expect.stringContaining("rules.0.paths.0: ")]);
    expect(await issuesOf([{ paths: ["/a"] }])).toEqual([expect.stringContaining("rules.0.allow: the rule neither")]);
    expect(await issuesOf([{ allow: ["list"], deny: "all" }])).toEqual([
      expect.stringContaining("both allows and denies list"),
    ]);
    expect(await issuesOf([{ allow: "all", addresses: ["10.0.0.0/33"] }])).toEqual([
      expect.stringContaining("rules.0.addresses: "),
    ]);
    expect(await issuesOf([{ allow: "all", maxFileBytes: "10 gigs" }])).toEqual([
      expect.stringContaining("rules.0.maxFileBytes: "),
    ]);
    expect(await issuesOf([{ allow: "all", hours: [{ from: "25:00" }] }])).toEqual([
      expect.stringContaining("rules.0.hours.0: from: "),
    ]);
  });
});
