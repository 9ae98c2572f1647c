import { z } from "zod";
import { days } from "./hours.ts";
import { readRule, type RuleOptions } from "./rule.ts";
import { presets, verbs, type Preset } from "./verbs.ts";

/** Options of `permissions`. */
export interface PermissionsOptions {
  /** In the order of importance: the first that speaks of a verb on a path decides it. What none speaks of is refused. */
  readonly rules: readonly RuleOptions[];
  /**
   * SFTP extensions that mean no operation of their own, by name, and that anybody may use. @default OpenSSH's `limits` and
   * `users-groups-by-id`
   */
  readonly extensions?: readonly string[];
}

const text = z.string().min(1, "must not be empty");
const texts = z.array(text).min(1, "name at least one, or leave it out");
const presetNames = Object.keys(presets) as [Preset, ...Preset[]];
const named = z.union([z.enum(presetNames), z.array(z.enum(verbs))], {
  error: `expected ${presetNames.map((name) => `"${name}"`).join(", ")}, or a list of ${verbs.join(", ")}`,
});
const hours = z.strictObject({
  days: z.array(z.enum(days)).min(1, "name at least one day, or leave it out").optional(),
  from: text.optional(),
  to: text.optional(),
  timeZone: text.optional(),
});

const rule = z
  .strictObject({
    name: text.optional(),
    users: texts.optional(),
    groups: texts.optional(),
    paths: texts.optional(),
    allow: named.optional(),
    deny: named.optional(),
    hide: z.boolean().optional(),
    addresses: texts.optional(),
    hours: z.array(hours).min(1, "name some hours, or leave it out").optional(),
    maxFileBytes: z.union([z.number(), z.string()], { error: 'expected a size such as "10 MiB"' }).optional(),
  })
  .superRefine((value, context) => {
    try {
      readRule(value as RuleOptions, 0);
    } catch (error) {
      const [, field = "", message = ""] = /^([\w.]+): (.*)$/s.exec((error as Error).message) ?? [];
      const path = field.split(".").map((part) => (/^\d+$/.test(part) ? Number(part) : part));
      context.addIssue({ code: "custom", path, message });
    }
  });

/** Checks the options, each rule whole. */
export const schema: z.ZodType<Required<PermissionsOptions>, PermissionsOptions> = z.strictObject({
  rules: z.array(rule).min(1, "without a rule everything is refused; write at least one"),
  extensions: z.array(text).default(["limits@openssh.com", "users-groups-by-id@openssh.com"]),
}) as unknown as z.ZodType<Required<PermissionsOptions>, PermissionsOptions>;
