import {
  defineFileSystem,
  SetupError,
  type FileSystem,
  type FileSystemFactory,
  type FileSystemSource,
  type SessionIdentity,
} from "@sluice/core";
import { LocalFileSystem } from "./filesystem.ts";
import { localFilesOptions, type LocalFilesOptions, type LocalFilesSettings } from "./options.ts";
import { Owners } from "./owners.ts";
import { openRoot, prepareRoot, rootPathFor, type Root, type Tier } from "./root.ts";
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
  return sourceOf(settings, missing === undefined ? "descriptors" : "host-paths");
}

function cannotContain(missing: string): SetupError {
  return new SetupError(
    "ERR_SLUICE_FILE_SYSTEM_ROOT",
    `fs-local: cannot contain a directory on this machine, ${missing}: run it on Linux with /proc, ` +
      `or set containment to "best-effort" for development`,
  );
}

/** Gives each session its own view of its root; they share what must be known of each other's uploads. */
export function sourceOf(
  settings: LocalFilesSettings,
  tier: Tier,
  adapt: (root: Root) => Root = (root) => root,
): (session: SessionIdentity) => Promise<FileSystem> {
  const promised = new Map<string, number>();
  const owners = new Owners();
  const { symlinks, atomic, durable, umask } = settings;
  let warned = false;
  return async (session) => {
    if (tier === "host-paths" && !warned) {
      warned = true;
      session.log.warn(
        "fs-local contains its root by best effort only: for development, not for clients you do not trust",
      );
    }
    const { directory, containment, driver } = adapt(
      await openRoot(rootPathFor(settings.root, session), settings, tier),
    );
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
  };
}
