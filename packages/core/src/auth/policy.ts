import { SetupError } from "../errors.ts";
import type { AuthMethod, AuthPolicy, Mechanism } from "./method.ts";

/** Which factors suffice, and which may come next. */
export class Policy {
  readonly #alternatives: AuthPolicy;
  readonly #methods: readonly AuthMethod[];

  /**
   * @param policy alternatives of sequences; absent where a single method is registered, which then suffices
   * @throws SetupError `ERR_SLUICE_AUTH_POLICY` where a policy is missing, empty or names what nobody provides
   */
  constructor(policy: AuthPolicy | undefined, methods: readonly AuthMethod[]) {
    this.#methods = methods;
    const names = [...new Set(methods.map((method) => method.name))];
    if (methods.length === 0) {
      throw new SetupError("ERR_SLUICE_AUTH_POLICY", "Nobody can log in: register an authentication method");
    }
    const [only] = names;
    if (policy === undefined && names.length === 1 && only !== undefined) {
      this.#alternatives = [[only]];
      return;
    }
    if (policy === undefined) {
      const example = names.map((name) => `["${name}"]`).join(", ");
      throw new SetupError(
        "ERR_SLUICE_AUTH_POLICY",
        `Several authentication methods are registered, so "auth" must say which suffice, such as auth: [${example}]`,
      );
    }
    checkPolicy(policy, names);
    this.#alternatives = policy;
  }

  /** The methods that may prove the next factor, given those proven so far, in the order of the policy. */
  next(proven: readonly string[]): readonly AuthMethod[] {
    const names = new Set<string>();
    for (const sequence of this.#alternatives) {
      const following = sequence[proven.length];
      if (following !== undefined && proven.every((factor, i) => sequence[i] === factor)) names.add(following);
    }
    return [...names].flatMap((name) => this.#methods.filter((method) => method.name === name));
  }

  /** What the client is told may continue: the mechanisms of the next factors, each once. */
  mechanisms(proven: readonly string[]): readonly Mechanism[] {
    return [...new Set(this.next(proven).map((method) => method.mechanism))];
  }

  /** Whether the factors proven are all that some alternative asks for. */
  isSatisfied(proven: readonly string[]): boolean {
    return this.#alternatives.some(
      (sequence) => sequence.length === proven.length && sequence.every((factor, i) => proven[i] === factor),
    );
  }

  /** The alternatives, for people. */
  describe(): string[] {
    return this.#alternatives.map((sequence) => sequence.join(" then "));
  }
}

function checkPolicy(policy: AuthPolicy, names: readonly string[]): void {
  if (policy.length === 0) throw new SetupError("ERR_SLUICE_AUTH_POLICY", "auth: at least one alternative is needed");
  for (const [i, sequence] of policy.entries()) {
    if (sequence.length === 0)
      throw new SetupError("ERR_SLUICE_AUTH_POLICY", `auth.${i}: at least one factor is needed`);
    for (const name of sequence) {
      if (names.includes(name)) continue;
      throw new SetupError(
        "ERR_SLUICE_AUTH_POLICY",
        `auth.${i}: no registered method is named "${name}"; there are: ${names.join(", ")}`,
      );
    }
    if (new Set(sequence).size !== sequence.length) {
      throw new SetupError(
        "ERR_SLUICE_AUTH_POLICY",
        `auth.${i}: a factor stands twice; proving it again proves nothing`,
      );
    }
  }
}
