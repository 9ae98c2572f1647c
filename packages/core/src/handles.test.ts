import { describe, expect, it } from "vitest";
import { SftpError } from "./errors.ts";
import type { FileHandle } from "./filesystem.ts";
import { Handles } from "./handles.ts";
import { OpenFiles } from "./open-files.ts";
import { sftpPath } from "./path.ts";
import { directoryOf, fileOf, type OpenDirectory, type OpenFile } from "./session.ts";

const flags = { read: true, write: false, append: false, create: false, truncate: false, exclusive: false };
const nothing: FileHandle = {
  read: () => Promise.resolve(0),
  write: () => Promise.resolve(),
  stat: () => Promise.resolve({ type: "file", size: 0, mtimeMs: 0 }),
  close: () => Promise.resolve(),
};
const handlesFor = (limit: number, all = new OpenFiles(10_000)): Handles => new Handles(limit, all);
const newFile = (path = "/f"): OpenFile => fileOf(sftpPath(path), flags, nothing);
const newDirectory = (): OpenDirectory => directoryOf(sftpPath("/d"), []);

function add(handles: Handles, open: OpenFile | OpenDirectory): Buffer {
  handles.reserve();
  return handles.add(open);
}

const invalid = expect.objectContaining({ name: "SftpError", status: "invalidHandle" }) as Error;

describe("Handles", () => {
  it("finds what was opened by the handle that was given out for it", () => {
    const handles = handlesFor(10);
    const [file, directory] = [newFile(), newDirectory()];
    const [fileHandle, directoryHandle] = [add(handles, file), add(handles, directory)];
    expect(handles.get(fileHandle)).toBe(file);
    expect(handles.file(fileHandle)).toBe(file);
    expect(handles.get(directoryHandle)).toBe(directory);
    expect(handles.directory(directoryHandle)).toBe(directory);
    expect(handles.get(Buffer.from(fileHandle))).toBe(file);
    expect(handles.size).toBe(2);
    expect([...handles.files()]).toEqual([file]);
  });

  it("refuses the handle of a directory where a file is needed, and the reverse", () => {
    const handles = handlesFor(10);
    const [file, directory] = [add(handles, newFile()), add(handles, newDirectory())];
    expect(() => handles.directory(file)).toThrow(invalid);
    expect(() => handles.file(directory)).toThrow(invalid);
  });

  it("gives out 16 random bytes, never the same and with no counter in them", () => {
    const handles = handlesFor(5000);
    const given = Array.from({ length: 5000 }, () => Buffer.from(add(handles, newFile())));
    expect(new Set(given.map((handle) => handle.toString("hex"))).size).toBe(5000);
    expect(new Set(given.map((handle) => handle.length))).toEqual(new Set([16]));
    // Each bit of 5,000 random handles is set about 2,500 times; 2,000 to 3,000 is 14 standard deviations wide.
    for (let bit = 0; bit < 128; bit++) {
      const set = given.filter((handle) => ((handle[bit >> 3] ?? 0) & (1 << (bit & 7))) !== 0).length;
      expect(set).toBeGreaterThan(2000);
      expect(set).toBeLessThan(3000);
    }
  });

  it("keeps each handle as it was when many more are given out", () => {
    const handles = handlesFor(1000);
    const first = add(handles, newFile("/first"));
    const copy = Buffer.from(first);
    for (let i = 0; i < 300; i++) add(handles, newFile());
    expect(first.equals(copy)).toBe(true);
    expect(handles.get(first).path).toBe("/first");
  });

  it("knows only the handles of its own session", () => {
    const [mine, other] = [handlesFor(10), handlesFor(10)];
    const handle = add(other, newFile());
    add(mine, newFile());
    expect(() => mine.get(handle)).toThrow(invalid);
    expect(() => mine.remove(handle)).toThrow(invalid);
    expect(other.get(handle)).toBeDefined();
  });

  it("refuses forged handles: other lengths, any bit changed, or an object's own property", () => {
    const handles = handlesFor(10);
    const handle = add(handles, newFile());
    const forged = [
      Buffer.alloc(0),
      Buffer.alloc(16),
      Buffer.alloc(257, 1),
      handle.subarray(0, 15),
      Buffer.concat([handle, Buffer.of(0)]),
      Buffer.from("constructor"),
      Buffer.from("__defineGetter__"),
    ];
    for (let bit = 0; bit < 128; bit++) {
      const mutant = Buffer.from(handle);
      mutant.writeUInt8((mutant[bit >> 3] ?? 0) ^ (1 << (bit & 7)), bit >> 3);
      forged.push(mutant);
    }
    for (const guess of forged) {
      for (const ask of ["get", "file", "directory", "remove"] as const) {
        expect(() => handles[ask](guess)).toThrow(invalid);
      }
    }
    expect(handles.size).toBe(1);
  });

  it("forgets a handle that was taken back, and refuses to take it back twice", () => {
    const handles = handlesFor(10);
    const file = newFile();
    const handle = add(handles, file);
    expect(handles.remove(handle)).toBe(file);
    expect(() => handles.get(handle)).toThrow(invalid);
    expect(() => handles.remove(handle)).toThrow(invalid);
    expect(handles.size).toBe(0);
  });

  it("refuses to reserve more places than there are, until one is given back", () => {
    const handles = handlesFor(2);
    const first = add(handles, newFile());
    handles.reserve();
    expect(() => handles.reserve()).toThrow(SftpError);
    expect(() => handles.reserve()).toThrow("Too many open handles");
    handles.unreserve();
    handles.reserve();
    handles.add(newDirectory());
    expect(() => handles.reserve()).toThrow("Too many open handles");
    handles.remove(first);
    expect(() => handles.reserve()).not.toThrow();
    expect(() => handles.reserve()).toThrow("Too many open handles");
  });

  it("keeps a place of the server until what has it is closed, which may be after its handle was taken back", () => {
    const all = new OpenFiles(1);
    const [mine, others] = [handlesFor(10, all), handlesFor(10, all)];
    const file = newFile();
    mine.remove(add(mine, file));
    expect(() => others.reserve()).toThrow("The server has too many files open");
    mine.closed(file);
    mine.closed(file);
    others.reserve();
    expect(() => others.reserve()).toThrow("The server has too many files open");
    others.unreserve();
    others.reserve();
  });

  it("takes back everything at once", () => {
    const handles = handlesFor(2);
    const open = [newFile(), newDirectory()];
    const given = open.map((one) => add(handles, one));
    expect(handles.removeAll()).toEqual(open);
    expect(handles.size).toBe(0);
    expect(handles.removeAll()).toEqual([]);
    for (const handle of given) expect(() => handles.get(handle)).toThrow(invalid);
    expect(() => handles.reserve()).not.toThrow();
  });
});
