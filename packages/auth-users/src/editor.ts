import { isMap, isPair, isSeq, type Pair, type YAMLMap, type YAMLSeq } from "yaml";
import { parseHash } from "./hash.ts";
import { parseKey } from "./key.ts";
import { Mistake } from "./mistake.ts";
import { canonicalName, parseName } from "./name.ts";
import { readUsers } from "./reader.ts";
import { isEmpty, isJson, keyText, Source, usersFileError } from "./source.ts";
import { Splice, type Data } from "./splice.ts";
import { summaryOf, type UserSummary } from "./summary.ts";

/** What a new user starts with. */
export interface NewUser {
  /** A PHC string, as `hashPassword` makes it. */
  readonly passwordHash?: string;
  /** Lines as in `authorized_keys`. */
  readonly keys?: readonly string[];
  /** Where sessions start: an absolute path as clients see it. */
  readonly home?: string;
  readonly groups?: readonly string[];
  /** A date such as `2027-12-31` or a time of RFC 3339. */
  readonly expires?: string;
}

/**
 * Changes to the text of a users file; whatever they do not touch stays as it is, comments included.
 *
 * Each method throws where the change makes no sense: a user who is there already or not at all, a malformed key.
 */
export class UsersEditor {
  readonly #file: string;
  #source: Source;

  constructor(file: string, text: string) {
    this.#file = file;
    this.#source = parsed(file, text);
  }

  /** The text as changed so far. */
  get text(): string {
    return this.#source.text;
  }

  /** Everybody in the file, without secrets; nobody in a new one. @throws SetupError where the file as it is now has mistakes. */
  listUsers(): UserSummary[] {
    // Nothing has been written yet, where there was no file.
    if (isEmpty(this.#source.document.contents)) return [];
    return [...readUsers(this.#source).values()].map(summaryOf);
  }

  addUser(name: string, user: NewUser = {}): void {
    const canonical = parseName(name);
    if (this.#find(canonical) !== undefined) throw new Mistake(`there is a user "${canonical}" already`);
    if (user.passwordHash !== undefined) parseHash(user.passwordHash);
    const fields: Record<string, Data> = {};
    if (user.passwordHash !== undefined) fields["password"] = user.passwordHash;
    if (user.keys !== undefined && user.keys.length > 0) fields["keys"] = user.keys.map(checkedKey);
    if (user.home !== undefined) fields["home"] = user.home;
    if (user.groups !== undefined && user.groups.length > 0) fields["groups"] = user.groups;
    if (user.expires !== undefined) fields["expires"] = user.expires;
    const { root, users } = this.#users();
    this.#write((splice) => splice.addEntry(root, users, canonical, fields));
  }

  removeUser(name: string): void {
    const { map, entry } = this.#user(name);
    this.#write((splice) => splice.removeEntry(map, entry));
  }

  /** Gives a user a password, or another one. */
  setPassword(name: string, passwordHash: string): void {
    parseHash(passwordHash);
    this.#set(name, "password", passwordHash);
  }

  /** Bars a user, or lets them in again. */
  setDisabled(name: string, disabled: boolean): void {
    this.#set(name, "disabled", disabled);
  }

  /** Adds a line as in `authorized_keys`. Returns the key's fingerprint. */
  addKey(name: string, line: string): string {
    const { fingerprint } = parseKey(line);
    const { map, entry } = this.#user(name);
    const { keys, list } = this.#keys(entry);
    if (list?.items.some((item) => fingerprintOf(item) === fingerprint) === true) {
      throw new Mistake(`the user "${name}" has the key ${fingerprint} already`);
    }
    const text = checkedKey(line);
    if (list !== undefined && list.items.length > 0) {
      this.#write((splice) => splice.addItem(list, text));
    } else if (keys !== undefined && isMap(entry.value)) {
      const fields = entry.value;
      this.#write((splice) => splice.fillEntry(fields, keys, [text]));
    } else {
      this.#write((splice) => splice.addEntry(map, entry, "keys", [text]));
    }
    return fingerprint;
  }

  /** Takes a key away, by its fingerprint (`SHA256:…`). */
  removeKey(name: string, fingerprint: string): void {
    const { entry } = this.#user(name);
    const { keys, list } = this.#keys(entry);
    const index = list?.items.findIndex((item) => fingerprintOf(item) === fingerprint) ?? -1;
    if (list === undefined || keys === undefined || index < 0) {
      throw new Mistake(`the user "${name}" has no key ${fingerprint}`);
    }
    const fields = entry.value;
    this.#write((splice) => {
      return list.items.length === 1 && isMap(fields)
        ? splice.removeEntry(fields, keys)
        : splice.removeItem(list, index);
    });
  }

  #set(name: string, field: string, value: string | boolean): void {
    const { map, entry } = this.#user(name);
    const fields = entry.value;
    const present = isMap(fields) ? entryOf(fields, (key) => key === field) : undefined;
    this.#write((splice) => {
      return isMap(fields) && present !== undefined
        ? splice.setEntry(fields, present, value)
        : splice.addEntry(map, entry, field, value);
    });
  }

