import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { totp, TotpEnrolment } from "@sluice/auth-totp";
import { generateHostKey, proven, refused, type AuthMethod } from "@sluice/core";
import { memoryFiles } from "@sluice/fs-memory";
import { startTestServer, type TestServer } from "@sluice/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { codeOf, stepAt, type Secret } from "../../packages/auth-totp/src/code.ts";
import { secretOf, testKey } from "../../packages/auth-totp/test/support.ts";
import { clientNames, login, unavailable } from "../auth/clients.ts";

const password = "hunter2-9";
let running: TestServer;
let port: number;
let directory: string;
let key: string;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "sluice-totp-"));
  key = path.join(directory, "id_ed25519");
  const made = generateHostKey("ed25519");
  await writeFile(key, made.privateKey, { mode: 0o600 });
  const blob = Buffer.from(made.publicKey.split(" ")[1]!, "base64");
  const byPassword: AuthMethod<"password"> = {
    name: "password",
    mechanism: "password",
    verify: (attempt) => (attempt.password === password ? proven() : refused("wrong password")),
  };
  const byKey: AuthMethod<"publickey"> = {
    name: "key",
    mechanism: "publickey",
    verify: (attempt) => (blob.equals(attempt.key.blob) ? proven() : refused("not authorised")),
  };
  running = await startTestServer({
    fs: memoryFiles(),
    methods: [byPassword, byKey] as readonly AuthMethod[],
    plugins: [totp({ key: testKey, mode: "both" })],
    auth: [
      ["password", "totp"],
      ["key", "totp"],
    ],
  });
  const address = await running.server.listen({ host: "127.0.0.1", port: 0 });
  port = "port" in address ? address.port : 0;
});
afterAll(async () => {
  await running?.close();
  await rm(directory, { recursive: true, force: true });
});

/** Enrols by the code of the step before, so that the one shown now is still good. */
async function enrolled(user: string): Promise<{ code: () => string; recovery: readonly string[] }> {
  const enrolment = running.server.services.get(TotpEnrolment);
  const pending = await enrolment.enroll(user);
  const secret: Secret = secretOf(pending.secret);
  // Twice, for the step may end in between.
  const confirm = (): Promise<boolean> => pending.confirm(codeOf(secret, stepAt(secret, Date.now()) - 1));
  expect((await confirm()) || (await confirm())).toBe(true);
  return {
    code: () => codeOf(secret, stepAt(secret, Date.now())),
    recovery: await enrolment.recoveryCodes(user),
  };
}

function wrong(code: string): string {
  return code.replace(/./, (digit) => String((Number(digit) + 5) % 10));
}

for (const client of clientNames) {
  describe.skipIf(unavailable(client) !== undefined)(`logging in with ${client}`, () => {
    it("logs in by a password and then a code, which is good once", async () => {
      const user = `${client}-password`;
      const code = (await enrolled(user)).code();
      const refusal = await login(client, { port, user, passwords: [password], answers: [wrong(code)] });
      expect(refusal.loggedIn).toBe(false);
      const { loggedIn, prompts } = await login(client, { port, user, passwords: [password], answers: [code] });
      expect({ loggedIn, prompt: prompts.at(-1) }).toEqual({
        loggedIn: true,
        prompt: expect.stringContaining("One-time code:"),
      });
      expect((await login(client, { port, user, passwords: [password], answers: [code] })).loggedIn).toBe(false);
    });

    it("logs in by a key and then a code", async () => {
      const user = `${client}-key`;
      const code = (await enrolled(user)).code();
      expect(await login(client, { port, user, key, answers: [code] })).toMatchObject({ loggedIn: true });
      expect(await login(client, { port, user, key, answers: [code] })).toMatchObject({ loggedIn: false });
    });

    it("logs in by a code behind the password, and is asked for nothing else", async () => {
      const user = `${client}-appended`;
      const code = (await enrolled(user)).code();
      const rejected = await login(client, { port, user, passwords: [`${password}${wrong(code)}`] });
      expect(rejected.loggedIn).toBe(false);
      const { loggedIn, prompts } = await login(client, { port, user, passwords: [`${password}${code}`] });
      expect(loggedIn).toBe(true);
      expect(prompts.join("\n")).not.toContain("One-time code");
      expect((await login(client, { port, user, passwords: [`${password}${code}`] })).loggedIn).toBe(false);
    });

    it("logs in by a recovery code, which is good once", async () => {
      const user = `${client}-recovery`;
      const [recovery = ""] = (await enrolled(user)).recovery;
      expect(await login(client, { port, user, passwords: [password], answers: [recovery] })).toMatchObject({
        loggedIn: true,
      });
      expect(await login(client, { port, user, passwords: [password], answers: [recovery] })).toMatchObject({
        loggedIn: false,
      });
    });
  });
}

it.skipIf(unavailable("openssh") !== undefined)(
  "of eight clients that come with the same code at once, one logs in",
  async () => {
    const user = "together";
    const code = (await enrolled(user)).code();
    const logins = Array.from({ length: 8 }, (_, i) =>
      i % 2 === 0
        ? login("openssh", { port, user, passwords: [password], answers: [code] })
        : login("openssh", { port, user, passwords: [`${password}${code}`] }),
    );
    const results = await Promise.all(logins);
    expect(results.filter(({ loggedIn }) => loggedIn)).toHaveLength(1);
  },
);

it("a password is not told from a code by what the client is answered", async () => {
  const user = "oracle";
  const code = (await enrolled(user)).code();
  const attempts = [`wrong${code}`, `wrong${wrong(code)}`, `${password}${wrong(code)}`, "wrong"];
  const results = await Promise.all(
    attempts.map((guess) => running.connect({ username: user, password: guess }).then(String, String)),
  );
  expect(new Set(results).size).toBe(1);
});

it.skipIf(unavailable("openssh") !== undefined)(
  "strangers that guess at passwords with codes behind them keep nobody from appending one",
  async () => {
    const user = "besieged";
    const code = (await enrolled(user)).code();
    for (let i = 0; i < 7; i++) {
      await expect(running.connect({ username: user, password: `guess ${i}${wrong(code)}` })).rejects.toThrow(
        /authentication/i,
      );
    }
    expect(await login("openssh", { port, user, passwords: [`${password}${code}`] })).toMatchObject({ loggedIn: true });
  },
);
