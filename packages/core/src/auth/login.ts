import type { Connection, User } from "../connection.ts";
import type { Limits } from "../options.ts";
import { rootPath, sftpPath } from "../path.ts";
import { keyRefused } from "./key-check.ts";
import { readPublicKey } from "./public-key.ts";
import type {
  AuthAttempt,
  AuthMethod,
  KeyDemands,
  Login,
  Mechanism,
  PublicKey,
  Questions,
  UserDraft,
  Verdict,
} from "./method.ts";
import { refused } from "./method.ts";
import type { Policy } from "./policy.ts";

/** A USERAUTH_REQUEST as the transport hands it over. */
export type AuthRequest = { readonly username: string } & (
  | { readonly mechanism: "none" | "hostbased" }
  | { readonly mechanism: "password"; readonly password: unknown }
  | {
      readonly mechanism: "publickey";
      readonly algorithm: string;
      readonly blob: Buffer;
      /** Checks the signature and what is demanded of it: `true`, or why not. Absent when the client only asks whether the key would do. */
      readonly verifySignature?: (key: PublicKey, demands: KeyDemands | undefined) => true | string;
    }
  | { readonly mechanism: "keyboard-interactive"; ask(questions: Questions): Promise<readonly string[]> }
);

/** What the client is to be told. */
export type AuthAnswer =
  | { readonly is: "accepted"; readonly user: User }
  /** Only for a query without a signature: the key would do. */
  | { readonly is: "usable" }
  | { readonly is: "rejected"; readonly methods: readonly Mechanism[]; readonly partial: boolean }
  | { readonly is: "disconnect"; readonly reason: string };

/** What decides a login, beside the request. */
export interface LoginSetup {
  readonly policy: Policy;
  readonly limits: Pick<Limits, "authAttempts" | "authRequests">;
  /** Public key algorithms accepted from users. */
  readonly signatureAlgorithms: readonly string[];
  readonly guards: readonly ((login: Login) => void | Promise<void>)[];
  readonly observers: readonly ((login: Login, verdict: Verdict) => void)[];
}

const maxUsernameBytes = 255;
const maxPasswordBytes = 1024;
const maxPrompts = 16;

/** The login of one connection: counts attempts, asks the methods whose turn it is, and builds the user. */
export class LoginProcess {
  readonly #setup: LoginSetup;
  readonly #connection: Connection;
  readonly #proven: string[] = [];
  readonly #drafts: UserDraft[] = [];
  /** As it was sent with the first factor, and as the methods call the user. */
  #username: string | undefined;
  #name: string | undefined;
  #requests = 0;
  #failures = 0;

  constructor(setup: LoginSetup, connection: Connection) {
    this.#setup = setup;
    this.#connection = connection;
  }

  /** Attempts to prove a factor that failed. */
  get failures(): number {
    return this.#failures;
  }

