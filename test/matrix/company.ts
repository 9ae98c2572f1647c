import { execFile } from "node:child_process";
import { copyFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { certificates } from "@sluice/auth-certificates";
import { ldap } from "@sluice/auth-ldap";
import { totp, TotpEnrolment, type TotpOptions } from "@sluice/auth-totp";
import type { AuthPolicy } from "@sluice/core";
import { memoryFiles } from "@sluice/fs-memory";
import { lmdbStore } from "@sluice/store-lmdb";
import { startTestServer, type TestServer } from "@sluice/testing";
import { codeOf, stepAt } from "../../packages/auth-totp/src/code.ts";
import { secretOf, testKey } from "../../packages/auth-totp/test/support.ts";
import type { Directory } from "./directory.ts";

const keygen = async (...args: readonly string[]): Promise<void> =>
  void (await promisify(execFile)("ssh-keygen", ["-q", ...args], { timeout: 30_000 }));

/** Keys, and authorities over them, in a folder of a suite's own. */
export class Keys {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** With the keys `mine` and `other`, and the authorities `trusted` and `strange`. */
  static async make(): Promise<Keys> {
    const keys = new Keys(await mkdtemp(join(tmpdir(), "sluice-matrix-")));
    const names = ["mine", "other", "trusted", "strange"];
    await Promise.all(names.map((name) => keygen("-t", "ed25519", "-N", "", "-C", name, "-f", keys.file(name))));
    return keys;
  }

  file(name: string): string {
    return join(this.#folder, name);
  }

  line(name: string): Promise<string> {
    return readFile(`${this.file(name)}.pub`, "utf8").then((text) => text.trim());
  }

  /** A certificate over the key `mine`; resolves with its file. */
  async certify(principal: string, authority: string, validity: string): Promise<string> {
    const copy = this.file(`${principal}-${authority}-${validity.replaceAll(/\W/g, "_")}`);
    await copyFile(`${this.file("mine")}.pub`, `${copy}.pub`);
    await keygen("-s", this.file(authority), "-I", principal, "-n", principal, "-V", validity, `${copy}.pub`);
    return `${copy}-cert.pub`;
  }

  remove(): Promise<void> {
    return rm(this.#folder, { recursive: true, force: true });
  }
}

/** What differs from one server to the next. */
export interface CompanyOptions {
  readonly auth: AuthPolicy;
  /** One of these groups is required. */
  readonly required?: readonly string[];
  readonly mode?: TotpOptions["mode"];
  /** Of the store, which is kept. @default a folder of its own */
  readonly store?: string;
}

/** The codes of one user. */
export interface Enrolled {
  /** The one that an app shows now. */
  code(): string;
  /** One that is good neither now nor a step before or after. */
  wrong(): string;
}

/** A server whose users are in a directory, with one-time codes and certificates, that listens on this machine. */
export interface Company extends TestServer {
  readonly port: number;
  enroll(user: string): Promise<Enrolled>;
}

/** As many failures as a suite makes, from one place. */
const lenient = {
  authFailuresPerUserAndSource: 10_000,
  authFailuresPerSource: 100_000,
  authFailuresPerUser: 10_000,
  perSource: 200,
  perSourceUnauthenticated: 200,
};

export async function startCompany(
  directory: Directory,
  keys: Keys,
  { auth, required, mode, store }: CompanyOptions,
): Promise<Company> {
  const folder = store ?? (await mkdtemp(join(tmpdir(), "sluice-matrix-store-")));
  const server = await startTestServer({
    fs: memoryFiles(),
    methods: [],
    auth,
    limits: lenient,
    maxStartups: "100:30:300",
    plugins: [
      lmdbStore({ path: folder, check: false }),
      ldap({ ...directory.options, ...(required === undefined ? {} : { groups: { required: [...required] } }) }),
      totp({ key: testKey, ...(mode === undefined ? {} : { mode }) }),
      certificates({ authorities: [`${keys.file("trusted")}.pub`] }),
    ],
  });
  const address = await server.server.listen({ host: "127.0.0.1", port: 0 });
  return {
    ...server,
    port: "port" in address ? address.port : 0,
    enroll: (user) => enrolled(server, user),
    async close(how) {
      await server.close(how);
      if (store === undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Enrols by the code of the step before, so that the one shown now is still good. */
async function enrolled({ server }: TestServer, user: string): Promise<Enrolled> {
  const pending = await server.services.get(TotpEnrolment).enroll(user);
  const secret = secretOf(pending.secret);
  const shown = (steps = 0): string => codeOf(secret, stepAt(secret, Date.now()) + steps);
  // Twice, for the step may end in between.
  if (!((await pending.confirm(shown(-1))) || (await pending.confirm(shown(-1))))) throw new Error("not confirmed");
  return {
    code: shown,
    wrong() {
      const near = [-2, -1, 0, 1, 2].map((steps) => shown(steps));
      return ["000000", "111111", "222222", "333333", "444444", "555555"].find((code) => !near.includes(code)) ?? "";
    },
  };
}
