import type { Connection } from "../connection.ts";
import type { Limits } from "../options.ts";
import { ask, askForPassword, nobody, type Judged, type SecretAttempt } from "./asking.ts";
import { withoutClaims } from "./draft.ts";
import { keyRefused } from "./key-check.ts";
import { refused, type AuthMethod, type Login, type PublicKey, type Verdict } from "./method.ts";
import { canonicalName } from "./name.ts";
import type { Policy } from "./policy.ts";
import { Progress, type Factor } from "./progress.ts";
import { readPublicKey } from "./public-key.ts";
import type { AuthAnswer, AuthRequest, InteractiveRequest, PasswordRequest } from "./request.ts";
import { asker, passwordsOf } from "./secret.ts";
import type { Throttle } from "./throttle.ts";
import { Turn } from "./turn.ts";

/** What decides a login, beside the request. */
export interface LoginSetup {
  readonly policy: Policy;
  /** `authRefusalMs` may be 0 here: no refusal waits then. */
  readonly limits: Pick<Limits, "authAttempts" | "authRequests" | "authRefusalMs">;
  /** Counts failures across connections. */
  readonly throttle: Throttle;
  /** Public key algorithms accepted from users. */
  readonly signatureAlgorithms: readonly string[];
  readonly guards: readonly ((login: Login) => void | Promise<void>)[];
  readonly observers: readonly ((login: Login, verdict: Verdict) => void)[];
}

/** Refused queries for keys, and questions, wait for steps this many times shorter: a client makes a query for each key it has, and each login waits for its questions. */
const shortStep = 10;

const left: AuthAnswer = { is: "disconnect", reason: "The client has left" };
const tooManyFailures: AuthAnswer = { is: "disconnect", reason: "Too many authentication failures" };

/** The login of one connection: counts attempts, asks the methods whose turn it is, and builds the user. */
export class LoginProcess {
  readonly #setup: LoginSetup;
  readonly #connection: Connection;
  readonly #ended = new AbortController();
  /** Aborted when nobody waits for this login any more. */
  readonly #over: AbortSignal;
  #progress: Progress;
  /** Fingerprints of the plain keys that have proven a factor. */
  readonly #usedKeys = new Set<string>();
  #requests = 0;
  #failures = 0;
  /** Who has asked for another password, of whom; the next request may bring it. */
  #change: { readonly method: AuthMethod; readonly username: string } | undefined;
  /** The request that is being decided, where the client may begin another instead. */
  #pending: { readonly turn: Turn; readonly login: Login } | undefined;

  constructor(setup: LoginSetup, connection: Connection) {
    this.#setup = setup;
    this.#connection = connection;
    this.#progress = new Progress(setup.policy);
    this.#over = AbortSignal.any([connection.signal, this.#ended.signal]);
  }

  /** Attempts to prove a factor that failed. */
  get failures(): number {
    return this.#failures;
  }

  /** Nobody logs in any more: the connection is ending. */
  end(): void {
    this.#ended.abort(new Error("The connection is ending"));
  }

