import fs from "node:fs";
import { promisify } from "node:util";
import { SftpError, type Attributes, type ErrorStatus, type OwnerNames } from "@sluice/core";

const statLater = promisify<string, fs.Stats>(fs.stat);
const readLater = promisify((path: string, done: (error: Error | null, text: string) => void) =>
  fs.readFile(path, "utf8", done),
);

/**
 * The names of users and groups, from this machine's own files.
 *
 * The C library would also ask LDAP or SSSD, and would hold a thread while it waits; a listing is not worth that.
 */
export class Owners {
  readonly #users: NumberedNames;
  readonly #groups: NumberedNames;

  constructor(passwd = "/etc/passwd", group = "/etc/group") {
    this.#users = new NumberedNames(passwd);
    this.#groups = new NumberedNames(group);
  }

  async names(uids: readonly number[], gids: readonly number[]): Promise<OwnerNames> {
    const users = await this.#users.load();
    const groups = await this.#groups.load();
    return { users: uids.map((uid) => users.names.get(uid)), groups: gids.map((gid) => groups.names.get(gid)) };
  }

  /** The attributes with an owner and a group given by name put into numbers. */
  async resolve(attributes: Attributes): Promise<Attributes> {
    const { owner, group, ...rest } = attributes;
    if (owner === undefined && group === undefined) return attributes;
    return {
      ...rest,
      ...(owner === undefined ? {} : { uid: numberOf(owner, await this.#users.load(), "ownerInvalid") }),
      ...(group === undefined ? {} : { gid: numberOf(group, await this.#groups.load(), "groupInvalid") }),
    };
  }
}

/** Names may be given as `name`, `name@domain` (NFSv4, as in SFTP v4+) or, where there is no name, as digits. */
function numberOf(given: string, { numbers }: Names, status: ErrorStatus): number {
  const number = numbers.get(given) ?? numbers.get(given.replace(/@.*$/, ""));
  if (number !== undefined) return number;
  if (/^\d{1,10}$/.test(given) && Number(given) < 2 ** 32) return Number(given);
  throw new SftpError(status);
}

interface Names {
  readonly names: ReadonlyMap<number, string>;
  readonly numbers: ReadonlyMap<string, number>;
}

/** A file of lines `name:password:number:…`, read again when it has changed. */
class NumberedNames {
  readonly #path: string;
  #version = "";
  #loaded: Names = { names: new Map(), numbers: new Map() };

  constructor(path: string) {
    this.#path = path;
  }

  async load(): Promise<Names> {
    try {
      const { mtimeMs, ino, size } = await statLater(this.#path);
      const version = `${mtimeMs} ${ino} ${size}`;
      if (version !== this.#version) {
        this.#loaded = parse(await readLater(this.#path));
        this.#version = version;
      }
    } catch {
      // A machine without such a file has numbers only.
    }
    return this.#loaded;
  }
}

/** The first line of a name or number counts, as in the C library. */
function parse(text: string): Names {
  const names = new Map<number, string>();
  const numbers = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [name, , digits] = line.split(":");
    if (name === undefined || name === "" || digits === undefined || !/^\d+$/.test(digits)) continue;
    const number = Number(digits);
    if (!names.has(number)) names.set(number, name);
    if (!numbers.has(name)) numbers.set(name, number);
  }
  return { names, numbers };
}
