import { FilterParser } from "ldapts";
import { z } from "zod";
import { isLoopback, parseUrl } from "./address.ts";
import { parseName } from "./dn.ts";
import type { LdapOptions } from "./options.ts";
import type { Settings } from "./settings.ts";
import { fillFilter, placeholdersOf } from "./template.ts";

const attribute = z.string().regex(/^[A-Za-z][\w-]{0,127}$/, "the name of an attribute is needed");
const placeholders = "{username} has to be in it";

const distinguishedName = z
  .string()
  .min(1)
  .refine((text) => parseName(text) !== undefined, "a name such as ou=people,dc=example,dc=org is needed");

function filter(...known: readonly string[]): z.ZodType<string, string> {
  return z.string().superRefine((text, context) => {
    const used = placeholdersOf(text);
    const odd = used.find((name) => !known.includes(name));
    if (odd !== undefined)
      context.addIssue(`{${odd}} is not known; use ${known.map((name) => `{${name}}`).join(" or ")}`);
    if (used.length === 0) context.addIssue(`${known.map((name) => `{${name}}`).join(" or ")} has to be in it`);
    // The parser adds parentheses that are missing at the end, which is seldom where they are missing.
    if (text.split("(").length !== text.split(")").length)
      context.addIssue("is no filter (RFC 4515): a parenthesis is missing, or one is too many");
    try {
      FilterParser.parseString(fillFilter(text, new Map(known.map((name) => [name, "x"]))));
    } catch (error) {
      context.addIssue(`is no filter (RFC 4515): ${(error as Error).message}`);
    }
  });
}

const claimKinds = ["text", "number", "boolean", "list"] as const;

const claim = z.union(
  [
    attribute.transform((name) => ({ attribute: name, as: "text" as const })),
    z.strictObject({ attribute, as: z.enum(claimKinds) }),
  ],
  { error: `expected an attribute's name, or { attribute, as }, where as is one of ${claimKinds.join(", ")}` },
);

const milliseconds = (least: number, most: number): z.ZodNumber => z.number().int().min(least).max(most);

const url = z.string().superRefine((text, context) => {
  const parsed = parseUrl(text);
  if (typeof parsed === "string") context.addIssue(parsed);
});

const files = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)], { error: "expected a path, or several" });

const discover = z.strictObject({
  domain: z.string().regex(/^[a-z0-9-]+(\.[a-z0-9-]+)+$/i, "a domain such as example.org is needed"),
  scheme: z.enum(["ldap", "ldaps"]).default("ldaps"),
  service: z
    .string()
    .regex(/^_[a-z0-9-]+\._tcp(\.[a-z0-9_.-]+)?$/i, "a service such as _ldap._tcp is needed")
    .optional(),
  port: z.number().int().min(1).max(65_535).optional(),
  nameservers: z.array(z.string().min(1)).min(1).optional(),
});

const tls = z.strictObject({
  ca: files.optional(),
  cert: z.string().min(1).optional(),
  key: z.string().min(1).optional(),
  passphrase: z.string().optional(),
  serverName: z.string().min(1).optional(),
  minVersion: z.enum(["TLSv1.2", "TLSv1.3"]).default("TLSv1.2"),
});

const mapped = z.strictObject({
  groups: z.array(z.string().min(1)).optional(),
  home: z.string().startsWith("/").optional(),
  claims: z.record(z.string(), z.unknown()).optional(),
});

const groups = z.strictObject({
  attribute: attribute.optional(),
  search: z
    .strictObject({
      base: distinguishedName,
      filter: filter("dn", "username").default("(member={dn})"),
      scope: z.enum(["one", "sub"]).default("sub"),
    })
    .optional(),
  nested: z.boolean().default(true),
  name: attribute.default("cn"),
  map: z.record(z.string().min(1), mapped).default({}),
  unmapped: z.enum(["keep", "drop"]).default("keep"),
  required: z.array(z.string().min(1)).min(1).optional(),
  forbidden: z.array(z.string().min(1)).default([]),
});

const attributes = z.strictObject({
  name: attribute.optional(),
  home: z
    .string()
    .refine((text) => placeholdersOf(text).every((name) => attribute.safeParse(name).success), {
      message: "{…} has to hold an attribute's name",
    })
    .refine((text) => text.startsWith("/") || /^\{[^{}]*\}$/.test(text), {
      message: 'a path such as "/home/{uid}", or one attribute such as "{homeDirectory}", is needed',
    })
    .optional(),
  quota: attribute.optional(),
  claims: z.record(z.string().min(1), claim).default({}),
  keys: z.array(attribute).min(1).default(["sshPublicKey", "altSecurityIdentities"]),
});

