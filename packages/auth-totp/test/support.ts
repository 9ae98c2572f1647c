import {
  memoryStore,
  proven,
  type AuthAttempt,
  type AuthMethod,
  type Detached,
  type Mechanism,
  type Store,
  type UserDraft,
  type Verdict,
} from "@sluice/core";
import { authAttempt, capturedLog, type CapturedLog } from "@sluice/testing";
import { Appended } from "../src/append.ts";
import { codeOf, stepAt, type Secret } from "../src/code.ts";
import { Keyring } from "../src/keyring.ts";
import { totpMethod } from "../src/method.ts";
import { totpOptions, type TotpOptions } from "../src/options.ts";
import { RecoveryCodes } from "../src/recovery.ts";
import { Registrar } from "../src/registrar.ts";
import { ClaimedSecrets, StoredSecrets } from "../src/secrets.ts";

export const testKey: string = Buffer.alloc(32, 7).toString("base64");

/** 2026-01-01T00:00:05Z: five seconds into a step. */
export const start: number = Date.UTC(2026, 0, 1, 0, 0, 5);

/** Who is logging in, and what is different from usual. */
export interface Attempt {
  readonly user?: string;
  readonly draft?: UserDraft;
  readonly address?: string;
  readonly signal?: AbortSignal;
}

/** The method with a clock and a store that a test can reach. */
export interface Bench {
  readonly method: AuthMethod<"keyboard-interactive">;
  readonly registrar: Registrar;
  readonly store: Store;
  readonly log: CapturedLog;
  readonly clock: { now: number };
  /** Enrols and returns the secret. The step that confirms it is over when this resolves. */
  enroll(user?: string): Promise<Secret>;
  /** The code that an app shows, so many steps from now. */
  code(secret: Secret, steps?: number): string;
  /** Answers the prompt, and tells how many were shown. */
  login(answer: string, attempt?: Attempt): Promise<Verdict & { readonly asked: number }>;
  detach(password: string, attempt?: Attempt): Promise<Detached | undefined>;
  /** Looks at a password, which is then judged so; by the attempt before the verdict in another mechanism. */
  judged(password: string, verdict: Verdict, mechanism?: Mechanism): Promise<Detached | undefined>;
}

export function bench(options: TotpOptions = {}, store: Store = memoryStore(), clock = { now: start }): Bench {
  const settings = totpOptions.parse({ key: testKey, ...options });
  const keys = settings.keys.map((key) => Buffer.from(key as string, "base64"));
  const keyring = new Keyring(keys);
  const log = capturedLog();
  const stored = new StoredSecrets(store, keyring);
  const recovery = new RecoveryCodes(store, keyring);
  const parts = { settings, store, recovery, log, now: () => clock.now };
  const { claim } = settings;
  const all = { ...parts, secrets: claim === undefined ? stored : new ClaimedSecrets(claim, settings) };
  const appended = new Appended(all);
  const method = totpMethod(all, appended);
  const registrar = new Registrar({
    ...parts,
    stored: claim === undefined ? stored : undefined,
    keys: keyring.ids,
  });
  return {
    method,
    registrar,
    store,
    log,
    clock,
    async enroll(user = "alice") {
      const pending = await registrar.enroll(user);
      const secret = secretOf(pending.secret, options);
      if (!(await pending.confirm(codeOf(secret, stepAt(secret, clock.now))))) throw new Error("not confirmed");
      clock.now += secret.period * 1000;
      return secret;
    },
    code: (secret, steps = 0) => codeOf(secret, stepAt(secret, clock.now) + steps),
    async login(answer, attempt = {}) {
      let asked = 0;
      const ask = async (): Promise<string[]> => {
        asked += 1;
        return [answer];
      };
      const verdict = await method.verify(attemptOf("keyboard-interactive", { ask }, attempt));
      return { ...verdict, asked };
    },
    async detach(password, attempt = {}) {
      return method.detach?.(attemptOf("password", { password }, attempt));
    },
    async judged(password, verdict, mechanism = "password") {
      const attempt = attemptOf("password", { password }, {});
      const detached = await method.detach?.(attempt);
      await appended.judged({ ...attempt, mechanism }, verdict);
      // Whatever is told later of the same connection is about another attempt.
      await appended.judged(attempt, proven());
      return detached;
    },
  };
}

function attemptOf<M extends "password" | "keyboard-interactive">(
  mechanism: M,
  credentials: Parameters<typeof authAttempt<M>>[1]["credentials"],
  { user: username = "alice", draft, address, signal }: Attempt,
): AuthAttempt<M> {
  return authAttempt(
    mechanism,
    { username, credentials },
    {
      ...(draft === undefined ? {} : { draft }),
      ...(address === undefined ? {} : { remoteAddress: address }),
      ...(signal === undefined ? {} : { signal }),
    },
  );
}

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** A secret as an app would read it; decoded here by another way than the server's. */
export function secretOf(base32: string, { algorithm = "sha1", digits = 6, period = 30 }: TotpOptions = {}): Secret {
  const bits = Array.from(base32, (letter) => letters.indexOf(letter).toString(2).padStart(5, "0")).join("");
  const bytes = (bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2));
  return { bytes: Uint8Array.from(bytes), algorithm, digits, period };
}

/** A store of which a method fails. */
export function failingStore(failing: keyof Store, store: Store = memoryStore()): Store {
  return new Proxy(store, {
    get(target, name) {
      if (name === failing) return () => Promise.reject(new Error("the disk is gone"));
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}
