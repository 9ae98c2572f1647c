import {
  defaultLimits,
  defaultPenalties,
  defaultRekeyLimits,
  logLevels,
  nearest,
  type AlgorithmLists,
  type AuthPolicies,
  type ListenOptions,
  type OptionIssue,
} from "@sluice/core";
import { z } from "zod";
import type { Config, MountConfig, PluginConfig } from "./config.ts";
import type { Problem } from "./source.ts";

// The schemas of plugins too, for they share this setting of the library: an unknown key is refused with a suggestion, a line each.
z.config({
  customError: (issue) => {
    const { shape } = (issue.inst as z.core.$ZodObject | undefined)?._zod.def ?? {};
    if (issue.code !== "unrecognized_keys" || shape === undefined) return undefined;
    return issue.keys.map((key) => unknownKey(key, Object.keys(shape))).join("\n");
  },
});

function unknownKey(key: string, known: readonly string[]): string {
  const near = nearest(key, known);
  return `unknown option${near === undefined ? `; known are ${known.join(", ")}` : `; did you mean "${near}"?`}`;
}

/** Checks a value by the schema that its shape asks for, so that the message is about that shape and not about all of them. */
function byShape(choose: (value: unknown) => z.ZodType): z.ZodType {
  return z.unknown().superRefine((value, context) => {
    for (const { path, message, atKey } of problemsOf(choose(value).safeParse(value).error?.issues ?? [])) {
      context.addIssue({ code: "custom", path: [...path], message, params: { atKey } });
    }
  });
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function hasMethod(value: unknown, name: string): boolean {
  return isObject(value) && typeof (value as Record<string, unknown>)[name] === "function";
}

/** Whether a value is a plugin, not its name. */
export function isPlugin(value: unknown): boolean {
  return hasMethod(value, "setup") && hasMethod(value, "validate");
}

const aFunction = z.custom<unknown>((value) => typeof value === "function", "expected a function");
const accepted = z.unknown();
const name = z.string().min(1, "must not be empty");
const port = z
  .int("expected a port from 0 to 65535")
  .min(0, "expected a port from 0 to 65535")
  .max(65_535, "expected a port from 0 to 65535");
const positive = z.int("expected a whole number from 1").min(1, "expected a whole number from 1");

const listenShape = {
  port: port.optional(),
  host: name.optional(),
  path: name.optional(),
  backlog: positive.optional(),
  exclusive: z.boolean().optional(),
} satisfies Record<keyof ListenOptions, z.ZodType>;
const address = byShape((value) => {
  if (!isObject(value)) return port;
  const either = "a Unix socket has no port and no host; leave out path, or both";
  return z.strictObject(listenShape).refine(() => !("path" in value) || !("port" in value || "host" in value), either);
});

const hostKey = byShape((value) => {
  if (!isObject(value)) return name;
  const passphrase = z.string().optional();
  return "key" in value
    ? z.strictObject({
        key: z.custom<unknown>((key) => typeof key === "string" || key instanceof Uint8Array, "expected a key's text"),
        passphrase,
      })
    : z.strictObject({ path: name, passphrase });
});

const plugin = byShape((value) => {
  if (!isObject(value))
    return z.string("expected a package's name, or its name with options").min(1, "must not be empty");
  if (isPlugin(value)) return accepted;
  const one = "expected one package's name with its options; begin each plugin with a dash of its own";
  return z.record(z.string(), z.unknown()).refine((entry) => Object.keys(entry).length === 1, one);
}) as z.ZodType<PluginConfig>;

const fileSystem = byShape((value) => {
  if (typeof value === "function" || hasMethod(value, "open")) return accepted;
  return z.string("expected a package's name").min(1, "must not be empty");
});
const mountShape = {
  path: z.string().startsWith("/", 'expected a path that begins with "/"'),
  use: fileSystem,
  options: accepted.optional(),
} satisfies Record<keyof MountConfig, z.ZodType>;

const logShape = {
  level: z.enum(logLevels).optional(),
  destination: byShape((value) =>
    typeof value === "string" ? name : z.int("expected a path, or the number of a descriptor").min(1),
  ).optional(),
};

const names = z.array(name);
const algorithmShape = {
  kex: names.optional(),
  cipher: names.optional(),
  mac: names.optional(),
  serverHostKey: names.optional(),
  publicKey: names.optional(),
  compress: names.optional(),
} satisfies Record<keyof AlgorithmLists, z.ZodType>;
const algorithmPreset = z.enum(["modern", "compatible"], 'expected "modern", "compatible", or lists of algorithms');

const neverTrue = z.literal(false, "expected false, or some of the penalties");

/** Some of these, as whole numbers from 1. */
function numbers(defaults: object): z.ZodType {
  return z.strictObject(Object.fromEntries(Object.keys(defaults).map((key) => [key, positive.optional()])));
}

const alternatives = "expected alternatives such as [[password, totp], [authorized-keys]]";
const policy = z
  .array(z.array(name, alternatives).min(1, "expected at least one method"), alternatives)
  .min(1, "expected at least one alternative");
const policyShape = {
  default: policy,
  users: z.record(z.string(), policy).optional(),
  groups: z.record(z.string(), policy).optional(),
} satisfies Record<keyof AuthPolicies, z.ZodType>;

const someHostKey = 'expected a list of at least one host key; make one with "sluice hostkey"';

// Every option of a server is one of a configuration: what core adds does not compile until it is here.
const shape = {
  listen: byShape((value) =>
    Array.isArray(value) ? z.array(address).min(1, "expected at least one address") : address,
  ).optional(),
  hostKeys: z.array(hostKey, someHostKey).min(1, someHostKey),
  auth: byShape((value) => (isObject(value) ? z.strictObject(policyShape) : policy)).optional(),
  banner: byShape((value) => (typeof value === "function" ? aFunction : z.string())).optional(),
  ident: name.optional(),
  plugins: z.array(plugin).optional(),
  mounts: z.array(z.strictObject(mountShape)).optional(),
  limits: numbers(defaultLimits).optional(),
  allow: names.optional(),
  deny: names.optional(),
  maxStartups: name.optional(),
  penalties: byShape((value) => (typeof value === "boolean" ? neverTrue : numbers(defaultPenalties))).optional(),
  rekey: numbers(defaultRekeyLimits).optional(),
  algorithms: byShape((value) => (isObject(value) ? z.strictObject(algorithmShape) : algorithmPreset)).optional(),
  requireStrictKex: z.boolean().optional(),
  log: byShape((value) => (hasMethod(value, "child") ? accepted : z.strictObject(logShape))).optional(),
  services: aFunction.optional(),
  symlinkOrder: z.enum(["auto", "openssh", "spec"]).optional(),
} satisfies Record<keyof Config, z.ZodType>;

const config = z.strictObject(shape);

/** What is wrong with a configuration, apart from the options of plugins and file systems. */
export function checkConfig(value: unknown): readonly Problem[] {
  return problemsOf(config.safeParse(value).error?.issues ?? []);
}

/** Issues of a schema, ours or a plugin's, as problems: one for each unknown key, and without what goes without saying. */
export function problemsOf(issues: readonly OptionIssue[]): Problem[] {
  return issues.flatMap((issue) => {
    const path = (issue.path ?? []).map((part) => (typeof part === "object" ? part.key : part));
    const { keys, params } = issue as { keys?: unknown; params?: { atKey?: boolean } };
    const message = issue.message
      .replace(/^Invalid (?:input|option): /, "")
      .replace(/, received undefined$/, ", but it is missing");
    if (!Array.isArray(keys)) return [{ path, message, ...(params?.atKey === true ? { atKey: true } : {}) }];
    const lines = message.split("\n");
    return keys.map((key: string, i) => ({
      path: [...path, key],
      message: lines.length === keys.length && keys.length > 1 ? (lines[i] ?? "") : message,
      atKey: true,
    }));
  });
}
