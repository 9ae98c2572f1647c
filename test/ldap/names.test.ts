import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { audit } from "@sluice/audit";
import { ldap, type LdapOptions } from "@sluice/auth-ldap";
import { Store } from "@sluice/core";
import { localFiles } from "@sluice/fs-local";
import { quota } from "@sluice/quota";
import { startTestServer, type TestServer } from "@sluice/testing";
import { notLoadable, python } from "../interop/driver.ts";
import { run } from "../interop/process.ts";
import { people, person, service, Slapd, slapdUnavailable } from "./slapd.ts";

const unavailable = slapdUnavailable ?? notLoadable(python, "paramiko");
const note = unavailable === undefined ? "" : ` (cannot run: ${unavailable})`;
const driver = fileURLToPath(new URL("../auth/drivers/paramiko_names.py", import.meta.url));

const password = "correct horse";

/** What a name that is no name at all comes to: the connection ends before anybody is asked. */
const ended: readonly (readonly [string, string | Buffer])[] = [
  ["nothing", ""],
  ["NUL", "\0"],
  ["NUL behind a name", "alice\0"],
  ["NUL in a name", "alice\0admin"],
  ["256 bytes", "a".repeat(256)],
  ["35 KB", "a".repeat(35_000)],
  ["CR and LF", "alice\r\n"],
  ["a line of its own", "alice\nroot logged in"],
  ["a tab", "alice\t"],
  ["an escape code", "\u001b[2Jalice"],
  ["DEL", "alice\u007f"],
  ["a bidirectional override", "alice\u202etxt"],
  ["a bidirectional isolate", "\u2066alice"],
  ["a zero-width space", "al\u200bice"],
  ["a zero-width joiner", "alice\u200d"],
  ["a byte order mark", "\ufeffalice"],
  ["a soft hyphen", "al\u00adice"],
  ["a line separator", "alice\u2028"],
  ["what is no UTF-8", Buffer.from([0x61, 0xff, 0xfe])],
];

/** Names like any other, which nobody has: what they would mean elsewhere is escaped. */
const denied: readonly string[] = [
  "../alice",
  "../../etc/passwd",
  "%2e%2e/alice",
  "/alice",
  "..",
  "*",
  "a*",
  "*)(uid=*",
  "*)(uid=*))(|(uid=*",
  "alice)(objectClass=*",
  "admin)(&",
  "alice)(|(uid=*))",
  "\\2a",
  "\\61lice",
  "al(ice",
  "alice,ou=people",
  `alice,${people}`,
  `uid=alice,${people}`,
  "alice+cn=alice",
  "#alice",
  '"alice"',
  "alice\\",
  "al<ice>;",
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "alice.",
];

/** The names by which a directory knows somebody, and what everything after the login calls the user. */
const known: readonly (readonly [string, string])[] = [
  ["alice", "alice"],
  ["ALICE", "alice"],
  ["Alice", "alice"],
  ["alice ", "alice"],
  [" alice", "alice"],
  ["ａｌｉｃｅ", "alice"],
  ["Zo\u00eb", "Zo\u00eb"],
  ["Zoe\u0308", "Zo\u00eb"],
];

type Attempt = readonly [name: string | Buffer, password: string | Buffer];

