import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { clientNames, login, unavailable, type ClientName, type Credentials } from "../auth/clients.ts";
import { notInstalled } from "../interop/process.ts";
import { Keys, startCompany, type Company, type CompanyOptions, type Enrolled } from "./company.ts";
import type { Directory, DirectoryKind } from "./directory.ts";

/** One way to log in. */
interface Case {
  readonly title: string;
  /** Short: names in Active Directory have 20 letters at most. */
  readonly short: string;
  readonly server: Omit<CompanyOptions, "store" | "required">;
  /** Whether users have to be in the group `outer`. */
  readonly required?: boolean;
  readonly disabled?: boolean;
  readonly inner?: boolean;
  /** Tries it, the way that is right and those that are wrong. */
  run(cell: Cell): Promise<void>;
}

/** A client at one case, as a user of its own. */
interface Cell {
  readonly user: string;
  readonly keys: Keys;
  /** Whether it logs in with these. */
  logsIn(credentials: Omit<Credentials, "port" | "user">, user?: string): Promise<boolean>;
  enroll(): Promise<Enrolled>;
  /** Why attempts of the cell's own user were refused, by the server's log. */
  reasons(): readonly string[];
}

const password = "Corr3ct-horse";
const wrong = "Wr0ng-horse";

const cases: readonly Case[] = [
  {
    title: "password",
    short: "pw",
    server: { auth: [["ldap"]] },
    async run({ logsIn }) {
      expect(await logsIn({ passwords: [password] })).toBe(true);
      expect(await logsIn({ passwords: [wrong] })).toBe(false);
    },
  },
  {
    title: "password, then code",
    short: "pw-code",
    server: { auth: [["ldap", "totp"]] },
    async run({ logsIn, enroll }) {
      const codes = await enroll();
      const code = codes.code();
      expect(await logsIn({ passwords: [wrong], answers: [code] })).toBe(false);
      expect(await logsIn({ passwords: [password], answers: [codes.wrong()] })).toBe(false);
      expect(await logsIn({ passwords: [password] })).toBe(false);
      expect(await logsIn({ passwords: [password], answers: [code] })).toBe(true);
      expect(await logsIn({ passwords: [password], answers: [code] })).toBe(false);
    },
  },
  {
    title: "key, then code",
    short: "key-code",
    server: { auth: [["ldap-keys", "totp"]] },
    async run({ logsIn, enroll, keys }) {
      const codes = await enroll();
      const code = codes.code();
      expect(await logsIn({ key: keys.file("other"), answers: [code] })).toBe(false);
      expect(await logsIn({ key: keys.file("mine"), answers: [codes.wrong()] })).toBe(false);
      expect(await logsIn({ key: keys.file("mine") })).toBe(false);
      expect(await logsIn({ key: keys.file("mine"), answers: [code] })).toBe(true);
      expect(await logsIn({ key: keys.file("mine"), answers: [code] })).toBe(false);
    },
  },
  {
    title: "key, or password and code",
    short: "key-or",
    server: { auth: [["ldap-keys"], ["ldap", "totp"]] },
    async run({ logsIn, enroll, keys }) {
      const codes = await enroll();
      const answers = [codes.code()];
      expect(await logsIn({ key: keys.file("mine") })).toBe(true);
      expect(await logsIn({ key: keys.file("other") })).toBe(false);
      expect(await logsIn({ key: keys.file("other"), passwords: [password] })).toBe(false);
      expect(await logsIn({ passwords: [password], answers: [codes.wrong()] })).toBe(false);
      expect(await logsIn({ key: keys.file("other"), passwords: [password], answers })).toBe(true);
    },
  },
  {
    title: "code behind the password",
    short: "append",
    server: { auth: [["ldap", "totp"]], mode: "append" },
    async run({ logsIn, enroll }) {
      const codes = await enroll();
      const code = codes.code();
      expect(await logsIn({ passwords: [`${wrong}${code}`] })).toBe(false);
      expect(await logsIn({ passwords: [`${password}${codes.wrong()}`] })).toBe(false);
      expect(await logsIn({ passwords: [password] })).toBe(false);
      expect(await logsIn({ passwords: [`${password}${code}`] })).toBe(true);
      expect(await logsIn({ passwords: [`${password}${code}`] })).toBe(false);
    },
  },
  {
    title: "certificate: one that is valid, not one that has expired, is for another user or of another authority",
    short: "cert",
    server: { auth: [["certificate"]] },
    async run({ logsIn, keys, user }) {
      const key = keys.file("mine");
      const valid = await keys.certify(user, "trusted", "-1h:+1h");
      expect(await logsIn({ key, certificate: valid })).toBe(true);
      expect(await logsIn({ key, certificate: valid }, "stranger")).toBe(false);
      expect(await logsIn({ key })).toBe(false);
      const expired = await keys.certify(user, "trusted", "20200101:20200102");
      expect(await logsIn({ key, certificate: expired })).toBe(false);
      const strange = await keys.certify(user, "strange", "-1h:+1h");
      expect(await logsIn({ key, certificate: strange })).toBe(false);
    },
  },
  {
    title: "certificate, then the directory's password",
    short: "cert-pw",
    server: { auth: [["certificate", "ldap"]] },
    async run({ logsIn, keys, user }) {
      const key = keys.file("mine");
      const certificate = await keys.certify(user, "trusted", "-1h:+1h");
      expect(await logsIn({ key, certificate, passwords: [password] })).toBe(true);
      expect(await logsIn({ key, certificate, passwords: [wrong] })).toBe(false);
      expect(await logsIn({ key, certificate })).toBe(false);
    },
  },
  {
    title: "account that is disabled: neither by password nor key nor certificate, where another may",
    short: "disabled",
    server: { auth: [["ldap-keys"], ["ldap"], ["certificate", "ldap"]] },
    disabled: true,
    async run({ logsIn, keys, user, reasons }) {
      const key = keys.file("mine");
      const certificate = await keys.certify(user, "trusted", "-1h:+1h");
      expect(await logsIn({ passwords: [password] })).toBe(false);
      expect(await logsIn({ key })).toBe(false);
      expect(await logsIn({ key, certificate, passwords: [password] })).toBe(false);
      expect(reasons().filter((reason) => /^the account is (disabled|locked)/.test(reason)).length).toBeGreaterThan(2);
      expect(await logsIn({ passwords: [password] }, "enabled")).toBe(true);
      expect(await logsIn({ key }, "enabled")).toBe(true);
    },
  },
  {
    title: "group that is required: by way of another group, not without",
    short: "nested",
    server: { auth: [["ldap-keys"], ["ldap"]] },
    required: true,
    inner: true,
    async run({ logsIn, keys }) {
      const key = keys.file("mine");
      expect(await logsIn({ passwords: [password] })).toBe(true);
      expect(await logsIn({ passwords: [wrong] })).toBe(false);
      expect(await logsIn({ key })).toBe(true);
      expect(await logsIn({ passwords: [password] }, "enabled")).toBe(false);
      expect(await logsIn({ key }, "enabled")).toBe(false);
    },
  },
];

