import type { User } from "../connection.ts";
import { assemble, joined, withoutClaims } from "./draft.ts";
import type { AuthMethod, Mechanism, UserDraft } from "./method.ts";
import { canonicalName } from "./name.ts";
import type { KnownUser, Policy } from "./policy.ts";

/** One factor that was proven, with what it says of the user. */
export interface Factor {
  readonly method: AuthMethod;
  readonly user: UserDraft;
}

/** How far a login has come: the factors proven so far, who they say the user is, and what may come next. Never changes: `with` makes another. */
export class Progress {
  readonly #policy: Policy;
  /** As the client sent it with the first factor. */
  readonly username: string | undefined;
  /** The factors' names, in order. */
  readonly proven: readonly string[];
  readonly #drafts: readonly UserDraft[];
  /** As the methods call the user. */
  readonly #name: string | undefined;

  constructor(
    policy: Policy,
    past: {
      readonly username?: string;
      readonly name?: string;
      readonly proven: readonly string[];
      readonly drafts: readonly UserDraft[];
    } = { proven: [], drafts: [] },
  ) {
    this.#policy = policy;
    this.username = past.username;
    this.#name = past.name;
    this.proven = past.proven;
    this.#drafts = past.drafts;
  }

  /** What the factors say of the user, put together. */
  get draft(): UserDraft {
    return joined(this.#name, this.#drafts);
  }

  /** Whether the policy of the user asks for nothing more. */
  get isComplete(): boolean {
    return this.#policy.isSatisfied(this.proven, this.#known);
  }

  /** What the client is told may continue. */
  get mechanisms(): readonly Mechanism[] {
    return this.#policy.mechanisms(this.proven, this.#known);
  }

  /** The methods whose turn it is. */
  get next(): readonly AuthMethod[] {
    return this.#policy.next(this.proven, this.#known);
  }

  /** The methods that may come after this one, as far as it is known now. */
  after(method: AuthMethod): readonly AuthMethod[] {
    return this.#policy.next([...this.proven, method.name], this.#known);
  }

  /** With one more factor; or why it does not belong here: its user is another, or the policy of the user does not go on with it. */
  with({ method, user }: Factor, username: string): Progress | string {
    const name = canonicalName(user.name ?? this.#name ?? username);
    if (name === undefined || (this.#name !== undefined && this.#name !== name)) {
      return "The factors belong to different users";
    }
    const further = new Progress(this.#policy, {
      username,
      name,
      proven: [...this.proven, method.name],
      drafts: [...this.#drafts, user],
    });
    const checked = further.user();
    if (typeof checked === "string") return checked;
    if (further.isComplete || further.next.length > 0) return further;
    const why = further.#known?.groups === undefined ? ", and no factor says which groups the user is in" : "";
    return `The policy of this user does not begin with ${further.proven.join(", ")}${why}`;
  }

  /** The user, or why there cannot be such a one. */
  user(): User | string {
    if (this.#name === undefined) return "The factors belong to nobody";
    try {
      const { secretClaims } = this.#policy;
      return assemble(
        this.#name,
        this.#drafts.map((draft) => withoutClaims(draft, secretClaims)),
      );
    } catch (error) {
      return `The user is not usable: ${error instanceof Error ? error.message : "unknown"}`;
    }
  }

  get #known(): KnownUser | undefined {
    if (this.#name === undefined) return undefined;
    const saysGroups = this.#drafts.some((draft) => draft.groups !== undefined);
    return { name: this.#name, groups: saysGroups ? this.draft.groups : undefined };
  }
}
