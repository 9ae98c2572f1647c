import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { proven, type AuthMethod } from "@sluice/core";
import { startTestServer, type SftpClient } from "@sluice/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { customerFiles } from "./customers.ts";

const base = mkdtempSync(join(tmpdir(), "sluice-customers-"));
const root = join(base, "root");

/** A directory that says of whoever logs in what the password says. */
const directory: AuthMethod<"password"> = {
  name: "directory",
  mechanism: "password",
  verify: ({ password }) => proven({ claims: JSON.parse(password) as Record<string, unknown> }),
};

let server: Awaited<ReturnType<typeof startTestServer>>;
beforeAll(async () => {
  server = await startTestServer({ fs: customerFiles({ root }), methods: [directory], auth: [["directory"]] });
});
afterAll(async () => {
  await server.close();
  rmSync(base, { recursive: true });
});

async function login(claims: object, username = "somebody"): Promise<SftpClient> {
  return (await server.connect({ username, password: JSON.stringify(claims) })).sftp();
}

test("those of one customer share a folder, and see nothing of another's", async () => {
  const acme = await login({ customer: "acme" }, "ann");
  const bolt = await login({ customer: "bolt-2" }, "bob");
  await acme.writeFile("/offer.txt", "acme's");
  await bolt.writeFile("/offer.txt", "bolt's");
  await bolt.mkdir("/own");

  const colleague = await login({ customer: "acme" }, "amy");
  expect((await colleague.list("/")).map(({ name }) => name)).toEqual(["offer.txt"]);
  expect((await colleague.readFile("/offer.txt")).toString()).toBe("acme's");
  await expect(colleague.readFile("/../bolt-2/offer.txt")).rejects.toThrow("No such file");
  await expect(colleague.stat("/bolt-2")).rejects.toThrow("No such file");
  await acme.symlink("/way-out", "../bolt-2/offer.txt");
  await expect(acme.readFile("/way-out")).rejects.toThrow("No such file");
});

test.each([
  {},
  { customer: "" },
  { customer: "." },
  { customer: ".." },
  { customer: "../outside" },
  { customer: "acme/../bolt-2" },
  { customer: "/etc" },
  { customer: "Acme" },
  { customer: "a b" },
  { customer: "acme\0" },
  { customer: "acme\n" },
  { customer: "-rf" },
  { customer: "x".repeat(64) },
  { customer: ["acme"] },
  { customer: { toString: "acme" } },
  { customer: 7 },
])("a claim that is no folder's name opens no session and makes nothing: %j", async (claims) => {
  const refused = refusals();
  const before = readdirSync(base, { recursive: true });
  await expect(login(claims)).rejects.toThrow("ended the session");
  expect(readdirSync(base, { recursive: true })).toEqual(before);
  expect(refusals()).toBe(refused + 1);
});

function refusals(): number {
  return server.log.text().split("SftpError: No customer is known for this login").length - 1;
}
