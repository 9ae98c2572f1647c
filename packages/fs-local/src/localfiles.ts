import {
  defineFileSystem,
  SetupError,
  type FileSystemFactory,
  type FileSystemSource,
  type Logger,
  type SessionIdentity,
} from "@sluice/core";
import { LocalFileSystem } from "./filesystem.ts";
import { localFilesOptions, type LocalFilesOptions, type LocalFilesSettings } from "./options.ts";
import { Owners } from "./owners.ts";
import { checkRoot, makeRoot, openRoot, rootPathFor, staticRootOf, type Root } from "./root.ts";
import { missingForDescriptors } from "./selftest.ts";
import { Sweeper } from "./sweep.ts";
import { Uploads } from "./upload.ts";

/**
 * A directory of this machine as a file system: nothing outside of it can be reached through it, not by `..`, not by links,
 * and not while somebody renames directories and links underneath.
 *
 * @throws SetupError `ERR_SLUICE_FILE_SYSTEM_ROOT` if the root is missing; `ERR_SLUICE_CONTAINMENT` if this machine cannot contain it;
 * `ERR_SLUICE_OPTIONS` for options that are wrong.
 *
 * @example
 * server.mount("/", localFiles({ root: "/srv/sftp/{user}", createRoot: true }));
 */
export const localFiles: FileSystemFactory<LocalFilesOptions> = defineFileSystem({
  name: "fs-local",
  options: localFilesOptions,
  create: createSource,
});

function createSource(settings: LocalFilesSettings): FileSystemSource {
  const missing = missingForDescriptors();
  if (missing !== undefined && settings.containment === "strict") throw cannotContain(missing);
  checkRoot(settings);
  const tier = missing === undefined ? "descriptors" : "host-paths";
  const shared = sharedBySessions();
  const sweeper = new Sweeper(settings, tier);
  let warned = false;
  const open = async (session: SessionIdentity): Promise<LocalFileSystem> => {
    if (tier === "host-paths" && !warned) {
      warned = true;
      session.log.warn("fs-local contains its root by best effort only: not for clients you do not trust");
    }
    const path = rootPathFor(settings.root, session);
    const root = await openRoot(path, settings, tier);
    sweeper.add(path, session.log);
    return fileSystemOf(root, settings, shared);
  };
  return Object.assign(open, {
    start(log: Logger): void {
      makeRoot(settings);
      const path = staticRootOf(settings);
      if (path !== undefined) sweeper.add(path, log);
    },
    close: () => sweeper.stop(),
  });
}

function cannotContain(missing: string): SetupError {
  return new SetupError(
    "ERR_SLUICE_CONTAINMENT",
    `fs-local: cannot contain a directory on this machine, ${missing}: run it on Linux with /proc, ` +
      `or set containment to "best-effort" for development`,
  );
}

/** What the sessions of one source have in common. */
export interface Shared {
  /** How many uploads are under way to each name. */
  readonly promised: Map<string, number>;
  readonly owners: Owners;
}

export function sharedBySessions(): Shared {
  return { promised: new Map(), owners: new Owners() };
}

/** One session's view of a root. */
export function fileSystemOf(root: Root, settings: LocalFilesSettings, { promised, owners }: Shared): LocalFileSystem {
  const { directory, containment, driver } = root;
  return new LocalFileSystem({
    ...settings,
    root: directory,
    containment,
    driver,
    uploads: new Uploads(promised),
    owners,
  });
}
