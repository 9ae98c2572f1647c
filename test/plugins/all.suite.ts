import { join } from "node:path";
import { filesOf, keyBeside, verifyLog } from "@sluice/audit";
import { createServer, proven, sftpPath, type FileSystem, type Plugin, type Server, type User } from "@sluice/core";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { Quota } from "@sluice/quota";
import { lmdbStore } from "@sluice/store-lmdb";
import { capturedLog, connect, startTestServer, StatusError, testHostKey, type SftpClient } from "@sluice/testing";
import { afterEach, expect, it } from "vitest";
import { everything } from "./everything.ts";
import { freshFolder } from "./folder.ts";

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

it("the servers of these tests have all plugins", async () => {
  const { server, close } = await startTestServer({ fs: createMemoryFileSystem() });
  closing.push(() => close());
  expect(await server.explain()).toMatch(/^Plugins: audit, permissions, quota$/m);
});

/** A server of its own for each side, one of them bare. */
async function serve(fs: FileSystem, plugins: readonly Plugin[]): Promise<{ server: Server; client: SftpClient }> {
  const server = createServer({ hostKeys: [{ key: testHostKey().privateKey }], log: capturedLog() });
  closing.push(() => server.close({ graceMs: 0 }));
  server.register(...plugins);
  server.authenticate({ name: "anybody", mechanism: "password", verify: () => proven() });
  server.mount("/", fs);
  const connection = await connect(server, { username: "alice", password: "x" });
  closing.unshift(async () => connection.cut());
  return { server, client: await connection.sftp() };
}

/** Numbers that are the same in each run: Park and Miller's. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

type Step = (client: SftpClient) => Promise<unknown>;

function stepFrom(pick: (below: number) => number): readonly [title: string, step: Step] {
  const name = (): string => `/${["", "d/", "", "e/"][pick(4)]}${["a", "b", "a", "b", "c", "d", "e"][pick(7)]}`;
  const [one, other, size] = [name(), name(), pick(5000)];
  const steps: readonly (readonly [string, Step])[] = [
    [`write ${one}`, (client) => client.writeFile(one, Buffer.alloc(size, 7))],
    [`make ${one}`, (client) => client.mkdir(one)],
    [`read ${one}`, (client) => client.readFile(one)],
    [`cut ${one}`, (client) => client.setstat(one, { size })],
    [`remove ${one}`, (client) => client.remove(one)],
    [`remove folder ${one}`, (client) => client.rmdir(one)],
    [`rename ${one} ${other}`, (client) => client.rename(one, other)],
    [`replace ${other} by ${one}`, (client) => client.posixRename(one, other)],
    [`link ${one} to ${other}`, (client) => client.symlink(one, other)],
    [`second name ${other} of ${one}`, (client) => client.hardlink(one, other)],
    [`look at ${one}`, async (client) => (await client.stat(one)).size ?? 0],
    [`list ${one}`, async (client) => (await client.list(one)).map(({ name }) => name).sort()],
    [
      `append to ${one}`,
      async (client) => {
        const handle = await client.open(one, { write: true, append: true, create: true });
        await client.write(handle, 0, Buffer.alloc(size, 8));
        await client.close(handle);
      },
    ],
  ];
  return steps[pick(steps.length)] ?? ["", () => Promise.resolve()];
}

async function answer(step: Step, client: SftpClient): Promise<unknown> {
  try {
    return await step(client);
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    return error.code;
  }
}

async function sum(fs: FileSystem, folder = "/"): Promise<{ bytes: number; files: number }> {
  const total = { bytes: 0, files: 0 };
  for await (const batch of fs.list(sftpPath(folder))) {
    for (const { name, stats } of batch) {
      total.files += 1;
      if (stats.type === "file") total.bytes += stats.size;
      if (stats.type !== "directory") continue;
      const below = await sum(fs, `${folder}/${name}`);
      total.bytes += below.bytes;
      total.files += below.files;
    }
  }
  return total;
}

it.each([1, 2])("all plugins together change no answer, count what is there, and record it (%i)", async (seed) => {
  const [folder, fs, bareFs] = [freshFolder(), createMemoryFileSystem(), createMemoryFileSystem()];
  const all = await serve(fs, [lmdbStore({ path: join(folder, "store") }), ...everything(folder)]);
  const bare = await serve(bareFs, []);
  for (const { client } of [all, bare]) for (const name of ["/d", "/e"]) await client.mkdir(name);
  const pick = numbers(seed);
  let succeeded = 0;
  for (let count = 0; count < 250; count++) {
    const [title, step] = stepFrom(pick);
    const [found, expected] = [await answer(step, all.client), await answer(step, bare.client)];
    expect({ count, title, found }).toEqual({ count, title, found: expected });
    if (typeof expected !== "number") succeeded += 1;
  }
  expect(succeeded).toBeGreaterThan(50);
  const there = await sum(fs);
  expect(there).toEqual(await sum(bareFs));
  const user: User = { name: "alice", home: sftpPath("/"), groups: [], claims: {} };
  const [books] = await all.server.services.get(Quota).usage(user);
  expect({ used: books?.used, held: books?.held }).toEqual({ used: there, held: { bytes: 0, files: 0 } });
  await all.server.close({ graceMs: 0 });
  const log = join(folder, "audit.jsonl");
  const key = keyBeside(log);
  expect(key).toBeDefined();
  expect(await verifyLog(filesOf(log), { keys: [key!] })).toMatchObject({ damage: undefined });
});
