import { createHash } from "node:crypto";
import { bytesFromText, namesOf, readSize, type SftpPath, type User } from "@sluice/core";
import { unlimited, type Limit } from "./ledger.ts";
import type { QuotaSettings, StorageSettings, TreeSettings } from "./options.ts";

/** Somebody or something whose storage is limited. */
export interface Subject {
  /** Its name in the store. */
  readonly key: string;
  /** As people read it. */
  readonly title: string;
  readonly limit: Limit;
}

/** The subjects of one user, and those of a path. */
export class Subjects {
  readonly #settings: QuotaSettings;
  readonly #trees: readonly { readonly names: readonly string[]; readonly settings: TreeSettings }[];

  constructor(settings: QuotaSettings) {
    this.#settings = settings;
    this.#trees = Object.entries(settings.trees).map(([path, tree]) => ({
      names: namesOf(path as SftpPath),
      settings: tree,
    }));
  }

  /** Whether what a path is matters to who has to answer for it. */
  get hasTrees(): boolean {
    return this.#trees.length > 0;
  }

  /** Who answers for what the user stores, wherever it is. */
  ofUser(user: User): readonly Subject[] {
    const subjects: Subject[] = [];
    const own = this.#userLimit(user);
    if (own !== undefined) subjects.push({ key: keyOfUser(user), title: `user ${user.name}`, limit: own });
    for (const group of user.groups) {
      const settings = ownOf(this.#settings.groups, group);
      if (settings !== undefined)
        subjects.push({ key: `group/${encoded(group)}`, title: `group ${group}`, limit: limitOf(settings) });
    }
    return subjects;
  }

  /** The user's name in the books, where there are any of a user: a limit may be in claims that are known at the login alone. */
  userKey(user: User): string | undefined {
    const { bytes, files } = this.#settings.claims;
    const claimed = bytes !== undefined || files !== undefined;
    return claimed || this.#userLimit(user) !== undefined ? keyOfUser(user) : undefined;
  }

  /** Who answers for what is at that path: the user's subjects, and the trees that it lies in. A tree's own folder is not in it. */
  of(user: User, path: SftpPath): readonly Subject[] {
    return [...this.ofUser(user), ...this.treesOf(user, path)];
  }

  treesOf(user: User, path: SftpPath): readonly Subject[] {
    if (!this.hasTrees) return [];
    const names = namesOf(path);
    const subjects: Subject[] = [];
    for (const { names: pattern, settings } of this.#trees) {
      if (names.length <= pattern.length || !pattern.every((name, i) => name === "*" || name === names[i])) continue;
      const root = `/${names.slice(0, pattern.length).join("/")}`;
      const whose = settings.perUser ? `${encoded(user.name)}/` : "";
      const kind = settings.perUser ? "user-tree" : "tree";
      subjects.push({ key: `${kind}/${whose}${encoded(root)}`, title: `folder ${root}`, limit: limitOf(settings) });
    }
    return subjects;
  }

  /** What tells the file at a path from all others: everybody sees a shared tree alike, and what is outside may be each user's own. */
  placeOf(user: User, path: SftpPath): string {
    const shared = this.treesOf(user, path).some(({ key }) => key.startsWith("tree/"));
    return shared ? path : `${encoded(user.name)}:${path}`;
  }

  #userLimit(user: User): Limit | undefined {
    const settings = ownOf(this.#settings.users, user.name) ?? ownOf(this.#settings.users, "*");
    const { bytes, files } = this.#settings.claims;
    const claimed = {
      bytes: claimOf(user, bytes, readSize),
      files: claimOf(user, files, (value) => (/^\d{1,15}$/.test(String(value)) ? Number(value) : 0)),
    };
    if (settings === undefined && claimed.bytes === undefined && claimed.files === undefined) return undefined;
    const limit = settings === undefined ? unlimited : limitOf(settings);
    return { bytes: claimed.bytes ?? limit.bytes, files: claimed.files ?? limit.files };
  }
}

function keyOfUser({ name }: User): string {
  return `user/${encoded(name)}`;
}

/** A claim that says nothing that can be understood allows nothing: a limit that was meant must not vanish by a slip. */
function claimOf(user: User, name: string | undefined, parse: (value: number | string) => number): number | undefined {
  if (name === undefined) return undefined;
  const claim = ownOf(user.claims, name);
  const value: unknown = Array.isArray(claim) ? claim[0] : claim;
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value !== "string" && typeof value !== "number") return 0;
  try {
    return parse(value);
  } catch {
    return 0;
  }
}

function limitOf({ bytes, files }: StorageSettings): Limit {
  return { bytes: bytes ?? Infinity, files: files ?? Infinity };
}

/** Names come from outside: what every object has by nature is nobody's setting. */
function ownOf<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

/** Fits into a store's key, whatever its length and bytes. */
export function encoded(name: string): string {
  const plain = /\p{Surrogate}/u.test(name) ? undefined : encodeURIComponent(name);
  if (plain !== undefined && plain.length <= 200) return plain;
  return `~${createHash("sha256").update(bytesFromText(name)).digest("hex")}`;
}
