import { ldap } from "@sluice/auth-ldap";
import { totp, type TotpOptions } from "@sluice/auth-totp";
import type { AuthPolicy, User, Verdict } from "@sluice/core";
import { memoryFiles } from "@sluice/fs-memory";
import { startTestServer, type TestServer } from "@sluice/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { codeOf, stepAt } from "../../packages/auth-totp/src/code.ts";
import { secretOf } from "../../packages/auth-totp/test/support.ts";
import { login, unavailable as cannotRun } from "../auth/clients.ts";
import { people, person, service, Slapd, slapdUnavailable } from "../ldap/slapd.ts";

const unavailable = slapdUnavailable ?? cannotRun("openssh");
const note = unavailable === undefined ? "" : ` (cannot run: ${unavailable})`;

const password = "correct horse";
const secrets = {
  alice: "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
  bob: "MZXW6YTBOI7DQMJVGY2TMNJXGQ2DANBX",
} as const;

describe.skipIf(unavailable !== undefined)(`a secret in OpenLDAP${note}`, () => {
  let slapd: Slapd;
  let running: TestServer | undefined;
  let users: User[];
  let verdicts: Verdict[];

  beforeAll(async () => {
    const entries = Object.entries(secrets).map(([uid, secret]) => person(uid, password, `description: ${secret}`));
    slapd = await Slapd.start({ ldif: [...entries, person("carol", password)].join("\n") });
  });
  afterEach(async () => running?.close());
  afterAll(() => slapd?.stop());

  async function serve(options: TotpOptions, auth: AuthPolicy = [["ldap", "totp"]]): Promise<number> {
    users = [];
    verdicts = [];
    running = await startTestServer({
      fs: memoryFiles(),
      methods: [],
      plugins: [
        ldap({
          urls: [slapd.url],
          bind: service,
          search: { base: people },
          attributes: { claims: { otp: "description", surname: "sn" } },
        }),
        totp({ claim: "otp", ...options }),
      ],
      auth,
      prepare: (server) => {
        server.onSession(({ user }) => void users.push(user));
        server.afterLogin((_login, verdict) => void verdicts.push(verdict));
      },
    });
    const address = await running.server.listen({ host: "127.0.0.1", port: 0 });
    return "port" in address ? address.port : 0;
  }

  function code(user: keyof typeof secrets): string {
    const secret = secretOf(secrets[user]);
    return codeOf(secret, stepAt(secret, Date.now()));
  }

  it("proves, whatever spelling of the name was typed, and is hidden from the session", async () => {
    const port = await serve({});
    const shown = code("alice");
    const first = await login("openssh", { port, user: "ALICE", passwords: [password], answers: [shown] });
    expect(first.loggedIn).toBe(true);
    expect(users[0]).toMatchObject({ name: "alice", claims: { surname: "alice" } });
    expect(users[0]?.claims).not.toHaveProperty("otp");
    const second = await login("openssh", { port, user: "alice", passwords: [password], answers: [shown] });
    expect(second.loggedIn).toBe(false);
    const others = await login("openssh", { port, user: "bob", passwords: [password], answers: [code("alice")] });
    expect(others.loggedIn).toBe(false);
    expect(running?.log.text()).not.toContain(secrets.alice);
  });

  it("proves by a code behind the password", async () => {
    const port = await serve({ mode: "append" });
    const right = `${password}${code("bob")}`;
    expect((await login("openssh", { port, user: "bob", passwords: [password] })).loggedIn).toBe(false);
    expect((await login("openssh", { port, user: "bob", passwords: [right] })).loggedIn).toBe(true);
  });

  it("is nobody's to see where the policy lets the user in without a code", async () => {
    const port = await serve({}, [["ldap"]]);
    expect((await login("openssh", { port, user: "alice", passwords: [password] })).loggedIn).toBe(true);
    expect(users).toEqual([expect.objectContaining({ name: "alice", claims: { surname: "alice" } })]);
    expect(verdicts.at(-1)).toMatchObject({ is: "proven", user: { claims: { surname: "alice" } } });
    expect(`${JSON.stringify(verdicts)}${running?.log.text()}`).not.toContain(secrets.alice);
  });

  it("is asked for where there is none, or where that is allowed not at all", async () => {
    const refusing = await serve({});
    const asked = await login("openssh", { port: refusing, user: "carol", passwords: [password], answers: ["123456"] });
    expect(asked).toMatchObject({ loggedIn: false });
    expect(asked.prompts.join("\n")).toContain("One-time code");
    await running?.close();
    const allowing = await serve({ required: "enrolled" });
    const methods = ["password", "keyboard-interactive"] as const;
    const passed = await login("openssh", { port: allowing, user: "carol", passwords: [password], methods });
    expect(passed.loggedIn).toBe(true);
    expect(passed.prompts.join("\n")).not.toContain("One-time code");
  });
});
