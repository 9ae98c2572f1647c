import type { Stats } from "node:fs";
import { SftpError, type Attributes } from "@sluice/core";
import { z } from "zod";

/** What becomes of an attribute: it is set, left out without a word, or the request is refused. */
export type AttributeRule = "apply" | "ignore" | "refuse";

/** The rules by kind of attribute. Access control lists and extended attributes cannot be applied. */
export interface AttributePolicy {
  readonly size: AttributeRule;
  readonly mode: AttributeRule;
  readonly times: AttributeRule;
  readonly owner: AttributeRule;
  readonly acl: Exclude<AttributeRule, "apply">;
  readonly extended: Exclude<AttributeRule, "apply">;
}

/** As it is given: one rule for all, or those that differ from the defaults. */
export type SetstatOption = AttributeRule | { readonly [K in keyof AttributePolicy]?: AttributePolicy[K] | undefined };

const defaults: AttributePolicy = {
  size: "apply",
  mode: "apply",
  times: "apply",
  // A process with the right to give files away would do it for every client.
  owner: "refuse",
  acl: "refuse",
  extended: "refuse",
};

const rule = z.enum(["apply", "ignore", "refuse"]);
const unsettable = z.enum(["ignore", "refuse"]);

/** Checks the option and fills it up. */
export const setstatOption: z.ZodType<AttributePolicy, SetstatOption> = z
  .union([
    rule,
    z.strictObject({
      size: rule.optional(),
      mode: rule.optional(),
      times: rule.optional(),
      owner: rule.optional(),
      acl: unsettable.optional(),
      extended: unsettable.optional(),
    }),
  ])
  .transform(attributePolicy);

/** The rules that an option stands for. `apply` alone is what the defaults are. */
export function attributePolicy(option: SetstatOption): AttributePolicy {
  if (option === "apply") return defaults;
  if (typeof option === "string") {
    return { size: option, mode: option, times: option, owner: option, acl: option, extended: option };
  }
  const given = Object.entries(option).filter(([, value]) => value !== undefined);
  return { ...defaults, ...(Object.fromEntries(given) as Partial<AttributePolicy>) };
}

/** What is left of attributes that a client sets; refuses what can never be set. A time of creation is left out: copying clients always send it. */
export function settable(attributes: Attributes, policy: AttributePolicy): Attributes {
  if (attributes.acl !== undefined && policy.acl === "refuse") {
    throw new SftpError("unsupported", "Access control lists cannot be set here");
  }
  if ((attributes.extended?.size ?? 0) > 0 && policy.extended === "refuse") {
    throw new SftpError("unsupported", "Extended attributes cannot be set here");
  }
  return only(attributes, (rule) => rule !== "ignore", policy);
}

/** What is to be changed; refuses a change of what may not be changed. What it has already is no change. */
export function permitted(stats: Stats, attributes: Attributes, policy: AttributePolicy): Attributes {
  const { size = stats.size, mode = stats.mode, uid = stats.uid, gid = stats.gid } = attributes;
  const { atimeMs = stats.atimeMs, mtimeMs = stats.mtimeMs } = attributes;
  if (policy.size === "refuse" && size !== stats.size) throw refused("Sizes");
  if (policy.mode === "refuse" && (mode & 0o777) !== (stats.mode & 0o777)) throw refused("Permissions");
  if (policy.owner === "refuse" && (uid !== stats.uid || gid !== stats.gid)) throw refused("Owners");
  if (policy.times === "refuse" && !(sameSecond(atimeMs, stats.atimeMs) && sameSecond(mtimeMs, stats.mtimeMs))) {
    throw refused("Times");
  }
  return only(attributes, (rule) => rule === "apply", policy);
}

/** Clients of version 3 know seconds only. */
function sameSecond(a: number, b: number): boolean {
  return Math.floor(a / 1000) === Math.floor(b / 1000);
}

function refused(what: string): SftpError {
  return new SftpError("permissionDenied", `${what} cannot be changed here`);
}

/** The attributes whose rule is as wanted, and nothing of what can never be set. */
function only(given: Attributes, wanted: (rule: AttributeRule) => boolean, policy: AttributePolicy): Attributes {
  const { size, mode, uid, gid, owner, group, atimeMs, mtimeMs } = given;
  const kept = {
    ...(wanted(policy.size) ? { size } : {}),
    ...(wanted(policy.mode) ? { mode } : {}),
    ...(wanted(policy.owner) ? { uid, gid, owner, group } : {}),
    ...(wanted(policy.times) ? { atimeMs, mtimeMs } : {}),
  };
  return Object.fromEntries(Object.entries(kept).filter(([, value]) => value !== undefined));
}
