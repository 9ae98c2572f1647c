import type { User } from "../connection.ts";
import { rootPath, sftpPath } from "../path.ts";
import type { UserDraft } from "./method.ts";

/** What factors say of one user, put together: groups join, claims merge, the last home wins. */
export function joined(name: string | undefined, drafts: readonly UserDraft[]): UserDraft {
  const home = drafts.findLast((draft) => draft.home !== undefined)?.home;
  return {
    ...(name === undefined ? {} : { name }),
    ...(home === undefined ? {} : { home }),
    groups: [...new Set(drafts.flatMap((draft) => draft.groups ?? []))],
    claims: Object.assign(Object.create(null), ...drafts.map((draft) => draft.claims ?? {})) as User["claims"],
  };
}

/** What a factor says, without claims that are nobody's to see but the methods'. */
export function withoutClaims(draft: UserDraft, secret: ReadonlySet<string>): UserDraft {
  const { claims } = draft;
  if (claims === undefined || secret.size === 0) return draft;
  return { ...draft, claims: Object.fromEntries(Object.entries(claims).filter(([name]) => !secret.has(name))) };
}

/** The user that the factors make. @throws Error where `home` is no path */
export function assemble(name: string, drafts: readonly UserDraft[]): User {
  const { home, groups = [], claims = {} } = joined(name, drafts);
  return Object.freeze({
    name,
    home: home === undefined ? rootPath : sftpPath(home),
    groups: Object.freeze(groups),
    claims: Object.freeze(claims),
  });
}
