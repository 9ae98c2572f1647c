import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Failure } from "./failure.ts";
import { openState, stateDirectory } from "./state.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "sluice-state-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

test("the state folder is the one given, else the environment's, else the home directory's", () => {
  const environment = { SLUICE_STATE_DIR: "/own", XDG_STATE_HOME: "/xdg" };
  expect(stateDirectory("/given", environment)).toBe("/given");
  expect(stateDirectory(undefined, environment)).toBe("/own");
  expect(stateDirectory(undefined, { XDG_STATE_HOME: "/xdg" })).toBe("/xdg/sluice");
  const inHome = join(homedir(), ".local", "state", "sluice");
  expect(stateDirectory(undefined, { XDG_STATE_HOME: "relative" })).toBe(inHome);
  expect(stateDirectory(undefined, {})).toBe(inHome);
});

test("the host key is made once, and known_hosts holds it for every address", () => {
  const first = openState(join(directory, "a", "b"));
  expect(first.isNew).toBe(true);
  expect(statSync(first.hostKeyPath).mode & 0o777).toBe(0o600);
  expect(readFileSync(first.knownHostsPath!, "utf8")).toMatch(/^\* ssh-ed25519 AAAA\S+\n$/);
  const second = openState(join(directory, "a", "b"));
  expect(second).toEqual({ ...first, isNew: false });
});

test("a folder that cannot be is told in one line", () => {
  writeFileSync(join(directory, "file"), "");
  expect(() => openState(join(directory, "file", "state"))).toThrow(Failure);
  expect(() => openState(join(directory, "file", "state"))).toThrow(/^sluice: .*; name another folder with --state$/);
});

test.skipIf(process.platform !== "linux")("a folder where none can be made is told as well", () => {
  expect(() => openState("/proc/sluice/state")).toThrow(
    /^sluice: \/proc\/sluice\/state: cannot be made: does not exist/,
  );
});

test("a folder that can only be read serves with the key that it has", () => {
  const { hostKeyPath } = openState(directory);
  rmSync(join(directory, "known_hosts"));
  chmodSync(directory, 0o500);
  try {
    asNobody([directory, hostKeyPath], () => expect(openState(directory)).not.toHaveProperty("knownHostsPath"));
  } finally {
    chmodSync(directory, 0o700);
  }
});

/** Runs something as a user who owns these paths and is not root, whom modes do not bind. */
function asNobody(paths: readonly string[], run: () => void): void {
  if (process.getuid?.() !== 0) {
    run();
    return;
  }
  const nobody = 65_534;
  for (const path of paths) chownSync(path, nobody, nobody);
  process.seteuid?.(nobody);
  try {
    run();
  } finally {
    process.seteuid?.(0);
  }
}
