import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { kill, notInstalled, run, start } from "../interop/process.ts";
import { makeCertificates, type Certificates, type Pair } from "./certificates.ts";
import { accepting, freePort, scratchDirectory } from "./scratch.ts";

/** Why Debian's OpenLDAP cannot be run here, if it cannot. */
export const slapdUnavailable: string | undefined = withPath(() => notInstalled("slapd", "ldapmodify", "openssl"));

/** Servers are in directories that users seldom have in their path. */
function withPath<T>(work: () => T): T {
  process.env["PATH"] = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`;
  return work();
}

export const suffix = "dc=example,dc=org";
export const admin = { dn: `cn=admin,${suffix}`, password: "admin-secret" };
export const service = { dn: `cn=service,${suffix}`, password: "service-secret" };
/** An account that may set passwords beside reading. */
export const helpdesk = { dn: `cn=helpdesk,${suffix}`, password: "helpdesk-secret" };
/** An account that does not see who is in which group, nor when accounts expire. */
export const blind = { dn: `cn=blind,${suffix}`, password: "blind-secret" };
export const people = `ou=people,${suffix}`;
export const groupsBase = `ou=groups,${suffix}`;

/** What differs from one to the next. */
export interface SlapdOptions {
  /** Added to a tree with places for people and groups, and policies for passwords. */
  readonly ldif?: string;
  /** The one that the server shows. @default for `localhost` and 127.0.0.1 */
  readonly certificate?: (all: Certificates) => Pair;
  /** More lines of `slapd.conf`. */
  readonly extra?: string;
}

/** An OpenLDAP of a suite's own, with a TLS certificate, password policies and `memberOf`. */
export class Slapd {
  readonly directory: string;
  readonly certificates: Certificates;
  readonly port: number;
  readonly securePort: number;
  readonly #remove: () => Promise<void>;
  #process: ChildProcess | undefined;

  private constructor(
    directory: string,
    certificates: Certificates,
    ports: readonly [number, number],
    remove: () => Promise<void>,
  ) {
    this.directory = directory;
    this.certificates = certificates;
    [this.port, this.securePort] = ports;
    this.#remove = remove;
  }

  static async start(options: SlapdOptions = {}): Promise<Slapd> {
    const { path, remove } = await scratchDirectory();
    const certificates = await makeCertificates(path);
    const slapd = new Slapd(path, certificates, [await freePort(), await freePort()], remove);
    try {
      await slapd.#begin(options);
    } catch (error) {
      await slapd.stop();
      throw error;
    }
    return slapd;
  }

  async #begin(options: SlapdOptions): Promise<void> {
    await mkdir(join(this.directory, "db"));
    await writeFile(join(this.directory, "openssh-lpk.schema"), opensshSchema);
    await this.configure(options.certificate?.(this.certificates) ?? this.certificates.server, options.extra);
    await this.up();
    await this.modify(base + (options.ldif ?? ""), ["-a"]);
  }

  get url(): string {
    return `ldap://127.0.0.1:${this.port}`;
  }

  get secureUrl(): string {
    return `ldaps://localhost:${this.securePort}`;
  }

  /** Writes the configuration; read by `up`. */
  async configure(pair: Pair, extra = ""): Promise<void> {
    const { directory } = this;
    const lines = [
      ...["core", "cosine", "nis", "inetorgperson"].map((name) => `include /etc/ldap/schema/${name}.schema`),
      `include ${directory}/openssh-lpk.schema`,
      "modulepath /usr/lib/ldap",
      "moduleload back_mdb",
      "moduleload memberof",
      "moduleload ppolicy",
      `TLSCACertificateFile ${this.certificates.ca}`,
      `TLSCertificateFile ${pair.cert}`,
      `TLSCertificateKeyFile ${pair.key}`,
      "threads 4",
      "tool-threads 1",
      extra,
      "database mdb",
      "maxsize 16777216",
      `suffix ${suffix}`,
      `rootdn ${admin.dn}`,
      `rootpw ${admin.password}`,
      `directory ${directory}/db`,
      "dbnosync",
      "overlay memberof",
      "overlay ppolicy",
      `ppolicy_default cn=default,ou=policies,${suffix}`,
      "ppolicy_use_lockout",
      `access to attrs=userPassword by self write by dn.exact="${helpdesk.dn}" write by anonymous auth by * none`,
      `access to attrs=memberOf,shadowExpire by dn.exact="${blind.dn}" none by * break`,
      `access to * by dn.exact="${service.dn}" read by self read by users read by * none`,
    ];
    await writeFile(join(directory, "slapd.conf"), `${lines.join("\n")}\n`);
  }

  async up(): Promise<void> {
    const listen = `ldap://127.0.0.1:${this.port} ldaps://127.0.0.1:${this.securePort}`;
    const child = start("slapd", ["-h", listen, "-f", join(this.directory, "slapd.conf"), "-d", "0"]);
    let output = "";
    child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.once("exit", (status) => {
      if (this.#process === child) throw new Error(`slapd ended with ${status}: ${output}`);
    });
    this.#process = child;
    await accepting(this.port);
    await accepting(this.securePort);
  }

  /** Ends the server at once, as a crash does. */
  async down(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const gone = once(child, "exit");
    kill(child);
    await gone;
  }

  /** Stops the server without closing anything: it accepts, and says nothing. */
  freeze(): void {
    this.#process?.kill("SIGSTOP");
  }

  thaw(): void {
    this.#process?.kill("SIGCONT");
  }

  /** Runs LDIF as the administrator. */
  async modify(ldif: string, args: readonly string[] = []): Promise<void> {
    const login = ["-x", "-H", this.url, "-D", admin.dn, "-w", admin.password];
    await run("ldapmodify", [...login, ...args], { input: ldif, deadlineMs: 20_000 });
  }

  async stop(): Promise<void> {
    await this.down();
    await this.#remove();
  }
}

