import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { fileURLToPath } from "node:url";
import type { Mechanism } from "@sluice/core";
import { notLoadable, python } from "../interop/driver.ts";
import { notInstalled, run } from "../interop/process.ts";

/** The programs that log in. `openssh` and `psftp` have a terminal of their own and are typed at; the others are libraries. */
export type ClientName = "openssh" | "paramiko" | "asyncssh" | "psftp";
export const clientNames: readonly ClientName[] = ["openssh", "paramiko", "asyncssh", "psftp"];

/** What a client is given to log in with. */
export interface Credentials {
  readonly port: number;
  readonly user: string;
  /** @default "127.0.0.1" */
  readonly host?: string;
  /** For prompts of the mechanism `password`, in order. */
  readonly passwords?: readonly string[];
  /** For prompts of keyboard-interactive, in order. */
  readonly answers?: readonly string[];
  /** For each time that the server asks for another password. */
  readonly newPasswords?: readonly string[];
  /** A private key's file in OpenSSH's format; Ed25519. */
  readonly key?: string;
  /** The file of the certificate that goes with the key. */
  readonly certificate?: string;
  /** The mechanisms to try, in this order. @default those that there is something for: key, passwords, answers */
  readonly methods?: readonly Mechanism[];
}

/** How a login ended. */
export interface LoginResult {
  /** Whether an SFTP session was opened. */
  readonly loggedIn: boolean;
  /** What the client was asked, by its own words where it has a terminal: for keyboard-interactive these hold the server's. */
  readonly prompts: readonly string[];
  /** Everything else that the client said. */
  readonly output: string;
}

/** Why a client cannot run here; undefined when it can. */
export function unavailable(client: ClientName): string | undefined {
  if (client === "openssh") return notInstalled("ssh", "sftp", python);
  if (client === "psftp") return notInstalled("psftp", "puttygen", python);
  return notLoadable(python, client);
}

const deadlineS = 45;

/**
 * Logs in with a real client, opens an SFTP session, and leaves. Never throws because of a login that failed.
 *
 * @example
 * const { loggedIn, prompts } = await login("openssh", { port, user: "alice", passwords: ["secret"], answers: ["123456"] });
 */
export async function login(client: ClientName, credentials: Credentials): Promise<LoginResult> {
  const scratch = await mkdtemp(path.join(tmpdir(), "sluice-client-"));
  try {
    const job = await jobOf(client, credentials, scratch);
    const script = client === "openssh" || client === "psftp" ? "terminal.py" : `${client}_login.py`;
    const file = fileURLToPath(new URL(`drivers/${script}`, import.meta.url));
    const { stdout } = await run(python, ["-W", "ignore", file], {
      input: JSON.stringify(job),
      env: environment(scratch),
      deadlineMs: (deadlineS + 10) * 1000,
    });
    return JSON.parse(stdout.toString()) as LoginResult;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** In which a client finds nothing of the user who runs the tests: no keys, agents, known hosts or settings. */
function environment(scratch: string): NodeJS.ProcessEnv {
  return { PATH: process.env["PATH"], HOME: scratch, TMPDIR: scratch, LC_ALL: "C.UTF-8", TERM: "dumb" };
}

async function jobOf(client: ClientName, credentials: Credentials, scratch: string): Promise<object> {
  const { host = "127.0.0.1", port, user, passwords = [], answers = [], newPasswords = [], key } = credentials;
  const methods = credentials.methods ?? [
    ...(key === undefined ? [] : (["publickey"] as const)),
    ...(passwords.length === 0 ? [] : (["password"] as const)),
    ...(answers.length === 0 ? [] : (["keyboard-interactive"] as const)),
  ];
  const secrets = { passwords, answers };
  switch (client) {
    case "openssh":
      return {
        ...secrets,
        // It is asked for twice.
        new: newPasswords.flatMap((text) => [text, text]),
        command: openSsh({ ...credentials, host, methods }),
        env: environment(scratch),
        deadline: deadlineS,
      };
    case "psftp":
      return {
        ...secrets,
        new: newPasswords.flatMap((text) => [text, text]),
        command: await psftp({ ...credentials, host, methods }, scratch),
        env: environment(scratch),
        deadline: deadlineS,
      };
    default: {
      const { certificate } = credentials;
      const files = { ...(key === undefined ? {} : { key }), ...(certificate === undefined ? {} : { certificate }) };
      const anyway = methods.includes("keyboard-interactive");
      return { ...secrets, ...files, host, port, user, methods, anyway, new: [...newPasswords] };
    }
  }
}

type Complete = Credentials & Required<Pick<Credentials, "host" | "methods">>;

function openSsh(credentials: Complete): readonly string[] {
  const { host, port, user, passwords = [], key, certificate, methods } = credentials;
  const options = [
    `User=${user.replaceAll("%", "%%")}`,
    `Port=${port}`,
    "StrictHostKeyChecking=no",
    "UserKnownHostsFile=/dev/null",
    "GlobalKnownHostsFile=/dev/null",
    "IdentitiesOnly=yes",
    `IdentityFile=${key ?? "none"}`,
    ...(certificate === undefined ? [] : [`CertificateFile=${certificate}`]),
    `PreferredAuthentications=${methods.join(",")}`,
    `NumberOfPasswordPrompts=${Math.max(1, passwords.length)}`,
    "LogLevel=ERROR",
  ];
  return ["sftp", "-F", "/dev/null", ...options.flatMap((option) => ["-o", option]), host];
}

/** PuTTY tries its mechanisms in an order of its own: key, keyboard-interactive, password. */
async function psftp(credentials: Complete, scratch: string): Promise<readonly string[]> {
  const { host, port, user, key, certificate } = credentials;
  const args = ["psftp", "-P", String(port), "-l", user, "-noagent"];
  if (key !== undefined) {
    const converted = path.join(scratch, "key.ppk");
    await run("puttygen", [key, "-O", "private", "-o", converted], { env: environment(scratch) });
    args.push("-i", converted);
  }
  if (certificate !== undefined) args.push("-cert", certificate);
  return [...args, host];
}
