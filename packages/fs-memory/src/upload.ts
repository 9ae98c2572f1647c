import { SftpError, type CloseOutcome } from "@sluice/core";
import { Directory, type File } from "./inode.ts";
import type { Place } from "./tree.ts";

type Name = Pick<Place, "directory" | "name">;

/**
 * A file on its way to a name. Clients move and remove what they have not closed yet, so an upload follows its name: `rename` takes
 * it along, and after `remove` it has none to get.
 */
export class Upload {
  readonly #file: File;
  #name: Name;

  constructor(file: File, { directory, name }: Name) {
    this.#file = file;
    this.#name = { directory, name };
    directory.uploads.add(this);
  }

  isFor(name: string): boolean {
    return this.#name.name === name;
  }

  /** Directs it to another name. */
  move({ directory, name }: Name): void {
    this.#name.directory.uploads.delete(this);
    this.#name = { directory, name };
    directory.uploads.add(this);
  }

  /**
   * Gives the file its name, or takes away the one that it had. Of several uploads to one name, the one that is completed last
   * wins; an aborted one leaves whatever it has not made itself.
   *
   * @throws SftpError when the name cannot be had any more.
   */
  settle(outcome: CloseOutcome): void {
    const { directory, name } = this.#name;
    if (!directory.uploads.delete(this)) return;
    const present = directory.entries.get(name);
    if (outcome !== "completed") {
      if (present === this.#file && !this.#file.shared) directory.drop(name);
      return;
    }
    if (directory.links === 0) throw new SftpError("noSuchFile", "The directory was removed during the upload");
    if (present instanceof Directory) throw new SftpError("isADirectory");
    directory.put(name, this.#file);
  }
}

/** The name is gone, so the uploads to it have nowhere to go. */
export function cancelUploads({ directory, name }: Name): void {
  for (const upload of directory.uploads) if (upload.isFor(name)) directory.uploads.delete(upload);
}

/** The name has changed, and the uploads to it go on to the new one. */
export function moveUploads(from: Name, to: Name): void {
  for (const upload of from.directory.uploads) if (upload.isFor(from.name)) upload.move(to);
}
