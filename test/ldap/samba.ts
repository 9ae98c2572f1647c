import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { appendFile, chmod, mkdir } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { kill, notInstalled, run, start } from "../interop/process.ts";
import { makeCertificates, type Certificates } from "./certificates.ts";
import { accepting, scratchDirectory } from "./scratch.ts";

/** Where Samba serves LDAP. Its ports cannot be chosen: suites that run at the same time take addresses of their own. */
const usualHost = "127.0.0.1";

/** Why a domain controller cannot be run at an address, if it cannot. */
export async function sambaUnavailable(host = usualHost): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return "a domain controller needs root";
  const missing = notInstalled("samba", "samba-tool", "ldapmodify", "openssl");
  if (missing !== undefined) return missing;
  const server = createServer();
  const busy = await new Promise<boolean>((resolve) => {
    server.once("error", () => resolve(true));
    server.listen(389, host, () => server.close(() => resolve(false)));
  });
  return busy ? "the port of LDAP is in use" : undefined;
}

export const domain = "DC=ad,DC=example,DC=org";
export const users = `CN=Users,${domain}`;
export const administrator = { dn: `CN=Administrator,${users}`, password: "Adm1n-secret!" };
export const searcher = { dn: `CN=sluice,${users}`, password: "Searcher-1-secret" };

/** A domain controller of a suite's own. */
export class Samba {
  readonly directory: string;
  readonly certificates: Certificates;
  readonly #host: string;
  readonly #remove: () => Promise<void>;
  #process: ChildProcess | undefined;

  private constructor(directory: string, certificates: Certificates, host: string, remove: () => Promise<void>) {
    this.directory = directory;
    this.certificates = certificates;
    this.#host = host;
    this.#remove = remove;
  }

  static async start(ldif = "", host = usualHost): Promise<Samba> {
    const { path, remove } = await scratchDirectory();
    const certificates = await makeCertificates(path);
    const samba = new Samba(path, certificates, host, remove);
    try {
      await samba.#provision();
      await samba.#up();
      await samba.modify(account("sluice", searcher.password) + ldif);
    } catch (error) {
      await samba.stop();
      throw error;
    }
    return samba;
  }

  /** Runs LDIF as the administrator. */
  async modify(ldif: string): Promise<void> {
    const login = ["-x", "-H", `ldaps://${this.#host}`, "-D", administrator.dn, "-w", administrator.password];
    const env = { ...process.env, LDAPTLS_CACERT: this.certificates.ca };
    await run("ldapmodify", login, { input: ldif, env, deadlineMs: 20_000 });
  }

  async stop(): Promise<void> {
    const child = this.#process;
    if (child !== undefined && child.exitCode === null) {
      const gone = once(child, "exit");
      kill(child);
      await gone;
    }
    await this.#remove();
  }

  async #provision(): Promise<void> {
    const root = join(this.directory, "dc");
    await mkdir(root);
    const options = ["vfs objects=dfs_samba4 acl_xattr", `interfaces=${this.#host}/8`, "bind interfaces only=yes"];
    await run("samba-tool", [
      "domain",
      "provision",
      `--targetdir=${root}`,
      "--realm=AD.EXAMPLE.ORG",
      "--domain=ADEX",
      "--server-role=dc",
      "--dns-backend=NONE",
      "--use-rfc2307",
      "--host-name=dc1",
      `--host-ip=${this.#host}`,
      `--adminpass=${administrator.password}`,
      ...options.map((option) => `--option=${option}`),
    ]);
    const { server, ca } = this.certificates;
    await chmod(server.key, 0o600);
    // In front of the shares, which is where the file's first section ends.
    const global = ["[global]", `tls certfile = ${server.cert}`, `tls keyfile = ${server.key}`, `tls cafile = ${ca}`];
    const log = [`log file = ${root}/log`, `pid directory = ${root}`, `ncalrpc dir = ${root}/ncalrpc`];
    await appendFile(join(root, "etc/smb.conf"), `\n${[...global, ...log].join("\n")}\n`);
  }

  async #up(): Promise<void> {
    const conf = join(this.directory, "dc/etc/smb.conf");
    this.#process = start("samba", ["-i", "-M", "single", "-s", conf, "--option=server services=ldap"]);
    await accepting(389, 30_000, this.#host);
    await accepting(636, 30_000, this.#host);
  }
}

/** The entry of a user, as LDIF. */
export function account(name: string, password: string, ...lines: readonly string[]): string {
  return [
    `dn: CN=${name},${users}`,
    "changetype: add",
    "objectClass: user",
    `sAMAccountName: ${name}`,
    `userPrincipalName: ${name}@ad.example.org`,
    `unicodePwd:: ${Buffer.from(`"${password}"`, "utf16le").toString("base64")}`,
    ...(lines.some((line) => line.startsWith("userAccountControl:")) ? [] : ["userAccountControl: 512"]),
    ...lines,
    "\n",
  ].join("\n");
}

/** The entry of a group, as LDIF. */
export function adGroup(name: string, ...members: readonly string[]): string {
  return [
    `dn: CN=${name},${users}`,
    "changetype: add",
    "objectClass: group",
    `sAMAccountName: ${name}`,
    ...members.map((member) => `member: ${member}`),
    "\n",
  ].join("\n");
}
