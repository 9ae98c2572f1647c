import { SetupError, type Logger } from "@sluice/core";
import { Decoys } from "./decoys.ts";
import { GateFull } from "./gate.ts";
import type { PasswordHash } from "./hash.ts";
import { canonicalName } from "./name.ts";
import { warmUp } from "./password.ts";
import { loadUsersFile, type UsersFile } from "./users-file.ts";
import { usersFileError } from "./source.ts";
import type { FileUser } from "./user.ts";
import { FileWatch, identify } from "./watch.ts";

/** How a directory follows its file. */
export interface DirectoryOptions {
  /** Whether edits take effect while the server runs. */
  readonly watch: boolean;
  /** How often the file is looked at where the system tells of no events. */
  readonly pollMs?: number;
}

/** The users of a file, as it is now: an edit takes effect at once, a broken one not at all. */
export class Directory {
  readonly #file: string;
  readonly #log: Logger;
  /** What the users were read from; `undefined` since the file became unusable, so that its repair is told of. */
  #text: string | undefined;
  #users: ReadonlyMap<string, FileUser>;
  #decoys: Decoys;
  #watch: FileWatch | undefined;

  private constructor(file: string, log: Logger, { text, users }: UsersFile, decoys: Decoys) {
    this.#file = file;
    this.#log = log;
    this.#text = text;
    this.#users = users;
    this.#decoys = decoys;
  }

  /** Reads the file. @throws SetupError `ERR_SLUICE_USERS_FILE` with everything that is wrong with it. */
  static async open(file: string, log: Logger, options: DirectoryOptions): Promise<Directory> {
    const seen = await identify(file);
    const read = await loadUsersFile(file);
    const directory = new Directory(file, log, read, await decoysFor(file, read.users));
    directory.#warnOfMode(read.mode);
    log.info({ file, users: read.users.size }, `Read ${countOf(read.users)}`);
    if (options.watch) directory.#watch = new FileWatch(file, seen, () => directory.#reload(), options.pollMs);
    return directory;
  }

  /** The user whom a client means, in whatever way it typed the name. */
  find(username: string): FileUser | undefined {
    const name = canonicalName(username);
    return name === undefined ? undefined : this.#users.get(name);
  }

  /** What to check a password against where there is nothing to check it against. */
  decoy(username: string): PasswordHash {
    return this.#decoys.for(canonicalName(username) ?? "");
  }

  /** Stops following the file. */
  async close(): Promise<void> {
    await this.#watch?.close();
  }

  async #reload(): Promise<void> {
    try {
      const read = await loadUsersFile(this.#file);
      if (read.text === this.#text) return;
      const decoys = await decoysFor(this.#file, read.users);
      this.#text = read.text;
      this.#users = read.users;
      this.#decoys = decoys;
      this.#warnOfMode(read.mode);
      this.#log.info(
        { file: this.#file, users: read.users.size },
        `Read ${countOf(read.users)} again: the file has changed`,
      );
    } catch (error) {
      this.#keep(error);
    }
  }

  #keep(error: unknown): void {
    this.#text = undefined;
    const problems = error instanceof SetupError ? error.message.split("\n") : [String(error)];
    const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
    this.#log.error(
      { file: this.#file, problems },
      `${problems[0]}${more}; the ${countOf(this.#users)} read before stay`,
    );
  }

  #warnOfMode(mode: number): void {
    if (process.platform === "win32" || (mode & 0o026) === 0) return;
    const octal = mode.toString(8).padStart(4, "0");
    this.#log.warn(
      { file: this.#file, mode: octal },
      `The users file may be read by everybody or written by others (mode ${octal}); chmod 600 it`,
    );
  }
}

/** Also proves that every algorithm in use works on this machine, before the first login needs it. */
async function decoysFor(file: string, users: ReadonlyMap<string, FileUser>): Promise<Decoys> {
  const decoys = new Decoys([...users.values()].flatMap(({ password }) => (password === undefined ? [] : [password])));
  for (const hash of decoys.efforts) {
    try {
      await warmUp(hash);
    } catch (error) {
      // Only a reload can meet a flood of logins; what has just been checked by a login needs no proof.
      if (!(error instanceof GateFull)) throw usersFileError([`${file}: ${(error as Error).message}`], error);
    }
  }
  return decoys;
}

function countOf(users: ReadonlyMap<string, FileUser>): string {
  return users.size === 1 ? "1 user" : `${users.size} users`;
}
