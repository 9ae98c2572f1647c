import { generateHostKey, readHostKey } from "@sluice/core";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { Failure, reasonOf } from "./failure.ts";
import { writeNewKey } from "./keyfile.ts";

/** What `sluice serve DIRECTORY` keeps from one start to the next. */
export interface KeptState {
  readonly hostKeyPath: string;
  /** Made just now, so no client can know it yet. */
  readonly isNew: boolean;
  readonly fingerprint: string;
  readonly keyType: string;
  /** For a client on this machine: a `known_hosts` file that holds this key, whatever the address is. Absent where it cannot be kept. */
  readonly knownHostsPath?: string;
}

/** The folder for state: as given, else `$SLUICE_STATE_DIR`, else `$XDG_STATE_HOME/sluice`, else `~/.local/state/sluice`. */
export function stateDirectory(given: string | undefined, environment: NodeJS.ProcessEnv = process.env): string {
  const named = given ?? environment["SLUICE_STATE_DIR"];
  if (named !== undefined && named !== "") return resolve(named);
  const xdg = environment["XDG_STATE_HOME"];
  // A relative one is to be ignored (XDG Base Directory Specification).
  return join(xdg?.startsWith("/") === true ? xdg : join(homedir(), ".local", "state"), "sluice");
}

/**
 * Opens the state folder, and makes it with a host key on the first start.
 *
 * @throws Failure when it cannot be written, or its host key not be read
 */
export function openState(directory: string): KeptState {
  try {
    makeDirectory(directory);
  } catch (error) {
    throw new Failure(`${directory}: cannot be made: ${reasonOf(error)}; name another folder with --state`, error);
  }
  const hostKeyPath = join(directory, "host_ed25519");
  const isNew = writeKeyOnce(hostKeyPath);
  const { fingerprint, type, publicKey } = readHostKey(hostKeyPath);
  const knownHostsPath = join(directory, "known_hosts");
  const isKept = keepFile(knownHostsPath, `* ${publicKey}\n`);
  return { hostKeyPath, isNew, fingerprint, keyType: type, ...(isKept ? { knownHostsPath } : {}) };
}

// Not by `recursive`, which never returns where a directory cannot be made, as below /proc.
function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" && statSync(path).isDirectory()) return;
    if (code !== "ENOENT" || dirname(path) === path || existsSync(dirname(path))) throw error;
    makeDirectory(dirname(path));
    mkdirSync(path, { mode: 0o700 });
  }
}

function writeKeyOnce(path: string): boolean {
  try {
    readFileSync(path);
    return false;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return writeNewKey(path, generateHostKey().privateKey);
    throw new Failure(`${path}: cannot be read: ${reasonOf(error)}; name another folder with --state`, error);
  }
}

/** A comfort, so a folder that cannot be written does not stop the server. */
function keepFile(path: string, content: string): boolean {
  try {
    writeFileSync(path, content, { mode: 0o600 });
    return true;
  } catch {
    return false;
  }
}
