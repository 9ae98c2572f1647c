import { setImmediate } from "node:timers/promises";
import { fileSystemSuite, runSuite } from "@sluice/testing";
import { describe, it } from "vitest";
import { descriptorsUnder, makeGround, variants, type Variant } from "../test/fixture.ts";
import type { LocalFilesOptions } from "./options.ts";

/** Cases of the suite, each with why it does not apply. */
type Exceptions = Readonly<Record<string, string>>;

function because(reason: string, cases: readonly string[]): Exceptions {
  return Object.fromEntries(cases.map((name) => [name, reason]));
}

const needsLinks = because("the case makes a link, and this policy does not let clients make any", [
  "open: every combination of flags, where there is a dangling link",
  "open: an exclusive create is refused where there is a link to a file",
  "open: an upload through a link changes its target and keeps the link",
  "list: a link is told as a link, dangling or not",
  "list: a link to a directory lists that directory",
  "mkdir: a dangling link is refused",
  "names: a link target is kept byte for byte",
  "readlink: what is no link is refused",
  "realpath: links are resolved, on the way and at the end",
  "realpath: loops are refused",
  "remove: a link goes, its target stays",
  "rename: a directory does not move into itself through a link",
  "rename: a link moves itself, not its target",
  "rename: with overwrite a link is replaced, not followed",
  "rename: without overwrite a dangling link is refused",
  "rmdir: a link to a directory is refused",
  "setAttributes: what is missing is refused",
  "setAttributes: with follow it changes the target, without the link or nothing",
  "stat: a dangling link is there, its target is not",
  "stat: with follow it is of the target, without of the link",
  "symlink: a link on the way is followed, by whatever method",
  "symlink: a missing directory is refused",
  "symlink: a name that is taken is refused",
  "symlink: a relative target starts at the link's directory",
  "symlink: an absolute target starts at the root of the tree",
  "symlink: links lead to links",
  "symlink: loops are refused",
  "symlink: no target leads out of the tree",
  "symlink: the target is stored as it is given",
]);

const needsAtomicUploads = because("without atomic, an upload is written into the file itself, for all to see", [
  "close: after an aborted upload the name is free",
  "close: an aborted upload of a new file leaves nothing",
  "close: an aborted upload over a file keeps the old content",
  "close: an aborted upload that wrote nothing leaves nothing",
  "close: an upload that is refused leaves nothing, and over a file the old content",
  "close: hundreds of aborted uploads and downloads leave nothing open and no names",
  "close: of two uploads over a file, the last completed one wins",
  "close: of two uploads to a new name, the last completed one wins",
  "close: until it is completed, others see the old content and no other names",
  "close: uploads closed at once leave one of them, never a mixture",
  "copyTo: an aborted copy over a file keeps the old content",
  "read: who opened the old file reads it to its end",
]);

const needsAbortedGone = because("keepPartial keeps what had arrived of a new file when its client vanished", [
  "close: after an aborted upload the name is free",
  "close: an aborted upload of a new file leaves nothing",
  "close: an aborted upload that wrote nothing leaves nothing",
  "close: hundreds of aborted uploads and downloads leave nothing open and no names",
]);

function hold(
  title: string,
  variant: Variant,
  options: Partial<LocalFilesOptions> = {},
  except: Exceptions = {},
): void {
  const cases = fileSystemSuite({
    create: async () => {
      const ground = await makeGround(variant, options);
      return {
        fs: ground.fs,
        held: async () => {
          // The directory that was walked to last is held until the turn is over.
          await setImmediate();
          return descriptorsUnder(ground.base).length;
        },
        close: () => ground.cleanUp(),
      };
    },
    except,
    absent: ["lock", "unlock"],
  });
  runSuite(`a local directory, ${variant.title}${title}`, cases, { describe, it });
}

for (const variant of variants) hold("", variant);

// How the calls are made is another question than what they are to do: each policy is tried in one way.
const [usual] = variants;
if (usual === undefined) throw new Error("There is no way to run the operations");
hold(", links denied", usual, { symlinks: "deny" }, needsLinks);
hold(", in place", usual, { atomic: false }, needsAtomicUploads);
hold(", in place, links denied", usual, { atomic: false, symlinks: "deny" }, { ...needsAtomicUploads, ...needsLinks });
hold(", durable, partial uploads kept", usual, { durable: true, keepPartial: true }, needsAbortedGone);
