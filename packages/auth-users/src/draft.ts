import type { UserDraft } from "@sluice/core";
import type { FileUser } from "./user.ts";

/** What a proven factor says of the user. */
export function draftOf({ name, home, groups, claims }: FileUser): UserDraft {
  return { name, groups, claims, ...(home === undefined ? {} : { home }) };
}