const shape = z.strictObject({
  urls: z.array(url).min(1).max(16).optional(),
  discover: discover.optional(),
  startTls: z.boolean().default(false),
  allowPlaintext: z.boolean().default(false),
  tls: tls.prefault({}),
  bind: z.strictObject({ dn: z.string().min(1), password: z.string().min(1) }).optional(),
  search: z
    .strictObject({
      base: distinguishedName,
      filter: filter("username").optional(),
      scope: z.enum(["one", "sub"]).default("sub"),
      decoy: distinguishedName.optional(),
    })
    .optional(),
  template: z
    .string()
    .refine((text) => placeholdersOf(text).join() === "username", placeholders)
    .refine((text) => isName(text) || /[@\\]/.test(text), {
      message: 'a name such as "uid={username},ou=people,dc=example,dc=org", or "{username}@example.org", is needed',
    })
    .optional(),
  attributes: attributes.prefault({}),
  groups: groups.optional(),
  keys: z.boolean().default(true),
  passwordChange: z.boolean().default(true),
  connectMs: milliseconds(100, 5000).default(3000),
  operationMs: milliseconds(100, 5000).default(3000),
  loginMs: milliseconds(500, 10_000).default(8000),
  retryAfterMs: milliseconds(50, 4000).default(1500),
  searchConnections: z.number().int().min(1).max(64).default(4),
  bindConnections: z.number().int().min(1).max(256).default(16),
  cacheMs: milliseconds(0, 3_600_000).default(30_000),
  unknownCacheMs: milliseconds(0, 3_600_000).default(10_000),
  recheckMs: milliseconds(0, 86_400_000).default(0),
});

/** Whether a template is a distinguished name rather than a name of Active Directory. */
export function isName(template: string): boolean {
  return parseName(template.replace("{username}", "x")) !== undefined;
}

/** What a misconfiguration is told by: the option and what to do. */
type Issue = readonly [path: readonly (string | number)[], message: string];

/** The options that do not go together. */
function conflicts(options: Settings): Issue[] {
  const issues: Issue[] = [];
  const check = (wrong: boolean, path: string, message: string): void => {
    if (wrong) issues.push([path.split(".").map((part) => (/^\d+$/.test(part) ? Number(part) : part)), message]);
  };
  const { search, template, bind, urls = [], discover: found } = options;
  check((options.urls === undefined) === (found === undefined), "urls", "give either urls or discover");
  check((search === undefined) === (template === undefined), "search", "give either search or template");
  check(bind !== undefined && search === undefined, "bind", "an account is of use with search alone");
  check(options.recheckMs > 0 && search === undefined, "recheckMs", "sessions can be checked again with search alone");
  check(options.recheckMs > 0 && options.recheckMs < 100, "recheckMs", "0, which is never, or at least 100 is needed");
  check(
    options.groups?.search !== undefined && options.groups.attribute !== undefined,
    "groups.attribute",
    "give either attribute or search",
  );
  check((options.tls.cert === undefined) !== (options.tls.key === undefined), "tls.cert", "cert and key go together");
  const addresses = urls.map(parseUrl).filter((address) => typeof address !== "string");
  check(
    options.startTls && addresses.some(({ secure }) => secure),
    "startTls",
    "ldaps needs no StartTLS; use ldap URLs",
  );
  check(options.startTls && found?.scheme === "ldaps", "startTls", 'set discover.scheme to "ldap"');
  if (options.startTls || options.allowPlaintext) return issues;
  for (const [i, { secure, host }] of addresses.entries()) {
    check(!secure && !isLoopback(host), `urls.${i}`, plaintext);
  }
  check(found?.scheme === "ldap", "discover.scheme", plaintext);
  return issues;
}

const plaintext =
  "passwords would cross the network in clear text; use ldaps, startTls, or allowPlaintext if that is meant";

/** The schema of the options. */
export const schema: z.ZodType<Settings, LdapOptions> = shape.superRefine((options, context) => {
  for (const [path, message] of conflicts(options)) context.addIssue({ code: "custom", path: [...path], message });
}) as unknown as z.ZodType<Settings, LdapOptions>;
