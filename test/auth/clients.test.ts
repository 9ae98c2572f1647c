import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { generateHostKey, proven, refused, type AuthMethod, type AuthPolicy } from "@sluice/core";
import { memoryFiles } from "@sluice/fs-memory";
import { startTestServer, type TestServer } from "@sluice/testing";
import { clientNames, login, unavailable } from "./clients.ts";

let running: TestServer | undefined;
let directory: string;
let key: string;
let blob: Buffer;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "sluice-auth-"));
  key = path.join(directory, "id_ed25519");
  const made = generateHostKey("ed25519");
  blob = Buffer.from(made.publicKey.split(" ")[1]!, "base64");
  await writeFile(key, made.privateKey, { mode: 0o600 });
});
afterEach(async () => running?.close());
afterAll(async () => rm(directory, { recursive: true, force: true }));

const methods: readonly AuthMethod[] = [
  {
    name: "password",
    mechanism: "password",
    verify: (attempt) => ("password" in attempt && attempt.password === "right" ? proven() : refused("wrong")),
  },
  {
    name: "code",
    mechanism: "keyboard-interactive",
    async verify(attempt) {
      if (!("ask" in attempt)) return refused("wrong");
      const [code] = await attempt.ask({ prompts: [{ text: "Code: ", echo: true }] });
      return code === "123456" ? proven() : refused("wrong");
    },
  },
  {
    name: "key",
    mechanism: "publickey",
    verify: (attempt) => ("key" in attempt && blob.equals(attempt.key.blob) ? proven() : refused("not authorised")),
  },
];

async function serve(auth: AuthPolicy): Promise<number> {
  running = await startTestServer({ fs: memoryFiles(), methods, auth });
  const address = await running.server.listen({ host: "127.0.0.1", port: 0 });
  return "port" in address ? address.port : 0;
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

  it("logs in by a key and then a code", async () => {
    const port = await serve([["key", "code"]]);
    expect(await login(client, { port, user, key, answers: ["123456"] })).toMatchObject({ loggedIn: true });
    expect(await login(client, { port, user, key, answers: ["654321"] })).toMatchObject({ loggedIn: false });
  });

  it("logs in by either of two policies", async () => {
    const port = await serve([["key"], ["password", "code"]]);
    expect(await login(client, { port, user, key })).toMatchObject({ loggedIn: true });
    const other = await login(client, { port, user, passwords: ["right"], answers: ["123456"] });
    expect(other.loggedIn).toBe(true);
  });

  it("does not log in by the right factors in the wrong order", async () => {
    const port = await serve([["code", "password"]]);
    const methodsTried = ["password", "keyboard-interactive"] as const;
    const wrong = { port, user, passwords: ["right"], answers: ["123456"], methods: methodsTried };
    // OpenSSH, asyncssh and PuTTY go by what the server says may continue, and so find the right order.
    expect((await login(client, wrong)).loggedIn).toBe(client !== "paramiko");
  });
});
