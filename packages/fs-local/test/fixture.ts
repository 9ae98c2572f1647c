import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import { join } from "node:path";
import {
  createLogger,
  sftpPath,
  type Attributes,
  type FileHandle,
  type FileSystem,
  type OpenFlags,
  type SessionIdentity,
  type SftpPath,
} from "@sluice/core";
import { burst, callByCall } from "../src/driver.ts";
import { fileSystemOf, sharedBySessions } from "../src/localfiles.ts";
import { localFilesOptions, type LocalFilesOptions } from "../src/options.ts";
import { openRoot, rootPathFor, type Root, type Tier } from "../src/root.ts";

/** The ways in which the same operations run. */
export interface Variant {
  readonly title: string;
  readonly tier: Tier;
  readonly adapt: (root: Root) => Root;
}

export const variants: readonly Variant[] = [
  { title: "in one burst", tier: "descriptors", adapt: (root) => ({ ...root, driver: burst }) },
  { title: "call by call", tier: "descriptors", adapt: (root) => ({ ...root, driver: callByCall }) },
  { title: "by host paths", tier: "host-paths", adapt: (root) => root },
];

/** Those that hold against somebody who works on the same directories meanwhile. */
export const strictVariants: readonly Variant[] = variants.filter(({ tier }) => tier === "descriptors");

/** A root with neighbours, in a folder of its own. */
export interface Ground {
  readonly base: string;
  readonly root: string;
  readonly outside: string;
  /** A host path below the root. */
  host(...names: string[]): string;
  /** A session of the same source. */
  session(user?: string): Promise<FileSystem>;
  readonly fs: FileSystem;
  /** Closes the sessions, and throws if a descriptor is left open. */
  cleanUp(): Promise<void>;
}

export const secret = "not for clients";

export async function makeGround(variant: Variant, options: Partial<LocalFilesOptions> = {}): Promise<Ground> {
  const base = fs.realpathSync(fs.mkdtempSync(join(os.tmpdir(), "sluice-fs-local-")));
  const root = join(base, "root");
  const outside = join(base, "outside");
  fs.mkdirSync(root);
  for (const folder of [outside, join(base, "root2"), join(base, "roo")]) {
    fs.mkdirSync(folder);
    fs.mkdirSync(join(folder, "empty"));
    fs.writeFileSync(join(folder, "secret"), secret);
  }
  const settings = localFilesOptions.parse({ root, ...options });
  const shared = sharedBySessions();
  const sessions: FileSystem[] = [];
  const session = async (user = "alice"): Promise<FileSystem> => {
    const opened = await openRoot(rootPathFor(settings.root, identity(user)), settings, variant.tier);
    const made = fileSystemOf(variant.adapt(opened), settings, shared);
    sessions.push(made);
    return made;
  };
  return {
    base,
    root,
    outside,
    host: (...names) => join(root, ...names),
    session,
    fs: await session(),
    async cleanUp() {
      for (const made of sessions) await made.close?.();
      const left = descriptorsUnder(base);
      fs.rmSync(base, { recursive: true, force: true });
      if (left.length > 0) throw new Error(`descriptors left open: ${left.join(", ")}`);
    },
  };
}

/** What a source function looks at; the rest of a session is core's business. */
export function identity(user: string): SessionIdentity {
  return {
    user: { name: user, home: at("/"), groups: [], claims: {} },
    log: createLogger({ level: "silent" }),
  } as Partial<SessionIdentity> as SessionIdentity;
}

/** Where this process's open descriptors below a folder lead. */
export function descriptorsUnder(folder: string): string[] {
  return fs
    .readdirSync("/proc/self/fd")
    .map((fd) => {
      try {
        return fs.readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        return "";
      }
    })
    .filter((target) => target.startsWith(folder));
}

export function at(path: string | Uint8Array): SftpPath {
  return sftpPath(path);
}

const noFlags: OpenFlags = {
  read: false,
  write: false,
  append: false,
  create: false,
  truncate: false,
  exclusive: false,
};
export const forReading: OpenFlags = { ...noFlags, read: true };
export const inPlace: OpenFlags = { ...noFlags, write: true };
/** As OpenSSH's `put` and most other clients upload. */
export const forUpload: OpenFlags = { ...noFlags, write: true, create: true, truncate: true };
export const exclusively: OpenFlags = { ...noFlags, write: true, create: true, exclusive: true };

export async function put(
  system: FileSystem,
  path: string,
  text: string,
  flags: OpenFlags = forUpload,
  attributes: Attributes = {},
): Promise<void> {
  const handle = await system.open(at(path), flags, attributes);
  await handle.write(Buffer.from(text), 0);
  await handle.close("completed");
}

export async function get(system: FileSystem, path: string): Promise<string> {
  const handle = await system.open(at(path), forReading, {});
  try {
    return await contentOf(handle);
  } finally {
    await handle.close("completed");
  }
}

export async function contentOf(handle: FileHandle): Promise<string> {
  const buffer = Buffer.alloc(65_536);
  return buffer.toString("utf8", 0, await handle.read(buffer, 0));
}

export async function namesIn(system: FileSystem, path: string): Promise<string[]> {
  const names: string[] = [];
  for await (const batch of system.list(at(path))) names.push(...batch.map((entry) => entry.name));
  return names.sort();
}

/** The status of the `SftpError` that something is refused with. */
export async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    return (error as { status?: string }).status ?? String(error);
  }
  return "accepted";
}

/** Runs as a user without privileges, where the tests run as root. */
export async function unprivileged<T>(work: () => Promise<T>): Promise<T> {
  if (process.getuid?.() !== 0) return await work();
  process.setegid?.(65_534);
  process.seteuid?.(65_534);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
  }
}

/** A named pipe, which Node cannot make. */
export function makeFifo(path: string): void {
  execFileSync("mkfifo", [path]);
}
