import { describe, expect, it } from "vitest";
import { SetupError, sftpPath, type FileSystem, type SessionIdentity } from "@sluice/core";
import { createMemoryFileSystem, memoryFiles } from "./index.ts";

const readme = sftpPath("/docs/readme.txt");
const reading = { read: true, write: false, append: false, create: false, truncate: false, exclusive: false } as const;
const writing = { read: false, write: true, append: false, create: true, truncate: true, exclusive: false } as const;

async function contentOf(fs: FileSystem, path: string): Promise<string> {
  const handle = await fs.open(sftpPath(path), reading, {});
  const buffer = Buffer.alloc(1000);
  const bytes = await handle.read(buffer, 0);
  await handle.close("completed");
  return buffer.subarray(0, bytes).toString();
}

async function put(fs: FileSystem, path: string, content: string): Promise<void> {
  const handle = await fs.open(sftpPath(path), writing, {});
  await handle.write(Buffer.from(content), 0);
  await handle.close("completed");
}

/** What a mount does: asks a source for the file system of a session. */
async function fileSystemOf(source: ReturnType<typeof memoryFiles>): Promise<FileSystem> {
  return typeof source === "function" ? source({} as SessionIdentity) : source;
}

describe("createMemoryFileSystem", () => {
  it("starts with the files that it is given, and copies them", async () => {
    const bytes = Buffer.from("binary");
    const fs = createMemoryFileSystem({ files: { "/docs/readme.txt": "hello\n", "data.bin": bytes, "/empty": "" } });
    bytes.fill(0);
    expect(await contentOf(fs, "/docs/readme.txt")).toBe("hello\n");
    expect(await contentOf(fs, "/data.bin")).toBe("binary");
    expect(await contentOf(fs, "/empty")).toBe("");
    expect((await fs.stat(sftpPath("/docs"), { follow: true })).type).toBe("directory");
    expect(await fs.stat(readme, { follow: true })).toMatchObject({ type: "file", size: 6, mode: 0o644, linkCount: 1 });
  });

  it.each([
    ["a file in a file", { "/a": "", "/a/b": "" }, 'files: "/a/b": Not a directory'],
    ["a file where a directory is", { "/a/b": "", "/a": "" }, 'files: "/a": File already exists'],
    ["one file twice", { "/a": "", "//a/": "" }, 'files: "//a/": File already exists'],
    ["the root", { "/": "" }, 'files: "/": Is a directory'],
    ["a name with a NUL byte", { "/a\0": "" }, "NUL byte"],
  ])("refuses %s", (_, files, message) => {
    expect(() => createMemoryFileSystem({ files })).toThrow(SetupError);
    expect(() => createMemoryFileSystem({ files })).toThrow(message);
  });

  it("refuses files that exceed its own limits", () => {
    expect(() => createMemoryFileSystem({ maxBytes: 3, files: { "/a": "1234" } })).toThrow(
      'files: "/a": No space left',
    );
  });

  it.each([
    [{ maxBytes: -1 }, "maxBytes"],
    [{ maxBytes: 1.5 }, "maxBytes"],
    [{ maxFiles: 0 }, "maxFiles"],
    [{ files: { "/a": 1 } }, "must be text or a Uint8Array"],
    [{ users: { alice: -1 } }, "users"],
    [{ maxbytes: 1 }, "maxbytes"],
    [{ perSession: "yes" }, "perSession"],
  ])("refuses the options %j", (options, message) => {
    expect(() => createMemoryFileSystem(options as never)).toThrow(SetupError);
    expect(() => createMemoryFileSystem(options as never)).toThrow(message);
    expect(() => memoryFiles(options as never)).toThrow(message);
  });
});

describe("memoryFiles", () => {
  it("is known by the last part of the package's name", () => {
    expect(memoryFiles.fileSystemName).toBe("fs-memory");
  });

  it("shares one tree among all sessions", async () => {
    const source = memoryFiles();
    await put(await fileSystemOf(source), "/upload", "kept");
    expect(await contentOf(await fileSystemOf(source), "/upload")).toBe("kept");
  });

  it("gives each session a tree of its own where that is wanted", async () => {
    const source = memoryFiles({ perSession: true, files: { "/start": "same" } });
    const [one, two] = [await fileSystemOf(source), await fileSystemOf(source)];
    await put(one, "/start", "changed");
    expect(await contentOf(one, "/start")).toBe("changed");
    expect(await contentOf(two, "/start")).toBe("same");
  });

  it("finds mistakes in the files at once, also with a tree for each session", () => {
    expect(() => memoryFiles({ perSession: true, files: { "/": "" } })).toThrow("Is a directory");
  });
});
