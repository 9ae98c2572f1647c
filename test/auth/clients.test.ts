import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { proven, refused, type AuthPolicies, type AuthPolicy } from "@sluice/core";
import { clientNames, login, unavailable } from "./clients.ts";
import { listen, method, userKey, type ListeningServer, type UserKey } from "./server.ts";

let running: ListeningServer | undefined;
let key: UserKey;

beforeAll(async () => void (key = await userKey()));
afterEach(async () => running?.close());
afterAll(async () => key.remove());

const methods = [
  method<"password">({
    name: "password",
    mechanism: "password",
    verify: ({ username, password }) =>
      password === "right" ? proven({ groups: username === "root" ? ["admins"] : [] }) : refused("wrong"),
  }),
  method<"keyboard-interactive">({
    name: "code",
    mechanism: "keyboard-interactive",
    async verify({ ask }) {
      const [code] = await ask({ prompts: [{ text: "Code: ", echo: true }] });
      return code === "123456" ? proven() : refused("wrong");
    },
    detach: ({ password }) =>
      /\d{6}$/.test(password) ? { password: password.slice(0, -6), answers: [password.slice(-6)] } : undefined,
  }),
  method<"publickey">({
    name: "key",
    mechanism: "publickey",
    verify: (attempt) =>
      key.blob.equals(attempt.key.blob) ? proven({ groups: [] }) : refused("The key is not authorised"),
  }),
];

async function serve(auth: AuthPolicy | AuthPolicies): Promise<number> {
  running = await listen({ methods, auth });
  return running.port;
}

describe.each(clientNames.filter((client) => unavailable(client) === undefined))("%s", (client) => {
  const user = "alice";

  it("logs in by a password, and not by a wrong one", async () => {
    const port = await serve([["password"]]);
    expect(await login(client, { port, user, passwords: ["right"] })).toMatchObject({ loggedIn: true });
    expect(await login(client, { port, user, passwords: ["wrong"] })).toMatchObject({ loggedIn: false });
  });

  it("logs in by a password and then a code, and by neither alone", async () => {
    const port = await serve([["password", "code"]]);
    const both = await login(client, { port, user, passwords: ["right"], answers: ["123456"] });
    expect(both.loggedIn).toBe(true);
    expect(both.prompts.at(-1)).toContain("Code:");
    expect(await login(client, { port, user, passwords: ["right"] })).toMatchObject({ loggedIn: false });
    expect(await login(client, { port, user, answers: ["123456"] })).toMatchObject({ loggedIn: false });
  });

  it("logs in by a password that has the code at its end", async () => {
    const port = await serve([["password", "code"]]);
    expect(await login(client, { port, user, passwords: ["right123456"] })).toMatchObject({ loggedIn: true });
    expect(await login(client, { port, user, passwords: ["right654321"] })).toMatchObject({ loggedIn: false });
  });

  it("logs in by a key and then a code", async () => {
    const port = await serve([["key", "code"]]);
    const right = await login(client, { port, user, key: key.file, answers: ["123456"] });
    expect(right.loggedIn).toBe(true);
    const wrong = await login(client, { port, user, key: key.file, answers: ["654321"] });
    expect(wrong.loggedIn).toBe(false);
  });

  it("logs in by either of two alternatives", async () => {
    const port = await serve([["key"], ["password", "code"]]);
    expect(await login(client, { port, user, key: key.file })).toMatchObject({ loggedIn: true });
    const other = await login(client, { port, user, passwords: ["right"], answers: ["123456"] });
    expect(other.loggedIn).toBe(true);
  });

  it("is held to the policy of the user's group, which is known only after the password", async () => {
    const port = await serve({ default: [["password"]], groups: { admins: [["password", "code"]] } });
    expect(await login(client, { port, user, passwords: ["right"] })).toMatchObject({ loggedIn: true });
    expect(await login(client, { port, user: "root", passwords: ["right"] })).toMatchObject({ loggedIn: false });
    const both = await login(client, { port, user: "root", passwords: ["right"], answers: ["123456"] });
    expect(both.loggedIn).toBe(true);
  });

  it("goes on to what counts when it began with a key that leads nowhere", async () => {
    const port = await serve({ default: [["key"]], users: { alice: [["password", "code"]] } });
    const all = { port, user, key: key.file, passwords: ["right"], answers: ["123456"] };
    expect(await login(client, all)).toMatchObject({ loggedIn: true });
    expect(await login(client, { port, user, key: key.file })).toMatchObject({ loggedIn: false });
  });

  it("does not log in by the right factors in the wrong order", async () => {
    const port = await serve([["code", "password"]]);
    const wrong = ["password", "keyboard-interactive"] as const;
    const credentials = { port, user, passwords: ["right"], answers: ["123456"], methods: wrong };
    // The others go by what the server says may continue, and so find the right order.
    expect((await login(client, credentials)).loggedIn).toBe(client !== "paramiko");
    const proofs = running?.log.records.filter(({ message }) => message === "A factor was proven") ?? [];
    expect(proofs.map(({ fields }) => fields["mechanism"])[0]).toBe("keyboard-interactive");
  });
});
