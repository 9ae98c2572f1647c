import type { AuthMethod, AuthPolicies, AuthPolicy, Mechanism } from "./method.ts";
import { checkPolicies } from "./policy-check.ts";

/** What is known of the user once a factor is proven. */
export interface KnownUser {
  readonly name: string;
  /** `undefined` where no factor has said anything of groups. */
  readonly groups: readonly string[] | undefined;
}

/** Which factors suffice for whom, and which may come next. */
export class Policy {
  /** Claims that nobody is to see but the methods. */
  readonly secretClaims: ReadonlySet<string>;
  readonly #default: AuthPolicy;
  readonly #users: ReadonlyMap<string, AuthPolicy>;
  readonly #groups: ReadonlyMap<string, AuthPolicy>;
  readonly #methods: readonly AuthMethod[];

  /**
   * @param policy alternatives of sequences, or several such by who logs in; absent where a single method is registered, which then suffices
   * @throws SetupError `ERR_SLUICE_AUTH_POLICY` where a policy is missing, empty or names what nobody provides
   */
  constructor(policy: AuthPolicy | AuthPolicies | undefined, methods: readonly AuthMethod[]) {
    const { default: rest, users = {}, groups = {} } = checkPolicies(policy, methods);
    this.#methods = methods;
    this.secretClaims = new Set(methods.flatMap((method) => method.secretClaims ?? []));
    this.#default = rest;
    this.#users = new Map(Object.entries(users));
    this.#groups = new Map(Object.entries(groups).map(([group, its]) => [group.normalize("NFC"), its]));
  }

  /**
   * The methods that may prove the next factor, given those proven so far, in the order of the policy. Before the first, nobody is known, and what
   * any policy begins with may be tried: the answer is the same for every name.
   */
  next(proven: readonly string[], user?: KnownUser): readonly AuthMethod[] {
    const names = new Set<string>();
    for (const sequence of this.#applicable(user).flat()) {
      const following = sequence[proven.length];
      if (following !== undefined && beginsWith(sequence, proven)) names.add(following);
    }
    return [...names].flatMap((name) => this.#methods.filter((method) => method.name === name));
  }

  /** What the client is told may continue: the mechanisms of the next factors, each once. */
  mechanisms(proven: readonly string[], user?: KnownUser): readonly Mechanism[] {
    return [...new Set(this.next(proven, user).map((method) => method.mechanism))];
  }

  /** Whether the factors proven are all that some alternative asks for, in each policy that may be the user's. */
  isSatisfied(proven: readonly string[], user?: KnownUser): boolean {
    return this.#applicable(user).every((policy) => policy.some((sequence) => beginsWith(proven, sequence)));
  }

  /** All policies, for people. */
  describe(): string[] {
    const named = [
      ...[...this.#users].map(([name, policy]) => [`for user ${name}: `, policy] as const),
      ...[...this.#groups].map(([name, policy]) => [`for group ${name}: `, policy] as const),
      [this.#users.size + this.#groups.size > 0 ? "for others: " : "", this.#default] as const,
    ];
    return named.flatMap(([whom, policy]) => policy.map((sequence) => `${whom}${sequence.join(" then ")}`));
  }

  /** The policies that may be the user's: all before anything is known; of groups all, where no factor has said who is in them. */
  #applicable(user: KnownUser | undefined): readonly AuthPolicy[] {
    if (user === undefined) return [this.#default, ...this.#users.values(), ...this.#groups.values()];
    const own = this.#users.get(user.name);
    if (own !== undefined) return [own];
    if (user.groups === undefined) return [this.#default, ...this.#groups.values()];
    const groups = new Set(user.groups.map((group) => group.normalize("NFC")));
    const [first] = [...this.#groups].filter(([group]) => groups.has(group));
    return [first === undefined ? this.#default : first[1]];
  }
}

function beginsWith(sequence: readonly string[], beginning: readonly string[]): boolean {
  return beginning.length <= sequence.length && beginning.every((factor, i) => sequence[i] === factor);
}
