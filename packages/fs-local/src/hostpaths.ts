import { constants } from "node:fs";
import { SftpError } from "@sluice/core";
import * as calls from "./calls.ts";
import { directoryAt, entryPath, type Containment, type Directory, type Pin } from "./containment.ts";
import type { Steps } from "./steps.ts";

/**
 * Containment by looking at each component before going on, for platforms without `/proc/self/fd`: development only.
 *
 * Every path is put together from the root and names, links are still resolved by our own walk, but between the look and the
 * use somebody with write access to the same tree can put a link in the way.
 */
export class HostPathContainment implements Containment {
  /** Undefined on Windows, and then nothing. */
  readonly pinFlags: number = constants.O_NOFOLLOW | 0;
  readonly #device: number | undefined;
  readonly #windows: boolean;

  /** @param device the device that must not be left; any may be entered without it. */
  constructor(device?: number, platform: NodeJS.Platform = process.platform) {
    this.#device = device;
    this.#windows = platform === "win32";
  }

  *enter(parent: Directory, name: string): Steps<Directory | undefined> {
    const stats = yield* calls.lstat(entryPath(parent, name));
    if (stats === undefined) throw new SftpError("noSuchFile");
    if (!stats.isDirectory()) return undefined;
    this.#checkDevice(stats.dev);
    return name === "." ? parent : directoryAt(`${parent.base}/${name}`);
  }

  *leave(): Steps<void> {
    // Nothing is held.
  }

  *pin(parent: Directory, name: string): Steps<Pin> {
    const path = entryPath(parent, name);
    const stats = yield* calls.lstat(path);
    if (stats === undefined) throw new SftpError("noSuchFile");
    this.#checkDevice(stats.dev);
    return { path, stats, fd: undefined };
  }

  *unpin(): Steps<void> {
    // Nothing is held.
  }

  allows(name: string): boolean {
    return !this.#windows || !foreignToWindows.test(name);
  }

  #checkDevice(device: number): void {
    if (this.#device !== undefined && device !== this.#device) {
      throw new SftpError("permissionDenied", "That is another file system");
    }
  }
}

// Separators and streams (`\`, `:`), wildcards, names that Windows trims, device names with any extension, short aliases.
const foreignToWindows =
  /[<>:"|?*\\\x00-\x1f]|[. ]$|^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3])(?:\.|$)|~\d/iu;
