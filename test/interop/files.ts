import { createHash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, readdir, readlink, writeFile } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { bytesOf } from "./client.ts";
import type { Path } from "./client.ts";

export const kibibyte = 1024;
export const mebibyte = 1024 * kibibyte;

const noise = randomBytes(2 * mebibyte);

/** Bytes that no two calls share, so that a mixed-up file is noticed. */
export function content(size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  for (let at = 0; at < size; at += mebibyte) {
    const from = Math.floor(Math.random() * mebibyte);
    noise.copy(bytes, at, from, from + Math.min(mebibyte, size - at));
  }
  return bytes;
}

/** The SHA-256 of what is on disk, in hex. */
export async function hashOf(path: Path): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

export function join(directory: Path, name: Path): Buffer {
  return Buffer.concat([bytesOf(directory), Buffer.from("/"), bytesOf(name)]);
}

/** Everything below a directory: its relative path, and what it is. */
export async function treeOf(directory: Path, prefix = ""): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const entries = await readdir(bytesOf(directory), { withFileTypes: true, encoding: "buffer" });
  for (const entry of entries) {
    const path = join(directory, entry.name);
    const name = prefix + entry.name.toString("latin1");
    if (entry.isDirectory()) {
      found[name] = "directory";
      Object.assign(found, await treeOf(path, `${name}/`));
    } else if (entry.isSymbolicLink()) {
      found[name] = `link to ${await readlink(path)}`;
    } else {
      found[name] = await hashOf(path);
    }
  }
  return found;
}

/** A directory worth copying: nested, with files of several sizes and an empty one. */
export async function makeTree(directory: Path): Promise<void> {
  for (const [name, sizes] of [
    ["", [0, 1, 100_000]],
    ["inner", [32 * kibibyte, 33]],
    ["inner/deeper", [300_000]],
    ["with space", [7]],
  ] as const) {
    const inside = name === "" ? bytesOf(directory) : join(directory, name);
    await mkdir(inside, { recursive: true });
    for (const size of sizes) await writeFile(join(inside, `file-${size}.bin`), content(size));
  }
}
