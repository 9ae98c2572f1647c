import { createHash, randomUUID } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/*
 * Names of temporary files: `.sluice-upload-<machine>-<pid>-<start>-<random>`.
 *
 * <machine>  16 hex digits: boot and PID namespace. It differs after a reboot, on another host and in another container.
 * <pid>      the process that makes the upload
 * <start>    when that process started, so that a later process with the same number is not taken for it
 * <random>   122 bits, by a call that is not asked of the system each time
 *
 * A temporary of this machine is abandoned exactly when its process is gone. Of another machine nobody here can tell, so age
 * decides.
 */

const prefix = ".sluice-upload-";
const pattern = /^\.sluice-upload-([0-9a-f]{16})-(\d+)-(\d+)-[0-9a-f]{32}$/;
const foreignAgeMs = 24 * 60 * 60 * 1000;

/** Whether a name is kept from clients. Compared without case, for file systems that do. */
export function isReserved(name: string): boolean {
  return name.startsWith(".") && name.slice(0, prefix.length).toLowerCase() === prefix;
}

/** A name that no other upload has. */
export function temporaryName(): string {
  return `${prefix}${machine()}-${process.pid}-${ownStart()}-${randomUUID().replaceAll("-", "")}`;
}

/** Whether the upload that a temporary belonged to has died. `changedMs` is its last change (ctime). */
export function isAbandoned(name: string, changedMs: number): boolean {
  const [, where, pid, start] = pattern.exec(name) ?? [];
  if (where === undefined) return false;
  if (where !== machine()) return Date.now() - changedMs > foreignAgeMs;
  const running = startOf(Number(pid));
  // Where `/proc` hides other users' processes (hidepid), only that there is one can be told: then it may be the one.
  return running === undefined ? !isAlive(Number(pid)) : running !== start;
}

let knownMachine: string | undefined;
let knownStart: string | undefined;

function machine(): string {
  knownMachine ??= createHash("sha256").update(bootMark()).digest("hex").slice(0, 16);
  return knownMachine;
}

function ownStart(): string {
  knownStart ??= startOf(process.pid) ?? "0";
  return knownStart;
}

function bootMark(): string {
  try {
    return `${readFileSync("/proc/sys/kernel/random/boot_id", "latin1")}${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return hostname();
  }
}

/** When a process started, in ticks since boot: the 22nd field of `/proc/<pid>/stat`, counted behind the name in brackets. */
function startOf(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    return text.slice(text.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    // Without `/proc` only being alive can be told.
    return process.platform !== "linux" && isAlive(pid) ? "0" : undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