  #write(change: (splice: Splice) => string): void {
    this.#source = parsed(this.#file, change(new Splice(this.#source.text)));
  }

  #user(name: string): { readonly map: YAMLMap; readonly entry: Pair } {
    const found = this.#find(name);
    if (found === undefined) throw new Mistake(`there is no user "${name}"`);
    return found;
  }

  #find(name: string): { readonly map: YAMLMap; readonly entry: Pair } | undefined {
    const canonical = canonicalName(name);
    const root = this.#source.document.contents;
    const map = isMap(root) ? entryOf(root, (key) => key === "users")?.value : undefined;
    if (canonical === undefined || !isMap(map)) return undefined;
    const entry = entryOf(map, (key) => canonicalName(key) === canonical);
    return entry === undefined ? undefined : { map, entry };
  }

  #keys(user: Pair): { readonly keys: Pair | undefined; readonly list: YAMLSeq | undefined } {
    const keys = isMap(user.value) ? entryOf(user.value, (key) => key === "keys") : undefined;
    return { keys, list: isSeq(keys?.value) ? keys.value : undefined };
  }

  /** The entry `users`, which is written first where it is missing. */
  #users(): { readonly root: YAMLMap; readonly users: Pair } {
    const root = this.#source.document.contents;
    if (isMap(root)) {
      const users = entryOf(root, (key) => key === "users");
      if (users !== undefined) return { root, users };
    }
    // What holds something else, but no users, is refused as any reader would; this must not write over it.
    if (!isEmpty(root) && !(isMap(root) && root.items.length === 0)) readUsers(this.#source);
    this.#source = parsed(this.#file, withUsers(this.#file, this.#source.text));
    return this.#users();
  }
}

/** The text of a file without users, which may have comments, with a place for users. */
function withUsers(file: string, text: string): string {
  if (isJson(file)) return '{\n  "users": {}\n}\n';
  const comments = text.replace(/^\{\s*\}\s*$/m, "").trimEnd();
  return comments === "" ? "users: {}\n" : `${comments}\nusers: {}\n`;
}

/** Only what can be parsed can be changed; the rest is judged when it is written. */
function parsed(file: string, text: string): Source {
  const source = new Source(file, text);
  if (!source.sound) throw usersFileError(source.problems);
  return source;
}

function entryOf(map: YAMLMap, isMeant: (key: string) => boolean): Pair | undefined {
  return map.items.find((item) => isPair(item) && isMeant(keyText(item.key) ?? ""));
}

function checkedKey(line: string): string {
  parseKey(line);
  return line.trim();
}

function fingerprintOf(item: unknown): string | undefined {
  try {
    return parseKey(keyText(item) ?? "").fingerprint;
  } catch {
    return undefined;
  }
}
