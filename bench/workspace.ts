import { execFileSync } from "node:child_process";
import { randomFillSync } from "node:crypto";
import { closeSync, linkSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";

const mebibyte = 1024 * 1024;

/** The directories and keys of one run. Everything is below one directory, which is removed at the end. */
export interface Workspace {
  readonly dir: string;
  /** What both servers serve. */
  readonly served: string;
  /** Where the client is. */
  readonly local: string;
  /** The client's private key; its public half is beside it, with `.pub`. */
  readonly userKey: string;
  readonly hostKey: string;
  remove(): void;
}

export function createWorkspace(parent: string): Workspace {
  const dir = mkdtempSync(join(parent, "sluice-bench-"));
  const [served, local] = [join(dir, "served"), join(dir, "local")];
  mkdirSync(served);
  mkdirSync(local);
  const keys = ["user", "host"].map((name) => {
    const file = join(dir, `${name}_ed25519`);
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", file]);
    return file;
  });
  const [userKey = "", hostKey = ""] = keys;
  return { dir, served, local, userKey, hostKey, remove: () => rmSync(dir, { recursive: true, force: true }) };
}

/** Puts one file of random bytes on both sides; it takes its space once. */
export function makeLargeFile(workspace: Workspace, name: string, mib: number): void {
  const file = join(workspace.local, name);
  const piece = Buffer.allocUnsafeSlow(mebibyte);
  const fd = openSync(file, "w");
  for (let i = 0; i < mib; i++) writeSync(fd, randomFillSync(piece));
  closeSync(fd);
  linkSync(file, join(workspace.served, name));
}

/** Makes a directory of files, each of random bytes. */
export function makeFiles(directory: string, count: number, bytes: number): string[] {
  mkdirSync(directory);
  const content = Buffer.allocUnsafe(bytes);
  return Array.from({ length: count }, (_, i) => {
    const name = `file-${String(i).padStart(5, "0")}.dat`;
    writeFileSync(join(directory, name), randomFillSync(content));
    return name;
  });
}
