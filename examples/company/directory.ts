import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { connect, createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";

const base = "dc=example,dc=com";

/** Where Debian has them; users seldom have it in their path. */
const environment = { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` };

/** Whether OpenLDAP's server is here: Debian's package `slapd`. */
export const hasSlapd: boolean = spawnSync("slapadd", ["-VV"], { env: environment }).error === undefined;

/** The account that looks users up, and two people. */
export const bindDn: string = `cn=sftp,${base}`;
export const bindPassword = "service-secret";
export const passwords = { alice: "correct-horse-1", bob: "battery-staple-2" } as const;

/** A directory server of our own, which ends with `stop`. */
export interface DemoDirectory {
  readonly url: string;
  readonly base: string;
  /** Resolves when it has ended, whyever. */
  readonly ended: Promise<unknown>;
  stop(): Promise<void>;
}

/** Fills a directory and serves it on this machine, on a port that is free. All its files are in `folder`. */
export async function startDirectory(folder: string): Promise<DemoDirectory> {
  const config = join(folder, "slapd.conf");
  const entries = join(folder, "company.ldif");
  await mkdir(join(folder, "ldap"), { recursive: true });
  await writeFile(config, configuration(join(folder, "ldap")), { mode: 0o600 });
  await writeFile(entries, ldif, { mode: 0o600 });
  const loaded = spawnSync("slapadd", ["-f", config, "-l", entries], { env: environment, encoding: "utf8" });
  if (loaded.status !== 0) throw new Error(`slapadd: ${loaded.stderr}`);
  const port = await freePort();
  const child = spawn("slapd", ["-h", `ldap://127.0.0.1:${port}`, "-f", config, "-d", "0"], {
    env: environment,
    stdio: "ignore",
  });
  const ended = once(child, "exit");
  await accepting(port, child);
  return {
    url: `ldap://127.0.0.1:${port}`,
    base,
    ended,
    async stop() {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

function configuration(folder: string): string {
  return [
    ...["core", "cosine", "inetorgperson"].map((name) => `include /etc/ldap/schema/${name}.schema`),
    "modulepath /usr/lib/ldap",
    "moduleload back_mdb",
    "threads 4",
    "database mdb",
    "maxsize 16777216",
    `suffix ${base}`,
    `directory ${folder}`,
    "access to attrs=userPassword by anonymous auth by * none",
    `access to * by dn.exact="${bindDn}" read by * none`,
    "",
  ].join("\n");
}

const person = (uid: keyof typeof passwords, name: string): string => `dn: uid=${uid},ou=people,${base}
objectClass: inetOrgPerson
uid: ${uid}
cn: ${name}
sn: ${name.split(" ").at(-1)}
userPassword: ${passwords[uid]}
`;

const group = (cn: string, ...members: readonly (keyof typeof passwords)[]): string => `dn: cn=${cn},ou=groups,${base}
objectClass: groupOfNames
${members.map((uid) => `member: uid=${uid},ou=people,${base}`).join("\n")}
`;

const ldif = [
  `dn: ${base}\nobjectClass: organization\nobjectClass: dcObject\no: Example Company\ndc: example\n`,
  ...["people", "groups"].map((ou) => `dn: ou=${ou},${base}\nobjectClass: organizationalUnit\n`),
  `dn: ${bindDn}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\nuserPassword: ${bindPassword}\n`,
  person("alice", "Alice Archer"),
  person("bob", "Bob Baker"),
  group("staff", "alice", "bob"),
  group("finance", "alice"),
].join("\n");

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function accepting(port: number, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (child.exitCode !== null) throw new Error(`slapd ended with ${child.exitCode}`);
    const socket = connect(port, "127.0.0.1");
    try {
      await once(socket, "connect");
      return;
    } catch {
      await setTimeout(20);
    } finally {
      socket.destroy();
    }
  }
  child.kill("SIGKILL");
  throw new Error("slapd does not answer");
}