  /**
   * Decides one request, and takes as long for it as a refusal has to. Never rejects: whatever goes wrong is a refusal. A request that comes
   * while the client is being asked takes the place of the other one (RFC 4256, section 3.1), which counts as failed.
   */
  async decide(request: AuthRequest): Promise<AuthAnswer> {
    this.#abandon();
    const turn = new Turn(this.#over);
    return turn.settle(this.#decide(request, turn));
  }

  #abandon(): void {
    const pending = this.#pending;
    this.#pending = undefined;
    if (pending === undefined) return;
    pending.turn.abandon();
    this.#failures += 1;
    this.#tell(pending.login, refused("The client began another attempt"));
  }

  async #decide(request: AuthRequest, turn: Turn): Promise<AuthAnswer> {
    const change = this.#change;
    this.#change = undefined;
    this.#requests += 1;
    const { authAttempts, authRequests, authRefusalMs } = this.#setup.limits;
    if (this.#requests > authRequests) return { is: "disconnect", reason: "Too many authentication requests" };
    if (this.#failures >= authAttempts) return tooManyFailures;
    const username = canonicalName(request.username);
    if (username === undefined) return { is: "disconnect", reason: "The user name is not acceptable" };
    // `none` only asks what may be tried (RFC 4252, section 5.2).
    if (request.mechanism === "none") return this.#rejected(false);
    if (request.mechanism === "hostbased") return this.#failed();
    const isQuery = request.mechanism === "publickey" && request.verifySignature === undefined;
    turn.pad(isQuery ? authRefusalMs / shortStep : authRefusalMs);
    const { mechanism } = request;
    const login: Login = { mechanism, username, connection: this.#connection, factors: this.#progress.proven };
    // What was proven for one user name proves nothing for another (RFC 4252, section 5).
    if (this.#progress.username !== undefined && username !== this.#progress.username) {
      this.#tell(login, refused("The user name has changed"));
      return this.#failed();
    }
    if (request.mechanism === "publickey") return this.#decideKey(request, login);
    const attempt = this.#attempt(login, request, turn);
    if (mechanism === "keyboard-interactive") this.#pending = { turn, login };
    const asked = change?.username === username ? change.method : undefined;
    const judged = await this.#judge(login, () => this.#verifySecret(attempt, asked));
    // Nobody waits for the answer: what was found out counts for nothing.
    if (turn.signal.aborted) return left;
    this.#pending = undefined;
    return this.#concludeAll(judged, login);
  }

  async #decideKey(request: AuthRequest & { mechanism: "publickey" }, login: Login): Promise<AuthAnswer> {
    const key = readPublicKey(request.blob, request.algorithm, this.#setup.signatureAlgorithms);
    const query = request.verifySignature === undefined;
    if (typeof key === "string") {
      if (!query) this.#tell(login, refused(key));
      return query ? this.#rejected(false) : this.#failed();
    }
    // Before a method sees the key, which may change what it is shown.
    const { fingerprint } = key.certificate?.key ?? key;
    if (this.#usedKeys.has(fingerprint)) return this.#answerUsedKey(login, key, query);
    const judged = await this.#judge(login, () => this.#verify(login, key));
    const { method, verdict } = judged;
    const use = { remoteAddress: this.#connection.remoteAddress, nowMs: Date.now() };
    const refusal = verdict.is === "proven" ? keyRefused(key, verdict.key, use) : undefined;
    if (query) return this.#answerQuery(login, key, refusal ?? unproven(verdict), judged.error);
    if (verdict.is !== "proven") return this.#concludeAll(judged, login);
    if (refusal !== undefined) return this.#conclude(method, login, refused(refusal));
    // The key is authorised; only now is it worth parsing what a stranger sent.
    const signed = signatureHolds(() => request.verifySignature?.(key, verdict.key));
    const answer = this.#conclude(method, login, signed === true ? verdict : refused(signed));
    if (answer.is === "rejected" && answer.partial) this.#usedKeys.add(fingerprint);
    return answer;
  }

  /** One key is one factor, whether it comes plain or in certificates; sshd refuses it as well. */
  #answerUsedKey(login: Login, key: PublicKey, query: boolean): AuthAnswer {
    const reason = "The key has proven another factor of this login";
    return query ? this.#answerQuery(login, key, reason) : this.#conclude(undefined, login, refused(reason));
  }

  /** A query never binds an identity: only the key that signs does. */
  #answerQuery(login: Login, key: PublicKey, refusal: string | undefined, error?: unknown): AuthAnswer {
    if (refusal === undefined) return { is: "usable" };
    const { fingerprint } = key.certificate?.key ?? key;
    const fields = { username: login.username, fingerprint, reason: refusal };
    if (error !== undefined) {
      if (!this.#over.aborted) this.#connection.log.warn({ ...fields, err: error }, "A key was refused by an error");
      return this.#rejected(false);
    }
    // An agent may hold many plain keys, but a client with a certificate goes no further: what is wrong with it is told here or never.
    this.#connection.log[key.certificate === undefined ? "debug" : "info"](fields, "A key would not do");
    return this.#rejected(false);
  }

  async #judge(login: Login, verify: () => Promise<Judged>): Promise<Judged> {
    try {
      for (const guard of this.#setup.guards) await guard(login);
      return await verify();
    } catch (error) {
      return { ...nobody(refused(error instanceof Error ? error.message : "A guard refused")), error };
    }
  }

  /** Asks the methods whose turn it is about a key, until one knows. */
  #verify(login: Login, key: PublicKey): Promise<Judged> {
    const context = { signal: this.#over, draft: this.#progress.draft };
    return ask(this.#progress, { ...login, ...context, mechanism: "publickey", key });
  }

  /** What a method is to verify, or why none is asked. */
  #attempt(login: Login, request: PasswordRequest | InteractiveRequest, turn: Turn): SecretAttempt | string {
    const context = { ...login, signal: turn.signal, draft: this.#progress.draft };
    if (request.mechanism === "keyboard-interactive") {
      // Who has proven a factor is known to exist.
      const stepMs = login.factors.length > 0 ? 0 : this.#setup.limits.authRefusalMs / shortStep;
      const asking = asker(
        request,
        () => turn.pause(stepMs),
        () => turn.heard(),
      );
      return { ...context, mechanism: "keyboard-interactive", ask: asking };
    }
    const passwords = passwordsOf(request);
    return typeof passwords === "string" ? passwords : { ...context, mechanism: "password", ...passwords };
  }

  /** Asks the methods whose turn it is about a password or answers, unless too many have failed. */
  async #verifySecret(attempt: SecretAttempt | string, asked: AuthMethod | undefined): Promise<Judged> {
    if (typeof attempt === "string") return nobody(refused(attempt));
    const isChange = attempt.mechanism === "password" && attempt.newPassword !== undefined;
    if (isChange && asked === undefined) return nobody(refused("Nobody asked for a new password"));
    const counted = await this.#setup.throttle.count(attempt.username, this.#connection.remoteAddress);
    if (typeof counted === "string") return nobody(refused(counted));
    attempt.signal.throwIfAborted();
    const isPassword = attempt.mechanism === "password";
    try {
      const judged = isPassword
        ? await askForPassword(this.#progress, attempt, isChange ? asked : undefined)
        : await ask(this.#progress, attempt);
      const { is } = judged.verdict;
      if (is === "proven" || is === "changeRequired") this.#inBackground(counted.takeBack());
      return judged;
    } catch (error) {
      // A directory that is down has judged nothing. A client that left, or was asked questions, may have learnt something.
      if (isPassword && !attempt.signal.aborted) this.#inBackground(counted.takeBack());
      throw error;
    }
  }

  #conclude(method: AuthMethod | undefined, login: Login, verdict: Verdict): AuthAnswer {
    return this.#concludeAll({ method, verdict }, login);
  }

  #concludeAll({ method, verdict, before, error }: Judged, login: Login): AuthAnswer {
    // The client has left: nobody has logged in, and nobody is told so.
    if (this.#over.aborted) return left;
    if (method !== undefined && verdict.is === "changeRequired") {
      this.#change = { method, username: login.username };
      this.#tell(login, verdict);
      return { is: "changeRequired", prompt: verdict.prompt };
    }
    if (method === undefined || verdict.is !== "proven") {
      this.#tell(login, verdict, error);
      return this.#failed();
    }
    return this.#prove(login, [...(before === undefined ? [] : [before]), { method, user: verdict.user }]);
  }

  /** Notes factors that were proven, where the policy of the user goes on with them; the policy is known only now. */
  #prove(login: Login, factors: readonly Factor[]): AuthAnswer {
    const proofs: Login[] = [];
    let further = this.#progress;
    for (const factor of factors) {
      const next = further.with(factor, login.username);
      if (typeof next === "string") {
        this.#tell(login, refused(next));
        return this.#failed();
      }
      further = next;
      proofs.push({ ...login, mechanism: factor.method.mechanism, factors: further.proven });
    }
    this.#progress = further;
    const { secretClaims } = this.#setup.policy;
    for (const [i, { user: draft }] of factors.entries()) {
      this.#tell(proofs[i] ?? login, { is: "proven", user: withoutClaims(draft, secretClaims) });
    }
    const user = further.user();
    if (typeof user === "string" || !further.isComplete) return this.#rejected(true);
    this.#inBackground(this.#setup.throttle.loggedIn(login.username, this.#connection.remoteAddress));
    return { is: "accepted", user };
  }

  #tell(login: Login, verdict: Verdict, error?: unknown): void {
    const { log } = this.#connection;
    const fields = { username: login.username, mechanism: login.mechanism, factors: login.factors };
    if (verdict.is === "proven") log.info(fields, "A factor was proven");
    else if (verdict.is === "changeRequired") log.info(fields, "The password has to be changed");
    else if (error !== undefined) log.warn({ ...fields, err: error }, "A login was refused by an error");
    else log.info({ ...fields, reason: unproven(verdict) }, "A login attempt failed");
    for (const observe of this.#setup.observers) {
      try {
        observe(login, verdict);
      } catch (error) {
        log.error({ err: error }, "A login observer failed");
      }
    }
  }

  /** What a login is not kept waiting for. */
  #inBackground(work: Promise<void>): void {
    work.catch((error: unknown) => {
      this.#connection.log.warn({ err: error }, "The store failed: logins are counted wrongly");
    });
  }

  #rejected(partial: boolean): AuthAnswer {
    return { is: "rejected", methods: this.#progress.mechanisms, partial };
  }

  #failed(): AuthAnswer {
    this.#failures += 1;
    return this.#failures >= this.#setup.limits.authAttempts ? tooManyFailures : this.#rejected(false);
  }
}

/** Why a verdict proves nothing, if it does not. */
function unproven(verdict: Verdict): string | undefined {
  if (verdict.is === "proven") return undefined;
  return verdict.is === "refused" ? verdict.reason : "unknown to every method";
}

function signatureHolds(verify: () => unknown): true | string {
  try {
    const held = verify();
    return held === true || typeof held === "string" ? held : "The signature is wrong";
  } catch {
    return "The signature is wrong";
  }
}
