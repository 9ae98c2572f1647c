import { createMemoryFileSystem } from "@sluice/fs-memory";
import { startTestServer } from "@sluice/testing";
import { afterEach, expect, test } from "vitest";
import { writeOnce } from "./write-once.ts";

let stop = async (): Promise<void> => undefined;
afterEach(() => stop());

test("what is in the archive stays as it was put there, by whatever request", async () => {
  const { connect, close } = await startTestServer({
    fs: createMemoryFileSystem({ files: { "/archive/old.txt": "old", "/elsewhere.txt": "x" } }),
    plugins: [writeOnce({ path: "/archive" })],
  });
  stop = close;
  const client = await (await connect()).sftp();
  await client.mkdir("/archive/2026");
  await client.writeFile("/archive/2026/new.txt", "new");
  expect((await client.readFile("/archive/2026/new.txt")).toString()).toBe("new");

  await expect(client.writeFile("/archive/old.txt", "changed")).rejects.toThrow("exists");
  await expect(client.open("/archive/old.txt", { write: true })).rejects.toThrow("exists");
  await expect(client.remove("/archive/old.txt")).rejects.toThrow("written once");
  await expect(client.rename("/archive/old.txt", "/gone.txt")).rejects.toThrow("written once");
  await expect(client.rename("/elsewhere.txt", "/archive/moved.txt")).rejects.toThrow("written once");
  await expect(client.posixRename("/elsewhere.txt", "/archive/old.txt")).rejects.toThrow("written once");
  await expect(client.setstat("/archive/old.txt", { size: 0 })).rejects.toThrow("written once");
  await expect(client.hardlink("/archive/old.txt", "/link.txt")).rejects.toThrow("written once");
  await expect(client.symlink("/way-in", "/archive")).rejects.toThrow("No links");
  await expect(client.open("/archive/old.txt", { write: true, append: true, create: true })).rejects.toThrow("exists");
  await expect(client.rmdir("/archive/2026")).rejects.toThrow("written once");
  expect((await client.readFile("/archive/old.txt")).toString()).toBe("old");
});

test("what is above the archive cannot be moved away with it", async () => {
  const { connect, close } = await startTestServer({
    fs: createMemoryFileSystem({ files: { "/data/archive/old.txt": "old" } }),
    plugins: [writeOnce({ path: "/data/archive" })],
  });
  stop = close;
  const client = await (await connect()).sftp();
  await expect(client.rename("/data", "/moved")).rejects.toThrow("written once");
});

test("an upload's times can be set until it is closed", async () => {
  const { connect, close } = await startTestServer({
    fs: createMemoryFileSystem({ files: { "/archive/.keep": "" } }),
    plugins: [writeOnce({ path: "/archive" })],
  });
  stop = close;
  const client = await (await connect()).sftp();
  const handle = await client.open("/archive/new.txt", { write: true, create: true });
  await client.fsetstat(handle, { atimeMs: 1_000_000, mtimeMs: 1_000_000 });
  await client.close(handle);
  expect((await client.stat("/archive/new.txt")).mtimeMs).toBe(1_000_000);
  await expect(client.setstat("/archive/new.txt", { atimeMs: 0, mtimeMs: 0 })).rejects.toThrow("written once");
});
