export { permissions } from "./permissions.ts";
export type { PermissionsOptions } from "./options.ts";
export type { RuleOptions } from "./rule.ts";
export type { Day, Hours } from "./hours.ts";
export type { Preset, Verb } from "./verbs.ts";
