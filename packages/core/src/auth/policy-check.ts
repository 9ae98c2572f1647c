import { SetupError } from "../errors.ts";
import { canonicalName } from "./name.ts";
import type { AuthMethod, AuthPolicies, AuthPolicy } from "./method.ts";

/**
 * The policies of a server, checked.
 *
 * @throws SetupError `ERR_SLUICE_AUTH_POLICY` that names the option
 */
export function checkPolicies(
  policy: AuthPolicy | AuthPolicies | undefined,
  methods: readonly AuthMethod[],
): AuthPolicies {
  const names = [...new Set(methods.map((method) => method.name))];
  const [only] = names;
  if (only === undefined) fail("Nobody can log in: register an authentication method");
  if (policy === undefined) {
    if (names.length === 1) return { default: [[only]] };
    const example = names.map((name) => `["${name}"]`).join(", ");
    fail(`Several authentication methods are registered, so "auth" must say which suffice, such as auth: [${example}]`);
  }
  if (Array.isArray(policy)) {
    checkPolicy("auth", policy, names);
    return { default: policy };
  }
  if (!isRecord(policy)) fail("auth: alternatives of sequences are needed, or an object of them");
  for (const key of Object.keys(policy)) {
    if (!["default", "users", "groups"].includes(key))
      fail(`auth.${key}: unknown option; there are: default, users, groups`);
  }
  const { default: rest, users, groups } = policy as AuthPolicies;
  checkPolicy("auth.default", rest, names);
  checkRecord("auth.users", users, names);
  checkRecord("auth.groups", groups, names);
  for (const name of Object.keys(users ?? {})) {
    const canonical = canonicalName(name);
    if (canonical === name) continue;
    const hint = canonical === undefined ? "no user can have this name" : "the name has to be in Unicode's NFC";
    fail(`auth.users.${name}: ${hint}`);
  }
  return policy as AuthPolicies;
}

function checkRecord(path: string, policies: AuthPolicies["users"], names: readonly string[]): void {
  if (policies === undefined) return;
  if (!isRecord(policies)) fail(`${path}: an object of policies by name is needed`);
  for (const [name, policy] of Object.entries(policies)) checkPolicy(`${path}.${name}`, policy, names);
}

function checkPolicy(path: string, policy: unknown, names: readonly string[]): void {
  if (!Array.isArray(policy))
    fail(`${path}: alternatives of sequences are needed, such as [["${names.join('", "')}"]]`);
  if (policy.length === 0) fail(`${path}: at least one alternative is needed`);
  for (const [i, sequence] of (policy as unknown[]).entries()) checkSequence(`${path}.${i}`, sequence, names);
}

function checkSequence(path: string, sequence: unknown, names: readonly string[]): void {
  if (!Array.isArray(sequence)) fail(`${path}: a list of factors is needed`);
  if (sequence.length === 0) fail(`${path}: at least one factor is needed`);
  for (const name of sequence as unknown[]) {
    if (typeof name === "string" && names.includes(name)) continue;
    fail(`${path}: no registered method is named "${String(name)}"; there are: ${names.join(", ")}`);
  }
  if (new Set(sequence).size !== sequence.length)
    fail(`${path}: a factor stands twice; proving it again proves nothing`);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function fail(message: string): never {
  throw new SetupError("ERR_SLUICE_AUTH_POLICY", message);
}
