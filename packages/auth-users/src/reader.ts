import { SftpError, sftpPath, type SftpPath } from "@sluice/core";
import { Cursor } from "./cursor.ts";
import { parseHash } from "./hash.ts";
import { parseKey, type AuthorizedKey } from "./key.ts";
import { Mistake } from "./mistake.ts";
import { parseName } from "./name.ts";
import { usersFileError, type Source } from "./source.ts";
import { parseUserExpiry } from "./time.ts";
import type { FileUser } from "./user.ts";

const userFields = ["password", "keys", "home", "groups", "claims", "disabled", "expires"];

/** Reads all users, by canonical name. @throws SetupError `ERR_SLUICE_USERS_FILE` with everything that is wrong. */
export function readUsers(source: Source): ReadonlyMap<string, FileUser> {
  // After a syntax error the rest would be complaints about what the parser made up.
  const users = source.sound ? readRoot(new Cursor(source, source.document.contents)) : new Map<string, FileUser>();
  if (!source.sound) throw usersFileError(source.problems);
  return users;
}

function readRoot(root: Cursor): Map<string, FileUser> {
  const users = new Map<string, FileUser>();
  const top = root.fields(["users"]);
  if (top !== undefined && !top.has("users")) root.fail('"users" is missing; without users, write "users: {}"');
  for (const [name, at] of top?.get("users")?.named(parseName) ?? []) {
    const user = readUser(name, at);
    if (user !== undefined) users.set(name, user);
  }
  return users;
}

function readUser(name: string, at: Cursor): FileUser | undefined {
  const fields = at.fields(userFields);
  if (fields === undefined) return undefined;
  return {
    name,
    password: fields.get("password")?.text(parseHash),
    keys: readKeys(fields.get("keys")),
    home: fields.get("home")?.text(parseHome),
    groups: readGroups(fields.get("groups")),
    claims: fields.get("claims")?.object() ?? {},
    disabled: fields.get("disabled")?.flag() ?? false,
    expiresAt: fields.get("expires")?.text(parseUserExpiry),
  };
}

function readKeys(at: Cursor | undefined): AuthorizedKey[] {
  const seen = new Set<string>();
  return readList(at, (item) => {
    const key = item.text(parseKey);
    if (key === undefined) return undefined;
    if (seen.has(key.fingerprint)) return item.fail("is the same key as one above");
    seen.add(key.fingerprint);
    return key;
  });
}

function readGroups(at: Cursor | undefined): string[] {
  const seen = new Set<string>();
  return readList(at, (item) => {
    const group = item.text(parseName);
    if (group === undefined) return undefined;
    if (seen.has(group)) return item.fail("is given twice");
    seen.add(group);
    return group;
  });
}

function readList<T>(at: Cursor | undefined, read: (item: Cursor) => T | undefined): T[] {
  return (at?.items() ?? []).map(read).filter((item) => item !== undefined);
}

function parseHome(text: string): SftpPath {
  if (!text.startsWith("/")) throw new Mistake('is not an absolute path as clients see it, such as "/projects"');
  try {
    return sftpPath(text);
  } catch (error) {
    if (SftpError.is(error)) throw new Mistake(`is not a path: ${error.message}`);
    throw error;
  }
}