  /** Decides one request. Never rejects: whatever goes wrong is a refusal. */
  async decide(request: AuthRequest): Promise<AuthAnswer> {
    this.#requests += 1;
    if (this.#requests > this.#setup.limits.authRequests) {
      return { is: "disconnect", reason: "Too many authentication requests" };
    }
    const username = canonicalName(request.username);
    if (username === undefined) return { is: "disconnect", reason: "The user name is not acceptable" };
    // `none` only asks what may be tried (RFC 4252, section 5.2).
    if (request.mechanism === "none") return this.#rejected(false);
    if (request.mechanism === "hostbased") return this.#failed();
    const login: Login = {
      mechanism: request.mechanism,
      username,
      connection: this.#connection,
      factors: [...this.#proven],
    };
    // What was proven for one user name proves nothing for another (RFC 4252, section 5).
    if (this.#proven.length > 0 && username !== this.#username) {
      this.#tell(login, refused("The user name has changed"));
      return this.#failed();
    }
    if (request.mechanism === "publickey") return this.#decideKey(request, login);
    const { method, verdict } = await this.#judge(login, () => this.#verify(login, request));
    return this.#conclude(method, login, verdict);
  }

  async #decideKey(request: AuthRequest & { mechanism: "publickey" }, login: Login): Promise<AuthAnswer> {
    const key = readPublicKey(request.blob, request.algorithm, this.#setup.signatureAlgorithms);
    const query = request.verifySignature === undefined;
    if (typeof key === "string") {
      if (!query) this.#tell(login, refused(key));
      return query ? this.#rejected(false) : this.#failed();
    }
    const { method, verdict } = await this.#judge(login, () => this.#verify(login, request, key));
    if (verdict.is !== "proven") return query ? this.#rejected(false) : this.#conclude(method, login, verdict);
    const use = { remoteAddress: this.#connection.remoteAddress, nowMs: Date.now() };
    const refusal = keyRefused(key, verdict.key, use);
    // A query never binds an identity: only the key that signs does.
    if (query) return refusal === undefined ? { is: "usable" } : this.#rejected(false);
    if (refusal !== undefined) return this.#conclude(method, login, refused(refusal));
    // The key is authorised; only now is it worth parsing what a stranger sent.
    const signed = signatureHolds(() => request.verifySignature?.(key, verdict.key));
    return this.#conclude(method, login, signed === true ? verdict : refused(signed));
  }

  async #judge(
    login: Login,
    verify: () => Promise<{ method: AuthMethod | undefined; verdict: Verdict }>,
  ): Promise<{ method: AuthMethod | undefined; verdict: Verdict }> {
    try {
      for (const guard of this.#setup.guards) await guard(login);
      return await verify();
    } catch (error) {
      this.#connection.log.warn({ err: error, username: login.username }, "A login was refused by an error");
      return { method: undefined, verdict: refused(error instanceof Error ? error.message : "A guard refused") };
    }
  }

  /** Asks the methods of this mechanism whose turn it is, until one knows. */
  async #verify(
    login: Login,
    request: AuthRequest,
    key?: PublicKey,
  ): Promise<{ method: AuthMethod | undefined; verdict: Verdict }> {
    const attempt = this.#attempt(login, request, key);
    if (typeof attempt === "string") return { method: undefined, verdict: refused(attempt) };
    for (const method of this.#setup.policy.next(this.#proven)) {
      if (method.mechanism !== request.mechanism) continue;
      const verdict: unknown = await method.verify(attempt);
      if (!isVerdict(verdict)) throw new Error(`The method "${method.name}" answered with no verdict`);
      if (verdict.is !== "unknown") return { method, verdict };
    }
    return { method: undefined, verdict: { is: "unknown" } };
  }

  #attempt(login: Login, request: AuthRequest, key: PublicKey | undefined): AuthAttempt | string {
    const { signal } = this.#connection;
    const context = { signal, draft: joined(this.#name, this.#drafts) };
    if (request.mechanism === "password") {
      const { password } = request;
      if (typeof password !== "string") return "Changing a password is not offered";
      const bytes = Buffer.byteLength(password);
      if (bytes === 0 || bytes > maxPasswordBytes || password.includes("\0")) return "The password is not acceptable";
      return { ...login, ...context, mechanism: "password", password };
    }
    if (request.mechanism === "keyboard-interactive") {
      return { ...login, ...context, mechanism: "keyboard-interactive", ask: (questions) => ask(request, questions) };
    }
    return key === undefined ? "There is no key" : { ...login, ...context, mechanism: "publickey", key };
  }

  #conclude(method: AuthMethod | undefined, login: Login, verdict: Verdict): AuthAnswer {
    // The client has left: nobody has logged in, and nobody is told so.
    if (this.#connection.signal.aborted) return { is: "disconnect", reason: "The client has left" };
    if (method === undefined || verdict.is !== "proven") {
      this.#tell(login, verdict);
      return this.#failed();
    }
    const name = canonicalName(verdict.user.name ?? this.#name ?? login.username);
    if (name === undefined || (this.#name !== undefined && this.#name !== name)) {
      this.#tell(login, refused("The factors belong to different users"));
      return this.#failed();
    }
    let user: User;
    try {
      user = assemble(name, [...this.#drafts, verdict.user]);
    } catch (error) {
      this.#tell(login, refused(`The user is not usable: ${error instanceof Error ? error.message : "unknown"}`));
      return this.#failed();
    }
    this.#name = name;
    this.#username = login.username;
    this.#proven.push(method.name);
    this.#drafts.push(verdict.user);
    this.#tell({ ...login, factors: [...this.#proven] }, verdict);
    return this.#setup.policy.isSatisfied(this.#proven) ? { is: "accepted", user } : this.#rejected(true);
  }

  #tell(login: Login, verdict: Verdict): void {
    const { log } = this.#connection;
    const fields = { username: login.username, mechanism: login.mechanism, factors: login.factors };
    if (verdict.is === "proven") log.info(fields, "A factor was proven");
    else
      log.info(
        { ...fields, reason: verdict.is === "refused" ? verdict.reason : "unknown to every method" },
        "A login attempt failed",
      );
    for (const observe of this.#setup.observers) {
      try {
        observe(login, verdict);
      } catch (error) {
        log.error({ err: error }, "A login observer failed");
      }
    }
  }

  #rejected(partial: boolean): AuthAnswer {
    return { is: "rejected", methods: this.#setup.policy.mechanisms(this.#proven), partial };
  }

  #failed(): AuthAnswer {
    this.#failures += 1;
    if (this.#failures >= this.#setup.limits.authAttempts) {
      return { is: "disconnect", reason: "Too many authentication failures" };
    }
    return this.#rejected(false);
  }
}

/** One form of a name for every plugin: NFC, 1 to 255 bytes, nothing invisible. `undefined` where that cannot be. */
function canonicalName(name: string): string | undefined {
  const canonical = name.normalize("NFC");
  if (canonical === "" || Buffer.byteLength(canonical) > maxUsernameBytes) return undefined;
  return /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\ufffd]/u.test(canonical) ? undefined : canonical;
}

async function ask(
  request: AuthRequest & { mechanism: "keyboard-interactive" },
  questions: Questions,
): Promise<readonly string[]> {
  if (questions.prompts.length > maxPrompts) throw new RangeError(`At most ${maxPrompts} prompts may be asked at once`);
  const answers = await request.ask(questions);
  if (answers.length !== questions.prompts.length)
    throw new Error("The client answered with another number of answers");
  return answers;
}

function signatureHolds(verify: () => unknown): true | string {
  try {
    const held = verify();
    return held === true || typeof held === "string" ? held : "The signature is wrong";
  } catch {
    return "The signature is wrong";
  }
}

function isVerdict(value: unknown): value is Verdict {
  if (typeof value !== "object" || value === null) return false;
  const verdict = value as { is?: unknown; user?: unknown; reason?: unknown };
  if (verdict.is === "unknown") return true;
  if (verdict.is === "refused") return typeof verdict.reason === "string";
  return verdict.is === "proven" && isDraft(verdict.user);
}

/** A method's values come from directories and files: a list where a text belongs must not get further than this. */
function isDraft(value: unknown): value is UserDraft {
  if (typeof value !== "object" || value === null) return false;
  const { name, home, groups, claims } = value as Record<keyof UserDraft, unknown>;
  const isText = (text: unknown): boolean => text === undefined || typeof text === "string";
  const areGroups =
    groups === undefined || (Array.isArray(groups) && groups.every((group) => typeof group === "string"));
  return (
    isText(name) &&
    isText(home) &&
    areGroups &&
    (claims === undefined || (typeof claims === "object" && claims !== null))
  );
}

function assemble(name: string, drafts: readonly UserDraft[]): User {
  const { home, groups = [], claims = {} } = joined(name, drafts);
  return Object.freeze({
    name,
    home: home === undefined ? rootPath : sftpPath(home),
    groups: Object.freeze(groups),
    claims: Object.freeze(claims),
  });
}

/** Groups join, claims merge, the last home wins. */
function joined(name: string | undefined, drafts: readonly UserDraft[]): UserDraft {
  const home = drafts.findLast((draft) => draft.home !== undefined)?.home;
  return {
    ...(name === undefined ? {} : { name }),
    ...(home === undefined ? {} : { home }),
    groups: [...new Set(drafts.flatMap((draft) => draft.groups ?? []))],
    claims: Object.assign(Object.create(null), ...drafts.map((draft) => draft.claims ?? {})) as User["claims"],
  };
}
