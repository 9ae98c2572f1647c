import { afterEach, describe, expect, it } from "vitest";
import { changeRequired, proven, refused, type AuthPolicy } from "@sluice/core";
import { login, unavailable, type ClientName } from "./clients.ts";
import { listen, method, type ListeningServer } from "./server.ts";

let running: ListeningServer | undefined;
afterEach(async () => running?.close());

/** Paramiko cannot change a password: it takes the request for an answer to something else, and gives up. */
const clients: readonly ClientName[] = ["openssh", "asyncssh", "psftp"];

/** A directory in which the password has expired, and new ones need eight letters. */
async function serve(auth: AuthPolicy): Promise<{ readonly port: number; readonly current: () => string }> {
  let current = "old secret";
  let expired = true;
  running = await listen({
    auth,
    methods: [
      method<"password">({
        name: "directory",
        mechanism: "password",
        verify({ password, newPassword }) {
          if (password !== current) return refused("wrong");
          if (!expired) return proven();
          if (newPassword === undefined) return changeRequired("Your password has expired");
          if (newPassword.length < 8) return changeRequired("At least eight letters, please");
          current = newPassword;
          expired = false;
          return proven();
        },
      }),
      method<"keyboard-interactive">({
        name: "code",
        mechanism: "keyboard-interactive",
        async verify({ ask }) {
          const [code] = await ask({ prompts: [{ text: "Code: ", echo: true }] });
          return code === "123456" ? proven() : refused("wrong");
        },
      }),
    ],
  });
  return { port: running.port, current: () => current };
}

describe.each(clients.filter((client) => unavailable(client) === undefined))("%s", (client) => {
  const [user, passwords] = ["alice", ["old secret"]];

  it("changes a password that has expired, is logged in by it, and no secret is in the log", async () => {
    const { port, current } = await serve([["directory"]]);
    const changed = await login(client, { port, user, passwords, newPasswords: ["new secret"] });
    expect(changed, changed.output).toMatchObject({ loggedIn: true });
    expect(current()).toBe("new secret");
    expect(await login(client, { port, user, passwords: ["new secret"] })).toMatchObject({ loggedIn: true });
    const log = running?.log.text();
    expect(log).toContain("The password has to be changed");
    expect(log).not.toContain("secret");
  });

  it("is asked again when the new one is not good enough", async () => {
    const { port, current } = await serve([["directory"]]);
    const changed = await login(client, { port, user, passwords, newPasswords: ["short", "long enough"] });
    expect(changed, changed.output).toMatchObject({ loggedIn: true });
    expect(current()).toBe("long enough");
  });

  it("goes on to the second factor", async () => {
    const { port } = await serve([["directory", "code"]]);
    const answers = ["123456"];
    const changed = await login(client, { port, user, passwords, newPasswords: ["new secret"], answers });
    expect(changed, changed.output).toMatchObject({ loggedIn: true });
  });
});

describe.skipIf(unavailable("paramiko") !== undefined)("paramiko", () => {
  it("cannot change a password, and is not let in", async () => {
    const { port, current } = await serve([["directory"]]);
    expect(await login("paramiko", { port, user: "alice", passwords: ["old secret"] })).toMatchObject({
      loggedIn: false,
    });
    expect(current()).toBe("old secret");
  });
});
