import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { TotpEnrolment } from "@sluice/auth-totp";
import { generateHostKey, type Server } from "@sluice/core";
import { generateSync } from "otplib";
import { sftp, type ClientLogin } from "./client.ts";
import { bindDn, bindPassword, hasSlapd, passwords, startDirectory, type DemoDirectory } from "./directory.ts";
import { companyServer } from "./server.ts";

const periodMs = 30_000;
const user = "alice";
const password = passwords[user];
/** Ends after the logins that it shows. */
const isOnce = process.argv.includes("--once");
const interrupted = new AbortController();

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => interrupted.abort());
process.exitCode = await main(interrupted.signal);

async function main(signal: AbortSignal): Promise<number> {
  if (!hasSlapd) {
    console.error("This demo needs OpenLDAP's server: apt-get install slapd");
    return 1;
  }
  const folder = await mkdtemp(join(tmpdir(), "sluice-company-"));
  let directory: DemoDirectory | undefined;
  let server: Server | undefined;
  try {
    say("Starting a directory with the people alice and bob, and the groups staff and finance (alice alone)");
    directory = await startDirectory(folder);
    const { privateKey, publicKey } = generateHostKey();
    server = await prepare(folder, directory, privateKey);
    const secret = await enrol(server);
    const address = await server.listen({ host: "127.0.0.1", port: Number(process.env["PORT"] ?? 0) });
    const port = "port" in address ? address.port : 0;
    await show(folder, { port, user, password, hostKey: publicKey, commands: "" }, secret, signal);
    if (!isOnce) await serve(port, secret, signal);
    return 0;
  } catch (error) {
    if (signal.aborted) return 0;
    throw error;
  } finally {
    await server?.close({ graceMs: 1000 });
    await directory?.stop();
    await rm(folder, { recursive: true, force: true });
    say("Everything has ended, and nothing is left of it");
  }
}

async function prepare(folder: string, { url, base }: DemoDirectory, hostKey: string): Promise<Server> {
  const [files, totpKey, hostKeyFile] = [join(folder, "files"), join(folder, "totp.key"), join(folder, "host_ed25519")];
  await writeFile(totpKey, randomBytes(32).toString("base64"), { mode: 0o600 });
  await writeFile(hostKeyFile, hostKey, { mode: 0o600 });
  for (const path of ["people", "groups/staff", "groups/finance"]) await mkdir(join(files, path), { recursive: true });
  await writeFile(join(files, "groups/finance/salaries.csv"), "alice,1\nbob,2\n");
  await writeFile(join(files, "groups/staff/news.txt"), "The canteen is open again\n");
  const server = companyServer({
    directory: { url, base, bindDn, password: bindPassword },
    files,
    store: join(folder, "store"),
    hostKey: hostKeyFile,
    totpKey,
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
async function enrol(server: Server): Promise<Secret> {
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

interface Secret {
  readonly secret: string;
  readonly recovery: string;
}

function codeAt(secret: string, now: number): string {
  return generateSync({ secret, epoch: Math.floor(now / 1000) });
}

async function show(folder: string, login: ClientLogin, secret: Secret, signal: AbortSignal): Promise<void> {
  const code = codeAt(secret.secret, Date.now());
  const run = (more: Partial<ClientLogin>): Promise<number> => sftp(folder, { ...login, ...more }, signal);
  say("OpenSSH's sftp: the password, then a code");
  await run({ code, commands: "pwd\nls /groups\nls /groups/finance\n" });
  say("The same code a second time");
  await run({ code });
  say("A recovery code behind the password, as for clients that ask for a password alone");
  await run({ password: `${password}${secret.recovery}`, commands: "ls /groups/staff\n" });
}

/** Goes on until it is interrupted, and shows each code. */
async function serve(port: number, { secret }: Secret, signal: AbortSignal): Promise<void> {
  say(`Your turn: sftp -P ${port} ${user}@127.0.0.1   (password ${password}; Ctrl-C ends it)`);
  for (;;) {
    const now = Date.now();
    console.log(`  the app of ${user} shows ${codeAt(secret, now)}`);
    await setTimeout(periodMs - (now % periodMs), undefined, { signal });
  }
}

function say(what: string): void {
  console.log(`\n* ${what}`);
}
