import fs, { constants } from "node:fs";
import { dirname, resolve } from "node:path";
import { SetupError, SftpError, type SessionIdentity } from "@sluice/core";
import * as calls from "./calls.ts";
import { directoryAt, type Containment, type Directory } from "./containment.ts";
import { DescriptorContainment, descriptorDirectory, mountOf, O_PATH } from "./descriptors.ts";
import { burst, callByCall, type Driver } from "./driver.ts";
import { HostPathContainment } from "./hostpaths.ts";
import type { LocalFilesSettings } from "./options.ts";
import { isRemote } from "./remote.ts";
import type { Steps } from "./steps.ts";
import { isReserved } from "./temporary.ts";

/** How far containment goes on this machine. */
export type Tier = "descriptors" | "host-paths";

/** A directory held open as the root of a session's tree. */
export interface Root {
  readonly directory: Directory;
  readonly containment: Containment;
  readonly driver: Driver;
}

const userPlaceholder = "{user}";

/** Checks before anybody logs in what can be checked by then. Makes nothing: who only checks a configuration leaves no trace. */
export function checkRoot({ root, createRoot }: LocalFilesSettings): void {
  if (typeof root !== "string") return;
  const at = root.indexOf(userPlaceholder);
  if (at === -1) {
    if (createRoot && !fs.existsSync(root)) requireMakeable(root);
    else requireDirectory(root, createRoot ? "" : ", or set createRoot to true");
  } else {
    // What is above the users' own directories is for the administrator to make: a misspelt path must not come into being.
    requireDirectory(dirname(`${root.slice(0, at)}x`), "");
  }
}

/** Makes a root that is the same for every session, where it is to be made. */
export function makeRoot(settings: LocalFilesSettings): void {
  const root = staticRootOf(settings);
  if (!settings.createRoot || root === undefined) return;
  try {
    fs.mkdirSync(root, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw notMakeable(root, cause);
  }
}

/** Requires the nearest directory that is there to take new ones. */
function requireMakeable(root: string): void {
  let above = dirname(resolve(root));
  while (!fs.existsSync(above) && above !== dirname(above)) above = dirname(above);
  try {
    // By its own name a file takes none either, whatever its permissions.
    fs.accessSync(`${above}/.`, constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw notMakeable(root, cause);
  }
}

function notMakeable(root: string, cause: unknown): SetupError {
  return rootError(root, `cannot be made (${calls.errnoOf(cause) ?? "unknown error"})`, "make it yourself", cause);
}

function requireDirectory(path: string, alternative: string): void {
  let stats: fs.Stats | undefined;
  try {
    stats = fs.statSync(path, { throwIfNoEntry: false });
  } catch (cause) {
    const reason = `cannot be reached (${calls.errnoOf(cause) ?? "unknown error"})`;
    throw rootError(path, reason, "check the permissions of the directories above it", cause);
  }
  if (stats === undefined) throw rootError(path, "does not exist", `make the directory${alternative}`);
  if (!stats.isDirectory()) throw rootError(path, "is not a directory", "name a directory as root");
}

function rootError(path: string, what: string, todo: string, cause?: unknown): SetupError {
  return new SetupError("ERR_SLUICE_FILE_SYSTEM_ROOT", `fs-local: ${resolve(path)} ${what}: ${todo}`, { cause });
}

/** The host path of a session's root. */
export function rootPathFor(root: LocalFilesSettings["root"], session: SessionIdentity): string {
  const path = typeof root === "string" ? fillIn(root, session.user.name) : root(session);
  if (typeof path !== "string" || path === "" || path.includes("\0")) {
    throw noRoot("the root function did not return a path");
  }
  return resolve(path);
}

/** The host path of a root that is the same for every session. */
export function staticRootOf({ root }: LocalFilesSettings): string | undefined {
  return typeof root === "string" && !root.includes(userPlaceholder) ? resolve(root) : undefined;
}

function fillIn(template: string, name: string): string {
  if (!template.includes(userPlaceholder)) return template;
  if (!isDirectoryName(name)) throw noRoot(`the user name ${JSON.stringify(name)} cannot be a directory name`);
  return template.replaceAll(userPlaceholder, () => name);
}

function isDirectoryName(name: string): boolean {
  return /^[^/\\\x00-\x1f\x7f-\x9f]+$/.test(name) && !/^\.+$/.test(name) && !isReserved(name);
}

/** Opens a session's root, making it first where that is wanted. */
export async function openRoot(path: string, settings: LocalFilesSettings, tier: Tier): Promise<Root> {
  try {
    // Call by call, because it is not known yet whether the path leads to a network.
    return await callByCall.run(() => rootSteps(path, settings, tier));
  } catch (error) {
    throw noRoot(`the root ${path} cannot be opened`, error);
  }
}

function* rootSteps(path: string, settings: LocalFilesSettings, tier: Tier): Steps<Root> {
  if (settings.createRoot) yield* calls.mkdirs(path, 0o700);
  if (tier === "host-paths") return yield* hostPathRoot(path, settings);
  const fd = yield* calls.open(path, O_PATH | constants.O_DIRECTORY);
  try {
    const remote = yield* isRemote(fd);
    return {
      directory: descriptorDirectory(fd),
      containment: new DescriptorContainment(settings.crossMounts ? undefined : yield* mountOf(fd)),
      driver: remote ? callByCall : burst,
    };
  } catch (error) {
    yield* calls.close(fd);
    throw error;
  }
}

function* hostPathRoot(path: string, settings: LocalFilesSettings): Steps<Root> {
  const base = yield* calls.realpath(path);
  const stats = yield* calls.lstat(base);
  if (stats?.isDirectory() !== true) throw new Error("not a directory");
  const containment = new HostPathContainment(settings.crossMounts ? undefined : stats.dev);
  return { directory: directoryAt(base), containment, driver: callByCall };
}

function noRoot(detail: string, cause?: unknown): SftpError {
  return new SftpError("permissionDenied", "Your directory is not available", { detail: `fs-local: ${detail}`, cause });
}
