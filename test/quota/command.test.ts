import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { generateHostKey, sftpPath, type User } from "@sluice/core";
import { localFiles } from "@sluice/fs-local";
import { Quota, quota } from "@sluice/quota";
import { lmdbStore } from "@sluice/store-lmdb";
import { startTestServer } from "@sluice/testing";
import { afterEach, beforeEach, expect, it } from "vitest";

const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
const main = fileURLToPath(new URL("../../packages/cli/src/main.ts", import.meta.url));
const run = promisify(execFile);
const user: User = { name: "alice", home: sftpPath("/"), groups: [], claims: {} };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-quota-"));
  mkdirSync(join(folder, "files/home/alice"), { recursive: true });
  writeFileSync(join(folder, "host"), generateHostKey().privateKey, { mode: 0o600 });
  writeFileSync(
    join(folder, "sluice.config.yaml"),
    `hostKeys: [./host]
auth: [[password]]
plugins:
  - "@sluice/auth-users": { file: ./users.yaml }
  - "@sluice/store-lmdb": { path: ./store }
  - "@sluice/quota": { users: { "*": { bytes: 1 GiB } }, trees: { "/home/*": { bytes: 100 MiB } } }
mounts:
  - { path: /, use: "@sluice/fs-local", options: { root: ./files } }
`,
  );
  writeFileSync(join(folder, "users.yaml"), "users:\n  alice: {}\n", { mode: 0o600 });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function sluice(...args: readonly string[]): Promise<string> {
  const { stdout } = await run(process.execPath, ["--conditions=@sluice/source", "--import", tsx, main, ...args], {
    cwd: folder,
  });
  return stdout.trim();
}

it("sluice quota recount corrects the books beside a server that is uploading, and show tells them", async () => {
  writeFileSync(join(folder, "files/home/alice/old"), Buffer.alloc(12_345));
  const server = await startTestServer({
    prepare: (given) => given.mount("/", localFiles({ root: join(folder, "files") })),
    plugins: [
      lmdbStore({ path: join(folder, "store") }),
      quota({ users: { "*": { bytes: "1 GiB" } }, trees: { "/home/*": { bytes: "100 MiB" } } }),
    ],
    methods: [
      {
        name: "anybody",
        mechanism: "password",
        verify: ({ username }) => ({ is: "proven", user: { name: username } }),
      },
    ],
  });
  const over = new AbortController();
  try {
    const client = await (await server.connect({ username: "alice", password: "x" })).sftp();
    // Under way since before the recount, and complete only after it.
    const long = await client.open("/home/alice/long", { write: true, create: true });
    await client.write(long, 0, Buffer.alloc(5_000));
    const traffic = (async () => {
      for (let n = 0; !over.signal.aborted; n++) {
        await client.writeFile(`/home/alice/f${n % 4}`, Buffer.alloc(n * 10));
        if (n % 3 === 0) await client.remove(`/home/alice/f${n % 4}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })();
    const user1 = await sluice("quota", "recount", "--user", "alice");
    const tree = await sluice("quota", "recount", "--tree", "/home/alice");
    over.abort();
    await traffic;
    await client.write(long, 5_000, Buffer.alloc(5_000));
    await client.close(long);
    expect(user1).toMatch(/^user alice: \d+ bytes in \d+ files; the books had -?\d+ in -?\d+$/);
    expect(tree).toMatch(/^folder \/home\/alice: /);
    const names = await client.list("/home/alice");
    const there = { bytes: names.reduce((sum, { stats }) => sum + (stats.size ?? 0), 0), files: names.length };
    const found = await server.server.services.get(Quota).usage(user, sftpPath("/home/alice"));
    expect(found.map(({ title, used }) => ({ title, used }))).toEqual([
      { title: "user alice", used: { bytes: there.bytes, files: there.files + 2 } },
      { title: "folder /home/alice", used: there },
    ]);
    expect(await sluice("quota", "show", "--tree", "/home/alice")).toContain(
      `folder /home/alice: ${there.bytes} bytes of 104857600, ${there.files} files no limit; 0 bytes reserved`,
    );
  } finally {
    over.abort();
    await server.close();
  }
});

it("sluice quota says what is missing", async () => {
  await expect(sluice("quota", "recount")).rejects.toMatchObject({
    stderr: expect.stringContaining("name whom to look at") as string,
  });
  await expect(sluice("quota", "recount", "--tree", "/nowhere")).rejects.toMatchObject({
    stderr: expect.stringContaining("There is no quota of folder /nowhere") as string,
  });
});
