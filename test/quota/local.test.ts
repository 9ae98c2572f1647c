import { lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sftpPath, type User } from "@sluice/core";
import { localFiles } from "@sluice/fs-local";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { Quota, quota } from "@sluice/quota";
import { startTestServer, StatusError, type SftpClient, type TestConnection, type TestServer } from "@sluice/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const user: User = { name: "alice", home: sftpPath("/"), groups: [], claims: {} };
let folder: string;
let server: TestServer;
let client: SftpClient;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "sluice-quota-"));
  mkdirSync(join(folder, "files/trees/a"), { recursive: true });
  mkdirSync(join(folder, "files/trees/b"));
  server = await startTestServer({
    prepare: (given) => {
      given.mount("/", localFiles({ root: join(folder, "files") }));
      given.mount("/elsewhere", createMemoryFileSystem());
    },
    plugins: [quota({ trees: { "/trees/*": { bytes: "1 MiB", files: 100 } } })],
    methods: [
      {
        name: "anybody",
        mechanism: "password",
        verify: ({ username }) => ({ is: "proven", user: { name: username } }),
      },
    ],
  });
  client = await (await connect()).sftp();
});
afterEach(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const connect = (): Promise<TestConnection> => server.connect({ username: "alice", password: "x" });

/** What is on the disk, as du has it: sizes, and names. */
function onDisk(path: string): { bytes: number; files: number } {
  let [bytes, files] = [0, 0];
  for (const entry of readdirSync(path, { recursive: true, encoding: "utf8" })) {
    const stats = lstatSync(join(path, entry));
    files += 1;
    if (stats.isFile()) bytes += stats.size;
  }
  return { bytes, files };
}

async function agrees(): Promise<void> {
  for (const tree of ["a", "b"]) {
    const [found] = await server.server.services.get(Quota).usage(user, sftpPath(`/trees/${tree}`));
    expect({ tree, used: found!.used, held: found!.held }).toEqual({
      tree,
      used: onDisk(join(folder, "files/trees", tree)),
      held: { bytes: 0, files: 0 },
    });
  }
}

const write = { write: true, create: true };
const kib = (n: number): Buffer => Buffer.alloc(n * 1024, 1);

describe("over fs-local, the books agree with du after", () => {
  it("overwriting, cutting, sparse files and appending", async () => {
    await client.writeFile("/trees/a/x", kib(10));
    await agrees();
    await client.writeFile("/trees/a/x", kib(4));
    await agrees();
    const sparse = await client.open("/trees/a/s", write);
    await client.write(sparse, 500 * 1024, kib(1));
    await client.close(sparse);
    await agrees();
    const over = await client.open("/trees/a/o", write);
    await client.write(over, 0, kib(1));
    await expect(client.write(over, 2 * 1024 * 1024, kib(1))).rejects.toThrow("Quota exceeded");
    await expect(client.close(over)).rejects.toThrow("Quota exceeded");
    await agrees();
    const appending = await client.open("/trees/a/x", { write: true, append: true });
    await client.write(appending, 0, kib(3));
    await client.close(appending);
    await agrees();
    await client.setstat("/trees/a/x", { size: 10 });
    const cut = await client.open("/trees/a/s", { write: true });
    await client.fsetstat(cut, { size: 77 });
    await client.close(cut);
    await agrees();
  });

  it("an upload that is abandoned, new or over an old file", async () => {
    await client.writeFile("/trees/a/old", kib(5));
    const connection = await connect();
    const leaving = await connection.sftp();
    for (const name of ["old", "new"]) {
      const handle = await leaving.open(`/trees/a/${name}`, { ...write, truncate: true });
      await leaving.write(handle, 0, kib(100));
    }
    connection.cut();
    await expect
      .poll(async () => (await server.server.services.get(Quota).usage(user, sftpPath("/trees/a")))[0]!.held, {
        timeout: 60_000,
      })
      .toEqual({ bytes: 0, files: 0 });
    await agrees();
  });

  it("an upload that is renamed, deleted or replaced before it is closed", async () => {
    const renamed = await client.open("/trees/a/x", { ...write, truncate: true });
    await client.write(renamed, 0, kib(10));
    await client.rename("/trees/a/x", "/trees/b/y");
    await client.write(renamed, 10 * 1024, kib(10));
    await client.close(renamed);
    await agrees();
    const deleted = await client.open("/trees/a/z", { ...write, truncate: true });
    await client.write(deleted, 0, kib(10));
    await client.remove("/trees/a/z");
    await client.close(deleted);
    await agrees();
    const [first, second] = [
      await client.open("/trees/a/w", { ...write, truncate: true }),
      await client.open("/trees/a/w", { ...write, truncate: true }),
    ];
    await client.write(first, 0, kib(10));
    await client.write(second, 0, kib(20));
    await client.close(second);
    await client.close(first);
    await agrees();
    const over = await client.open("/trees/a/w", { ...write, truncate: true });
    await client.write(over, 0, kib(7));
    await client.posixRename("/trees/b/y", "/trees/a/w");
    await client.close(over);
    await agrees();
  });

  it("links of both kinds, and folders that move from one limit to another", async () => {
    await client.mkdir("/trees/a/d");
    await client.writeFile("/trees/a/d/x", kib(10));
    await client.symlink("/trees/b/l", "/trees/a/d/x");
    await client.hardlink("/trees/a/d/x", "/trees/a/hard");
    await agrees();
    // Through the link: it counts where it is.
    await client.writeFile("/trees/b/l", kib(3));
    await client.rename("/trees/a/d", "/trees/b/d");
    await agrees();
    await client.rename("/trees/b/d", "/outside");
    await agrees();
    await client.rename("/outside", "/trees/a/d");
    await agrees();
    // By a link to the folder: what is there counts where it is.
    await client.symlink("/way", "/trees/b");
    await client.writeFile("/way/y", kib(2));
    await client.rename("/trees/a/hard", "/way/hard");
    await agrees();
    await client.rename("/way/hard", "/trees/a/hard");
    await client.remove("/way/y");
    await agrees();
    // Two names of one file stay both.
    await client.hardlink("/trees/a/hard", "/trees/a/other");
    await client.posixRename("/trees/a/hard", "/trees/a/other");
    await agrees();
    await client.remove("/trees/a/hard");
    await client.remove("/trees/a/other");
    await client.remove("/trees/a/d/x");
    await client.rmdir("/trees/a/d");
    await client.remove("/trees/b/l");
    await agrees();
  });

  it("requests that fail", async () => {
    await client.writeFile("/trees/a/x", kib(1));
    await expect(client.rename("/trees/a/x", "/elsewhere/x")).rejects.toBeInstanceOf(StatusError);
    await expect(client.rename("/trees/a/missing", "/trees/b/x")).rejects.toBeInstanceOf(StatusError);
    await expect(client.open("/trees/a/x", { ...write, exclusive: true })).rejects.toBeInstanceOf(StatusError);
    await expect(client.open("/trees/a", { ...write })).rejects.toBeInstanceOf(StatusError);
    await expect(client.open("/trees/a/no/x", { ...write })).rejects.toBeInstanceOf(StatusError);
    await expect(client.remove("/trees/a/missing")).rejects.toBeInstanceOf(StatusError);
    await expect(client.mkdir("/trees/a/x")).rejects.toBeInstanceOf(StatusError);
    await expect(client.rmdir("/trees/a")).rejects.toBeInstanceOf(StatusError);
    await agrees();
  });
});
