import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TotpEnrolment } from "@sluice/auth-totp";
import { generateHostKey, type Server } from "@sluice/core";
import { generateSync } from "otplib";
import { bindDn, bindPassword, hasSlapd, startDirectory, type DemoDirectory } from "./directory.ts";
import { companyServer } from "./server.ts";

/** How long a code is shown, in milliseconds. */
export const periodMs = 30_000;

/** The company's server at work, with a directory and files of its own. */
export interface Stage {
  /** Everything that was written is in it. */
  readonly folder: string;
  readonly server: Server;
  readonly port: number;
  /** The server's key as in `known_hosts`. */
  readonly hostKey: string;
  /** The audit log. */
  readonly audit: string;
}

/** What somebody logs in with beside the password. */
export interface Secret {
  /** Of the app. */
  readonly secret: string;
  readonly recovery: string;
}

/** Has something played on a stage, which is taken away afterwards. Resolves to an exit code. */
export async function play(work: (stage: Stage, signal: AbortSignal) => Promise<void>): Promise<number> {
  if (!hasSlapd) {
    console.error("This demo needs OpenLDAP's server: apt-get install slapd");
    return 1;
  }
  const interrupted = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => interrupted.abort());
  const folder = await mkdtemp(join(tmpdir(), "sluice-company-"));
  let directory: DemoDirectory | undefined;
  let server: Server | undefined;
  try {
    say("Starting a directory with the people alice and bob, and the groups staff and finance (alice alone)");
    directory = await startDirectory(folder);
    const { privateKey, publicKey } = generateHostKey();
    const audit = join(folder, "audit", "audit.jsonl");
    server = await prepare(folder, directory, privateKey, audit);
    const address = await server.listen({ host: "127.0.0.1", port: Number(process.env["PORT"] ?? 0) });
    const port = "port" in address ? address.port : 0;
    await work({ folder, server, port, hostKey: publicKey, audit }, interrupted.signal);
    return 0;
  } catch (error) {
    if (interrupted.signal.aborted) return 0;
    throw error;
  } finally {
    await server?.close({ graceMs: 1000 });
    await directory?.stop();
    await rm(folder, { recursive: true, force: true });
    say("Everything has ended, and nothing is left of it");
  }
}

async function prepare(folder: string, { url, base }: DemoDirectory, hostKey: string, audit: string): Promise<Server> {
  const [files, totpKey, hostKeyFile] = [join(folder, "files"), join(folder, "totp.key"), join(folder, "host_ed25519")];
  await writeFile(totpKey, randomBytes(32).toString("base64"), { mode: 0o600 });
  await writeFile(hostKeyFile, hostKey, { mode: 0o600 });
  for (const path of ["people", "groups/staff/archive", "groups/finance"])
    await mkdir(join(files, path), { recursive: true });
  await writeFile(join(files, "groups/finance/salaries.csv"), "alice,1\nbob,2\n");
  await writeFile(join(files, "groups/staff/news.txt"), "The canteen is open again\n");
  const server = companyServer({
    directory: { url, base, bindDn, password: bindPassword },
    groups: ["staff", "finance"],
    files,
    store: join(folder, "store"),
    hostKey: hostKeyFile,
    totpKey,
    audit,
    logLevel: "error",
    quota: { user: "8 MiB", group: "4 MiB" },
  });
  server.afterLogin((login, verdict) => {
    const [factor] = login.factors.slice(-1);
    if (verdict.is === "proven") console.log(`  server: ${login.username} has proven ${factor}`);
    else
      console.log(`  server: ${login.username} is refused: ${verdict.is === "refused" ? verdict.reason : verdict.is}`);
  });
  await server.ready();
  return server;
}

/** As `sluice totp enroll` does it, with ourselves for the app. */
export async function enrol(server: Server, user: string): Promise<Secret> {
  say(`Enrolling ${user} for one-time codes`);
  const enrolment = server.services.get(TotpEnrolment);
  const { uri, secret, confirm } = await enrolment.enroll(user);
  // By the code of the period before, so that the one shown now is still good.
  const early = (): string => codeAt(secret, Date.now() - periodMs);
  if (!(await confirm(early())) && !(await confirm(early()))) throw new Error("The enrolment was not confirmed");
  const [recovery = ""] = await enrolment.recoveryCodes(user);
  console.log(`  ${uri}`);
  return { secret, recovery };
}

/** What the app shows at a time. */
export function codeAt(secret: string, now: number): string {
  return generateSync({ secret, epoch: Math.floor(now / 1000) });
}

/** Tells what happens next. */
export function say(what: string): void {
  console.log(`\n* ${what}`);
}