/** The entry of a person, as LDIF. */
export function person(uid: string, password: string, ...lines: readonly string[]): string {
  return [
    `dn: uid=${uid},${people}`,
    "objectClass: inetOrgPerson",
    "objectClass: posixAccount",
    "objectClass: shadowAccount",
    "objectClass: ldapPublicKey",
    `cn: ${uid}`,
    `sn: ${uid}`,
    "uidNumber: 1000",
    "gidNumber: 1000",
    "homeDirectory: /home/nobody",
    `userPassword: ${password}`,
    ...lines,
    "\n",
  ].join("\n");
}

/** The entry of a group, as LDIF. */
export function group(cn: string, ...members: readonly string[]): string {
  return [
    `dn: cn=${cn},${groupsBase}`,
    "objectClass: groupOfNames",
    ...members.map((member) => `member: ${member}`),
    "\n",
  ].join("\n");
}

const base = `dn: ${suffix}
objectClass: organization
objectClass: dcObject
o: Example
dc: example

dn: ${people}
objectClass: organizationalUnit
ou: people

dn: ${groupsBase}
objectClass: organizationalUnit
ou: groups

dn: ou=policies,${suffix}
objectClass: organizationalUnit
ou: policies

dn: cn=default,ou=policies,${suffix}
objectClass: organizationalRole
objectClass: pwdPolicy
pwdAttribute: userPassword
pwdLockout: TRUE
pwdMaxFailure: 3
pwdMinLength: 8
pwdCheckQuality: 2
pwdMustChange: TRUE
pwdAllowUserChange: TRUE

dn: cn=aging,ou=policies,${suffix}
objectClass: organizationalRole
objectClass: pwdPolicy
pwdAttribute: userPassword
pwdMaxAge: 86400

dn: cn=strict,ou=policies,${suffix}
objectClass: organizationalRole
objectClass: pwdPolicy
pwdAttribute: userPassword
pwdMaxAge: 86400
pwdMinLength: 8
pwdCheckQuality: 2
pwdInHistory: 3
pwdMustChange: TRUE
pwdAllowUserChange: TRUE

dn: ${service.dn}
objectClass: organizationalRole
objectClass: simpleSecurityObject
userPassword: ${service.password}

dn: ${blind.dn}
objectClass: organizationalRole
objectClass: simpleSecurityObject
userPassword: ${blind.password}

dn: ${helpdesk.dn}
objectClass: organizationalRole
objectClass: simpleSecurityObject
userPassword: ${helpdesk.password}

`;

const opensshSchema = `attributetype ( 1.3.6.1.4.1.24552.500.1.1.1.13 NAME 'sshPublicKey'
  EQUALITY octetStringMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 )
objectclass ( 1.3.6.1.4.1.24552.500.1.1.2.0 NAME 'ldapPublicKey' SUP top AUXILIARY MAY ( sshPublicKey $ uid ) )
`;