describe.skipIf(unavailable !== undefined).each<[string, Partial<LdapOptions>]>([
  ["a directory that is searched", { bind: service, search: { base: people } }],
  ["a directory that is bound to by names made of users'", { template: `uid={username},${people}` }],
])(`%s${note}`, (_, how) => {
  let slapd: Slapd;
  let folder: string;
  let running: TestServer;
  let port: number;
  /** The names of the users who have logged in. */
  const users = new Set<string>();

  beforeAll(async () => {
    slapd = await Slapd.start({ ldif: [person("alice", password), person("Zo\u00eb", password)].join("\n") });
    folder = await mkdtemp(join(tmpdir(), "sluice-names-"));
    await mkdir(join(folder, "people"));
    const many = 100_000;
    running = await startTestServer({
      methods: [],
      limits: {
        authFailuresPerUserAndSource: many,
        authFailuresPerSource: many,
        authFailuresPerUser: many,
        perSource: 100,
        perSourceUnauthenticated: 100,
      },
      plugins: [
        audit({ file: join(folder, "audit.jsonl") }),
        ldap({ urls: [slapd.url], ...how }),
        quota({ users: { "*": { bytes: "1 GiB" } } }),
      ],
      auth: how.search === undefined ? [["ldap"]] : [["ldap"], ["ldap-keys"]],
      prepare(server) {
        server.mount("/", localFiles({ root: join(folder, "people/{user}"), createRoot: true }));
        server.onSession(({ user }) => void users.add(user.name));
      },
    });
    const address = await running.server.listen({ host: "127.0.0.1", port: 0 });
    port = "port" in address ? address.port : 0;
  });
  afterAll(async () => {
    await running?.close();
    await slapd?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function attempt(...attempts: readonly Attempt[]): Promise<readonly string[]> {
    const base64 = (text: string | Buffer): string => Buffer.from(text as string).toString("base64");
    const job = { host: "127.0.0.1", port, attempts: attempts.map((each) => each.map(base64)) };
    const { stdout } = await run(python, ["-W", "ignore", driver], {
      input: JSON.stringify(job),
      deadlineMs: 110_000,
    });
    return JSON.parse(stdout.toString()) as string[];
  }

  const told = (names: readonly (string | Buffer)[], outcomes: readonly string[]): Record<string, string> =>
    Object.fromEntries(names.map((name, i) => [JSON.stringify(name.toString("utf8")), outcomes[i] ?? "?"]));

  it("ends the connections of names that are none", { timeout: 120_000 }, async () => {
    const names = ended.map(([, name]) => name);
    const outcomes = await attempt(...names.map((name): Attempt => [name, password]));
    expect(told(names, outcomes)).toEqual(
      told(
        names,
        names.map(() => "ended"),
      ),
    );
  });

  it(
    "refuses names that mean something in filters, distinguished names, paths and objects",
    { timeout: 120_000 },
    async () => {
      const outcomes = await attempt(...denied.map((name): Attempt => [name, password]));
      expect(told(denied, outcomes)).toEqual(
        told(
          denied,
          denied.map(() => "denied"),
        ),
      );
    },
  );

  it("refuses passwords that directories would take for none", { timeout: 120_000 }, async () => {
    const passwords = ["", "\0", "\0x", `${password}\0`, `${password}\0x`, "x".repeat(1025), "x".repeat(30_000)];
    const outcomes = await attempt(...passwords.map((each): Attempt => ["alice", each]));
    expect(told(passwords, outcomes)).toEqual(
      told(
        passwords,
        passwords.map(() => "denied"),
      ),
    );
  });

  it("knows one user by several spellings, and calls it by one name everywhere", { timeout: 120_000 }, async () => {
    const names = known.map(([name]) => name);
    const outcomes = await attempt(...names.map((name): Attempt => [name, password]));
    expect(told(names, outcomes)).toEqual(
      told(
        names,
        names.map(() => "in /"),
      ),
    );
    await running.idle();
    const canonical = [...new Set(known.map(([, name]) => name))].sort();
    expect([...users].sort()).toEqual(canonical);
    expect((await readdir(join(folder, "people"))).sort()).toEqual(canonical);
    const keys: string[] = [];
    for await (const [key] of running.server.services.get(Store).list("quota/")) keys.push(key);
    expect(keys.join("\n")).not.toMatch(/ALICE|Alice|alice(%20| )/);
  });

  it("leaves nothing in the log and the audit log that a terminal or a reader of lines would obey", async () => {
    await running.server.close({ graceMs: 0 });
    const records = await readFile(join(folder, "audit.jsonl"), "utf8");
    for (const text of [records, running.log.text()]) {
      expect(text).not.toMatch(
        /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/u,
      );
      expect(text).not.toContain(password);
    }
    const named = new Set<string>();
    for (const line of records.trim().split("\n")) {
      const { user } = JSON.parse(line) as { user?: string | { name?: string } };
      const name = typeof user === "object" ? user.name : user;
      if (name !== undefined && users.has(name)) named.add(name);
    }
    expect([...named].sort()).toEqual([...users].sort());
  });
});
