import initSqlite from "sql.js";
import { startTestServer, type SftpClient } from "@sluice/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { reportFiles } from "./virtual-directory.ts";

const { Database } = await initSqlite();
const database = new Database();
database.run(`
  CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT UNIQUE, changed INTEGER);
  CREATE TABLE orders (customer INTEGER, day TEXT, item TEXT, cents INTEGER);
  INSERT INTO customers VALUES (1, 'acme', 1700000000000), (2, 'O''Neill & Söhne', 1700000001000),
                               (3, 'a/b', 0), (4, '', 0), (5, '50%', 0);
  INSERT INTO orders VALUES (1, '2026-01-02', 'bolt, long', 250), (1, '2026-01-01', 'a "nut"', NULL), (2, '2026-02-01', 'tea', 900);
`);
const acme = 'day,item,cents\r\n2026-01-01,"a ""nut""",\r\n2026-01-02,"bolt, long",250\r\n';

let client: SftpClient;
let stop = async (): Promise<void> => undefined;
beforeAll(async () => {
  const { connect, close } = await startTestServer({
    prepare: (server) => server.mount("/reports", reportFiles(database)),
  });
  stop = close;
  client = await (await connect()).sftp();
});
afterAll(async () => {
  await stop();
  database.close();
});

test("each row of the query is a file, with the size that it has", async () => {
  const entries = await client.list("/reports");
  expect(entries.map(({ name }) => name)).toEqual(["50%.csv", "O'Neill & Söhne.csv", "acme.csv"]);
  for (const { name, stats } of entries) {
    const content = await client.readFile(`/reports/${name}`);
    expect([name, content.length]).toEqual([name, stats.size]);
    expect((await client.stat(`/reports/${name}`)).size).toBe(stats.size);
  }
  expect((await client.readFile("/reports/acme.csv")).toString()).toBe(acme);
  expect((await client.readFile("/reports/O'Neill & Söhne.csv")).toString()).toContain("tea,900");
  expect((await client.stat("/reports/acme.csv")).mtimeMs).toBe(1_700_000_000_000);
  expect((await client.list("/")).map(({ name }) => name)).toEqual(["reports"]);
});

test("what is written into the database is there at once, and not in the middle of a download", async () => {
  const handle = await client.open("/reports/50%.csv", { read: true });
  database.run("INSERT INTO orders VALUES (5, '2026-03-01', 'later', 1)");
  expect(Buffer.from((await client.read(handle, 0, 1000)) ?? []).toString()).toBe("day,item,cents\r\n");
  await client.close(handle);
  expect((await client.readFile("/reports/50%.csv")).toString()).toContain("later");
});

test.each([
  "' OR '1'='1.csv",
  "x' UNION SELECT 1,2,3 --.csv",
  "acme'; DROP TABLE orders; --.csv",
  "%.csv",
  "ACME.csv",
  "acme",
  "?.csv",
  "acme.csv/x",
])("a name that is no customer's finds nothing, whatever it would mean in SQL: %s", async (name) => {
  await expect(client.readFile(`/reports/${name}`)).rejects.toThrow("No such file");
  await expect(client.stat(`/reports/${name}`)).rejects.toThrow("No such file");
  expect((await client.readFile("/reports/acme.csv")).toString()).toBe(acme);
});

test("reports cannot be changed", async () => {
  await expect(client.writeFile("/reports/acme.csv", "x")).rejects.toThrow("made from the database");
  await expect(client.writeFile("/reports/new.csv", "x")).rejects.toThrow("made from the database");
  await expect(client.remove("/reports/acme.csv")).rejects.toThrow("unsupported");
  await expect(client.list("/reports/acme.csv")).rejects.toThrow("Not a directory");
});
