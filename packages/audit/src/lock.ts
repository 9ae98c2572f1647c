import { randomBytes } from "node:crypto";
import { linkSync, renameSync, rmSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { relative } from "node:path";
import { SetupError } from "@sluice/core";

/** `sun_path` holds 104 bytes on macOS and 108 on Linux; a longer path would be cut, and another file locked. */
const maxSocketPath = 100;

/** A right to write that ends with the process, however it ends: nothing is stale after `kill -9`. */
export interface Lock {
  release(): Promise<void>;
}

/**
 * Takes the right to write a file. It is a Unix socket that this process listens on: whether its owner lives is asked of the kernel, which
 * knows, also when the owner is in another container.
 *
 * @throws SetupError `ERR_SLUICE_AUDIT_LOG` where another process has it
 */
export async function lock(file: string): Promise<Lock> {
  const path = lockPath(file);
  for (let attempt = 0; attempt < 5; attempt++) {
    const server = await listen(path);
    if (server !== undefined) return held(server);
    if (await answers(path)) break;
    sweep(path, await moveAway(path));
  }
  throw new SetupError(
    "ERR_SLUICE_AUDIT_LOG",
    `Audit log ${file}: another process writes it; give each server a file of its own, or end the other one first`,
  );
}

/** Where the lock of a file is. @throws SetupError where its path is too long for one */
export function lockPath(file: string): string {
  const path = `${file}.lock`;
  const near = relative(process.cwd(), path);
  const shorter = near.length < path.length ? near : path;
  if (Buffer.byteLength(shorter) <= maxSocketPath) return shorter;
  throw new SetupError(
    "ERR_SLUICE_AUDIT_LOG",
    `Audit log ${path}: the path of its lock is longer than ${maxSocketPath} bytes; choose a shorter one`,
  );
}

function listen(path: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(undefined);
      else
        reject(
          new SetupError("ERR_SLUICE_AUDIT_LOG", `Audit log: it cannot be locked: ${error.message}`, { cause: error }),
        );
    });
    server.listen({ path, exclusive: true }, () => resolve(server.unref()));
  });
}

function held(server: Server): Lock {
  return { release: () => new Promise((resolve) => server.close(() => resolve())) };
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    const timer = setTimeout(() => end(true), 2000);
    const end = (answer: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => end(true));
    socket.once("error", (error: NodeJS.ErrnoException) =>
      end(error.code !== "ECONNREFUSED" && error.code !== "ENOENT"),
    );
  });
}

/** Two that find a dead owner at once must not take each other's lock for it: what was moved away is asked again. */
async function moveAway(path: string): Promise<string | undefined> {
  const aside = `${path}.${randomBytes(3).toString("hex")}`;
  try {
    renameSync(path, aside);
  } catch {
    return undefined;
  }
  if (!(await answers(aside))) return aside;
  try {
    linkSync(aside, path);
  } catch {
    // A third has come in between; the loop asks it.
  }
  return aside;
}

function sweep(path: string, aside: string | undefined): void {
  if (aside !== undefined && aside !== path) rmSync(aside, { force: true });
}