const nameOf = (client: ClientName, { short }: Case): string => `${client}-${short}`;

/** Every client at every way to log in, with users of one directory. */
export function describeMatrix(kind: DirectoryKind): void {
  const missing = kind.unavailable ?? notInstalled("ssh-keygen");
  const note = missing === undefined ? "" : ` (cannot run: ${missing})`;
  describe.skipIf(missing !== undefined)(`logins by users of ${kind.name}${note}`, () => {
    let keys: Keys;
    let directory: Directory;
    const servers = new Map<Case, Company>();

    beforeAll(async () => {
      keys = await Keys.make();
      const member = { password, key: await keys.line("mine"), disabled: false, inner: false };
      directory = await kind.start([
        { ...member, name: "stranger", key: await keys.line("other") },
        { ...member, name: "enabled" },
        ...cases.flatMap((its) =>
          clientNames.map((client) => {
            const { disabled = false, inner = false } = its;
            return { ...member, name: nameOf(client, its), disabled, inner };
          }),
        ),
      ]);
      for (const its of cases) {
        const required = its.required === true ? { required: [directory.outer] } : {};
        servers.set(its, await startCompany(directory, keys, { ...its.server, ...required }));
      }
    });
    afterAll(async () => {
      await Promise.all([...servers.values()].map((server) => server.close()));
      await directory?.stop();
      await keys?.remove();
    });

    for (const client of clientNames) {
      const lacking = unavailable(client);
      const why = lacking === undefined ? "" : ` (cannot run: ${lacking})`;
      describe.skipIf(lacking !== undefined)(`with ${client}${why}`, { concurrent: true }, () => {
        it.each(cases.map((its) => [its.title, its] as const))("%s", async (_, its) => {
          const server = servers.get(its)!;
          const user = nameOf(client, its);
          await its.run({
            user,
            keys,
            logsIn: async (credentials, name = user) =>
              (await login(client, { ...credentials, port: server.port, user: name })).loggedIn,
            enroll: () => server.enroll(user),
            reasons: () =>
              server.log.records
                .filter(({ fields }) => fields["username"] === user && fields["reason"] !== undefined)
                .map(({ fields }) => String(fields["reason"])),
          });
        });
      });
    }
  });
}
