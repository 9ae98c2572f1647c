import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { proven, type AuthMethod } from "@sluice/core";
import { localFiles } from "@sluice/fs-local";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { startTestServer } from "@sluice/testing";
import { afterAll, afterEach, expect, test } from "vitest";
import { renameOnArrival } from "./arrival.ts";

/** Lets everybody in. */
const anybody: AuthMethod<"password"> = { name: "anybody", mechanism: "password", verify: () => proven() };

const root = mkdtempSync(join(tmpdir(), "sluice-arrival-"));
let stop = async (): Promise<void> => undefined;
afterEach(() => stop());
afterAll(() => rmSync(root, { recursive: true }));

test("a complete upload is renamed as it arrives; one that was cut off, and what is elsewhere, is not", async () => {
  const { connect, close, idle } = await startTestServer({
    // Keeps what had arrived, under the name that the client gave it.
    fs: localFiles({ root, keepPartial: true }),
    plugins: [renameOnArrival({ path: "/in" })],
  });
  stop = close;
  const connection = await connect();
  const client = await connection.sftp();
  await client.mkdir("/in");
  await client.writeFile("/in/a.csv", "1");
  await client.writeFile("/in/a.csv", "2");
  await client.writeFile("/b.csv", "3");
  await client.write(await client.open("/in/cut.csv", { write: true, create: true }), 0, Buffer.from("half"));
  connection.cut();
  await idle();

  const again = await (await connect()).sftp();
  const names = (await again.list("/in")).map(({ name }) => name);
  expect(names.sort()).toEqual([
    expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{3}Z_[0-9a-f]{6}_tester_a\.csv$/),
    expect.stringMatching(/_tester_a\.csv$/),
    "cut.csv",
  ]);
  expect((await again.readFile("/b.csv")).toString()).toBe("3");
});

test("a user's name leads nowhere", async () => {
  const { connect, close } = await startTestServer({
    fs: createMemoryFileSystem({ files: { "/in/.keep": "" } }),
    plugins: [renameOnArrival({ path: "/in" })],
    methods: [anybody],
    auth: [["anybody"]],
  });
  stop = close;
  const client = await (await connect({ username: "x/../../up", password: "any" })).sftp();
  await client.writeFile("/in/a.csv", "1");
  expect((await client.list("/")).map(({ name }) => name)).toEqual(["in"]);
  const names = (await client.list("/in")).map(({ name }) => name);
  expect(names).toContainEqual(expect.stringMatching(/_x_\.\._\.\._up_a\.csv$/));
});
