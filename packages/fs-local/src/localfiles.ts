import { defineFileSystem, SetupError, type FileSystemFactory, type FileSystemSource } from "@sluice/core";
import { LocalFileSystem } from "./filesystem.ts";
import { localFilesOptions, type LocalFilesOptions, type LocalFilesSettings } from "./options.ts";
import { Owners } from "./owners.ts";
import { openRoot, prepareRoot, rootPathFor, type Root } from "./root.ts";
import { missingForDescriptors } from "./selftest.ts";
import { Uploads } from "./upload.ts";

/**
 * A directory of this machine as a file system: nothing outside of it can be reached through it, not by `..`, not by links,
 * and not while somebody renames directories and links underneath.
 *
 * @throws SetupError `ERR_SLUICE_FILE_SYSTEM_ROOT` if the root is missing or this machine cannot contain it;
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
  prepareRoot(settings);
  const tier = missing === undefined ? "descriptors" : "host-paths";
  const shared = sharedBySessions();
  let warned = false;
  return async (session) => {
    if (tier === "host-paths" && !warned) {
      warned = true;
      session.log.warn("fs-local contains its root by best effort only: not for clients you do not trust");
    }
    const root = await openRoot(rootPathFor(settings.root, session), settings, tier);
    return fileSystemOf(root, settings, shared);
  };
}

function cannotContain(missing: string): SetupError {
  return new SetupError(
    "ERR_SLUICE_FILE_SYSTEM_ROOT",
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
  const { symlinks, atomic, durable, umask } = settings;
  const { directory, containment, driver } = root;
  const uploads = new Uploads(promised);
  return new LocalFileSystem({
    root: directory,
    containment,
    driver,
    symlinks,
    atomic,
    durable,
    umask,
    uploads,
    owners,
  });
}
