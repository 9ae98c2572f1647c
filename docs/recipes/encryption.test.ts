import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SftpError, sftpPath, type FileSystem } from "@sluice/core";
import { localFiles } from "@sluice/fs-local";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import {
  faultyFileSystem,
  fileSystemSuite,
  runSuite,
  startTestServer,
  type SftpClient,
  type TestServer,
} from "@sluice/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { encrypted, encryptedFiles } from "./encryption.ts";
import { Turns } from "./sealed-file.ts";

const key = randomBytes(32);
const noFlags = { read: false, write: false, append: false, create: false, truncate: false, exclusive: false };

const except = Object.fromEntries(
  [
    "write: positions and sizes over 2^32 are exact",
    "write: across 2^31 and 2^32 no byte goes astray",
    "setAttributes: a size over 2^32 is exact",
    "setAttributes of a handle: a size over 2^32 is exact",
  ].map((name) => [name, "gaps are sealed zeros, and written out: longer ones than 64 MiB are refused"]),
);
const create = async (): Promise<{ fs: FileSystem }> => ({
  fs: encryptedFiles(createMemoryFileSystem(), key, new Turns()),
});
runSuite("encrypted files in memory", fileSystemSuite({ create, except, absent: ["copyTo", "lock", "unlock"] }), {
  describe,
  it,
});

describe("encrypted files on disk", () => {
  const content = randomBytes(300_000);
  const chunk = 65_536 + 28;
  let root: string;
  let client: SftpClient;
  let connect: TestServer["connect"];
  let close = async (): Promise<void> => undefined;
  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), "sluice-encryption-"));
    const server = await startTestServer({ fs: encrypted(localFiles({ root }), key) });
    ({ close, connect } = server);
    client = await (await server.connect()).sftp();
    await client.writeFile("/file", content);
  });
  afterEach(async () => {
    await close();
    rmSync(root, { recursive: true });
  });

  const stored = (name = "file"): Buffer => readFileSync(join(root, name));
  const tampered = async (change: (bytes: Buffer) => Buffer): Promise<void> => {
    writeFileSync(join(root, "file"), change(stored()));
    await expect(client.readFile("/file")).rejects.toThrow("File is corrupt");
  };

  it("shows clients the content and its size, and the disk neither it nor the same twice", async () => {
    expect((await client.readFile("/file")).equals(content)).toBe(true);
    expect((await client.stat("/file")).size).toBe(content.length);
    expect((await client.list("/"))[0]?.stats.size).toBe(content.length);
    expect(stored().includes(content.subarray(1000, 1016))).toBe(false);
    await client.writeFile("/twin", content);
    expect(stored("twin").length).toBe(stored().length);
    expect(stored("twin").subarray(24, 100).equals(stored().subarray(24, 100))).toBe(false);
  });

  it("serves what is changed in place, cut and added to", async () => {
    const handle = await client.open("/file", { read: true, write: true });
    await client.write(handle, 65_530, Buffer.from("across two chunks"));
    await client.close(handle);
    await client.setstat("/file", { size: 200_000 });
    const end = await client.open("/file", { write: true, append: true });
    await client.write(end, 0, Buffer.from("end"));
    await client.close(end);
    const expected = Buffer.concat([content.subarray(0, 200_000), Buffer.from("end")]);
    expected.write("across two chunks", 65_530);
    expect((await client.readFile("/file")).equals(expected)).toBe(true);
  });

  it("lets two sessions write into one file at once, also into one chunk", async () => {
    const other = await (await connect()).sftp();
    const handles = [await client.open("/file", { write: true }), await other.open("/file", { write: true })] as const;
    await Promise.all(
      Array.from({ length: 40 }, (_, n) =>
        (n % 2 === 0 ? client : other).write(handles[n % 2]!, n * 100, Buffer.alloc(100, n)),
      ),
    );
    await Promise.all([client.close(handles[0]), other.close(handles[1])]);
    const expected = Buffer.from(content);
    for (let n = 0; n < 40; n++) expected.fill(n, n * 100, n * 100 + 100);
    expect((await client.readFile("/file")).equals(expected)).toBe(true);
  });

  it.each([0, 8, 23, 24, 40, 60, 24 + chunk, 24 + chunk + 70, 24 + 4 * chunk + 20])(
    "refuses a file in which the byte %i is another",
    async (at) => {
      await tampered((bytes) => {
        bytes[at] = (bytes[at] ?? 0) ^ 1;
        return bytes;
      });
    },
  );

  it("refuses chunks that were moved, swapped, left out or taken from another file", async () => {
    const original = stored();
    const part = (n: number, of = original): Buffer => of.subarray(24 + n * chunk, 24 + (n + 1) * chunk);
    const header = original.subarray(0, 24);
    await tampered(() => Buffer.concat([header, part(1), part(0), part(2), part(3), part(4)]));
    await tampered(() => Buffer.concat([header, part(0), part(0), part(2), part(3), part(4)]));
    await tampered(() => Buffer.concat([header, part(0), part(2), part(3), part(4)]));
    await client.writeFile("/other", content);
    await tampered(() => Buffer.concat([header, part(0), part(1, stored("other")), part(2), part(3), part(4)]));
    await tampered(() => Buffer.concat([stored("other").subarray(0, 24), original.subarray(24)]));
  });

  it.each([0, 10, 24, 30, 52, 24 + chunk, 24 + 4 * chunk, 24 + 4 * chunk + 100])(
    "refuses a file of which only the first %i bytes are left",
    async (length) => {
      truncateSync(join(root, "file"), length);
      await expect(client.readFile("/file")).rejects.toThrow("File is corrupt");
    },
  );

  it("refuses what was never sealed, and another key", async () => {
    writeFileSync(join(root, "plain"), "as it is");
    await expect(client.readFile("/plain")).rejects.toThrow("File is corrupt");
    const foreign = encryptedFiles(
      createMemoryFileSystem({ files: { "/file": stored() } }),
      randomBytes(32),
      new Turns(),
    );
    const handle = await foreign.open(sftpPath("/file"), { ...noFlags, read: true }, {});
    await expect(handle.read(Buffer.alloc(10), 0)).rejects.toThrow("File is corrupt");
    await handle.close("completed");
    expect(() => encrypted(createMemoryFileSystem(), Buffer.alloc(16))).toThrow("32 bytes");
  });

  it("does not keep an upload of which a part could not be written", async () => {
    const faulty = faultyFileSystem(createMemoryFileSystem(), [
      { at: "handle.write", nth: 5, rejects: new SftpError("noSpace") },
    ]);
    const server = await startTestServer({ fs: encrypted(faulty.fs, key) });
    const uploader = await (await server.connect()).sftp();
    await expect(uploader.writeFile("/file", content)).rejects.toThrow("No space left");
    expect(await uploader.list("/")).toEqual([]);
    await server.close();
  });
});
