import fs from "node:fs";
import { errnoOf } from "./calls.ts";
import { enterFlags, O_PATH } from "./descriptors.ts";

/**
 * Tries on this machine what containment by descriptors rests on. Nothing is written: `/proc/self` is itself a link to a
 * directory, so it stands for one that an attacker has put in the way.
 *
 * @returns what is missing, or `undefined` if all is there.
 */
export function missingForDescriptors(
  platform: NodeJS.Platform = process.platform,
  proc: string = "/proc",
): string | undefined {
  if (platform !== "linux") return `it needs Linux, and this is ${platform}`;
  let fd: number;
  try {
    fd = fs.openSync(proc, O_PATH | fs.constants.O_DIRECTORY);
  } catch {
    return `${proc} is not mounted`;
  }
  try {
    if (errnoOfCall(() => fs.readSync(fd, Buffer.alloc(1))) !== "EBADF") return "the kernel does not know O_PATH";
    const own = fs.fstatSync(fd);
    const path = pathOf(fd, proc);
    const seen = path === undefined ? undefined : fs.statSync(`${path}/.`, { throwIfNoEntry: false });
    if (seen?.dev !== own.dev || seen.ino !== own.ino) return `${proc}/self/fd does not lead to open directories`;
    const refused = errnoOfCall(() => fs.closeSync(fs.openSync(`${path}/self`, enterFlags)));
    if (refused !== "ENOTDIR" && refused !== "ELOOP") return "the kernel follows a link in spite of O_NOFOLLOW";
    return undefined;
  } finally {
    fs.closeSync(fd);
  }
}

/** As containment spells it: by the process's own number. */
function pathOf(fd: number, proc: string): string | undefined {
  try {
    return `${proc}/${fs.readlinkSync(`${proc}/self`)}/fd/${fd}`;
  } catch {
    return undefined;
  }
}

function errnoOfCall(call: () => unknown): string | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    return errnoOf(error);
  }
}
