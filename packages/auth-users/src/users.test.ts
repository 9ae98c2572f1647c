import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { generateHostKey, type User } from "@sluice/core";
import { memoryFiles } from "@sluice/fs-memory";
import { startTestServer, type TestServer } from "@sluice/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { cheapHash, temporaryDirectory } from "../test/support.ts";
import { editUsersFile } from "./edit.ts";
import { users, type UsersOptions } from "./users.ts";

const denied = "All configured authentication methods failed";
const either = [["password"], ["authorized-keys"]];
/** Of OpenSSH's format, which clients read; a host key is a key pair like any other. */
const pair = generateHostKey();

async function serve(options: UsersOptions, auth: readonly (readonly string[])[] = either): Promise<TestServer> {
  const started = await startTestServer({ auth, fs: memoryFiles(), methods: [], plugins: [users(options)] });
  onTestFinished(() => started.close());
  return started;
}

async function usersFile(text: string): Promise<string> {
  const file = join(await temporaryDirectory(), "users.yaml");
  await writeFile(file, text, { mode: 0o600 });
  return file;
}

/** Who somebody is once they have logged in. */
async function login(on: TestServer, how: Parameters<TestServer["connect"]>[0]): Promise<User | undefined> {
  const connection = await on.connect(how);
  onTestFinished(() => connection.cut());
  return [...on.server.connections].at(-1)?.user;
}

const file = `users:
  alice:
    password: ${cheapHash("correct horse")}
    keys:
      - ${pair.publicKey} laptop
    home: /projects
    groups: [staff]
    claims: { department: sales }
  bob:
    keys:
      - from="10.0.0.0/8" ${pair.publicKey}
`;

describe("the plugin", () => {
  it("is called auth-users and brings the methods password and authorized-keys, and nothing else", async () => {
    const { server } = await serve({ file: await usersFile(file) });
    expect(users.pluginName).toBe("auth-users");
    const explained = await server.explain();
    expect(explained).toContain("Plugins: auth-users\n");
    expect(explained).toContain("Methods: password (password), authorized-keys (publickey)\n");
    expect(explained).not.toMatch(/(before|after|use|divert) auth-users/);
  });

  it("logs a user in by password", async () => {
    const server = await serve({ file: await usersFile(file) });
    expect(await login(server, { username: "alice", password: "correct horse" })).toEqual({
      name: "alice",
      home: "/projects",
      groups: ["staff"],
      claims: { department: "sales" },
    });
    await expect(server.connect({ username: "alice", password: "wrong" })).rejects.toThrow(denied);
    await expect(server.connect({ username: "bob", password: "wrong" })).rejects.toThrow(denied);
    await expect(server.connect({ username: "nobody", password: "correct horse" })).rejects.toThrow(denied);
  });

  it("logs a user in by key, from where the key may come", async () => {
    const server = await serve({ file: await usersFile(file) });
    const { privateKey } = pair;
    expect((await login(server, { username: "alice", privateKey }))?.name).toBe("alice");
    expect((await login(server, { username: "bob", privateKey, address: "10.1.2.3" }))?.name).toBe("bob");
    await expect(server.connect({ username: "bob", privateKey, address: "192.0.2.1" })).rejects.toThrow(denied);
    await expect(server.connect({ username: "alice", privateKey: generateHostKey().privateKey })).rejects.toThrow(
      denied,
    );
  });

  it("can ask for both, one after the other", async () => {
    const server = await serve({ file: await usersFile(file) }, [["password", "authorized-keys"]]);
    const { privateKey } = pair;
    expect((await login(server, { username: "alice", privateKey, password: "correct horse" }))?.name).toBe("alice");
    await expect(server.connect({ username: "alice", password: "correct horse" })).rejects.toThrow(denied);
    await expect(server.connect({ username: "alice", privateKey })).rejects.toThrow(denied);
  });

  it("lets in who is added while it runs, and keeps out who is disabled", async () => {
    const path = await usersFile(file);
    const server = await serve({ file: path });
    await editUsersFile(path, (each) => {
      each.addUser("carol", { passwordHash: cheapHash("battery staple") });
      each.setDisabled("alice", true);
    });
    await server.log.waitFor(({ level, fields }) => level === "info" && fields["users"] === 3);
    expect((await login(server, { username: "carol", password: "battery staple" }))?.name).toBe("carol");
    await expect(server.connect({ username: "alice", password: "correct horse" })).rejects.toThrow(denied);
    expect(server.log.records.some((record) => record.fields["reason"] === "disabled")).toBe(true);
  });

  it("follows no edits where it is told not to", async () => {
    const path = await usersFile(file);
    const server = await serve({ file: path, watch: false });
    await rm(path);
    expect((await login(server, { username: "alice", password: "correct horse" }))?.name).toBe("alice");
  });

  it("keeps hashes and passwords out of the log", async () => {
    const server = await serve({ file: await usersFile(file) });
    await login(server, { username: "alice", password: "correct horse" });
    await expect(server.connect({ username: "alice", password: "wrong horse" })).rejects.toThrow(denied);
    expect(server.log.text()).not.toMatch(/\$scrypt|correct horse|wrong horse/);
  });

  it("does not start with a file that is missing or has mistakes, and says all of them", async () => {
    const missing = join(await temporaryDirectory(), "users.yaml");
    await expect(serve({ file: missing })).rejects.toMatchObject({ code: "ERR_SLUICE_USERS_FILE" });
    const broken = await usersFile("users:\n  alice: { hom: / }\n  a/b: {}\n");
    const starting = serve({ file: broken });
    await expect(starting).rejects.toMatchObject({ code: "ERR_SLUICE_USERS_FILE" });
    await expect(starting).rejects.toThrow(`${broken}:2:12 users.alice.hom: is not known; did you mean "home"?\n`);
    await expect(starting).rejects.toThrow(`${broken}:3:3 users.a/b: `);
  });

  it.each([
    [{}],
    [{ file: "" }],
    [{ file: 1 }],
    [{ file: "users.yaml", wach: true }],
    [{ file: "users.yaml", watch: "yes" }],
  ])("refuses the options %j", async (options) => {
    expect(await users(options as UsersOptions).validate()).not.toEqual([]);
  });
});
