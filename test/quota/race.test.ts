import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  definePlugin,
  memoryStore,
  sftpPath,
  Store,
  type FileSystemSource,
  type Plugin,
  type User,
} from "@sluice/core";
import { localFiles } from "@sluice/fs-local";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { Quota, quota } from "@sluice/quota";
import { lmdbStore } from "@sluice/store-lmdb";
import { startTestServer, StatusError, type SftpClient, type TestServer } from "@sluice/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

/** Rounds of each race; the full campaign is 1,000. */
const rounds = Number(process.env["SLUICE_QUOTA_ROUNDS"] ?? 12);
const writers = 50;
const packet = 4 * 1024;
const limit = 1_000_003;
const wanted = 64 * 1024;
const user: User = { name: "racer", home: sftpPath("/"), groups: [], claims: {} };

let folder: string;
let closing: (() => Promise<void>)[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-quota-"));
  mkdirSync(join(folder, "files"));
  closing = [];
});
afterEach(async () => {
  for (const close of closing.reverse()) await close();
  rmSync(folder, { recursive: true, force: true });
});

async function serve(fs: FileSystemSource, store: Plugin): Promise<TestServer> {
  const server = await startTestServer({
    prepare: (given) => given.mount("/", fs),
    plugins: [store, quota({ users: { "*": { bytes: limit } } })],
    methods: [
      {
        name: "anybody",
        mechanism: "password",
        verify: ({ username }) => ({ is: "proven", user: { name: username } }),
      },
    ],
  });
  closing.push(server.close);
  return server;
}

async function sumOf(client: SftpClient): Promise<{ bytes: number; files: number }> {
  const sizes = (await client.list("/")).map(({ stats }) => stats.size ?? 0);
  return { bytes: sizes.reduce((sum, size) => sum + size, 0), files: sizes.length };
}

/** An upload that has gone as far as there was room. */
interface Written {
  /** Bytes that the file has, though nobody else sees them yet. */
  readonly bytes: number;
  /** @returns whether the file is whole */
  close(): Promise<boolean>;
}

/** Writes until all is written or there is no more room, and leaves the file open. One in ten says at first how much will come. */
async function write(client: SftpClient, n: number, round: number): Promise<Written> {
  const announced = n % 10 === 0 ? { size: wanted } : {};
  const flags = { write: true, create: true, truncate: round % 2 === 0 };
  const handle = await client.open(`/file-${n}`, flags, announced).catch(refused);
  if (handle === undefined) return { bytes: 0, close: async () => false };
  let whole = true;
  for (let position = 0; position < wanted && whole; position += packet) {
    whole = (await client.write(handle, position, Buffer.alloc(packet, round)).then(() => true, refused)) === true;
  }
  const { size = 0 } = await client.fstat(handle);
  return {
    bytes: size,
    close: () =>
      client.close(handle).then(
        () => whole,
        (error: unknown) => {
          refused(error);
          expect(whole).toBe(false);
          return false;
        },
      ),
  };
}

function refused(error: unknown): undefined {
  expect(error).toBeInstanceOf(StatusError);
  expect((error as Error).message).toBe("Quota exceeded: no more bytes for user racer");
  return undefined;
}

const stores: Readonly<Record<string, () => () => Plugin>> = {
  memory: () => {
    const shared = memoryStore();
    return () => definePlugin({ name: "shared", setup: (host) => host.services.provide(Store, () => shared) })();
  },
  lmdb: () => () => lmdbStore({ path: join(folder, "store"), check: false }),
};
const fileSystems: Readonly<Record<string, () => FileSystemSource>> = {
  "fs-memory": () => createMemoryFileSystem(),
  "fs-local": () => localFiles({ root: join(folder, "files") }),
};

describe.each(Object.keys(stores))("with the store in %s", (store) => {
  it.each(Object.keys(fileSystems))(
    `${writers} writers of two servers race for the last bytes over %s: nobody overruns, and the books agree with the files`,
    { timeout: 60_000 + rounds * 5_000 },
    async (fileSystem) => {
      const plugin = stores[store]!();
      const fs = fileSystems[fileSystem]!();
      const servers = [await serve(fs, plugin()), await serve(fs, plugin())];
      const clients: SftpClient[] = [];
      for (let n = 0; n < 10; n++) {
        clients.push(await (await servers[n % 2]!.connect({ username: user.name, password: "x" })).sftp());
      }
      const [client] = clients as [SftpClient];
      const books = servers[1]!.server.services.get(Quota);
      let complete = 0;
      for (let round = 0; round < rounds; round++) {
        const written = await Promise.all(
          Array.from({ length: writers }, (_, n) => write(clients[n % clients.length]!, n, round)),
        );
        // Nobody has given anything back yet: what is there now is the most there was.
        const most = written.reduce((sum, { bytes }) => sum + bytes, 0);
        expect(most).toBeLessThanOrEqual(limit);
        expect(most).toBeGreaterThan(limit / 2);
        const ends = await Promise.all(written.map(({ close }) => close()));
        const there = await sumOf(client);
        const { used, held } = (await books.usage(user))[0]!;
        expect({ round, used, held }).toEqual({ round, used: there, held: { bytes: 0, files: 0 } });
        expect(there.bytes).toBeLessThanOrEqual(limit);
        complete += ends.filter(Boolean).length;
        // Some files stay and are overwritten in the next round, some are deleted, some are cut.
        for (let n = 0; n < writers; n++) {
          const path = `/file-${n}`;
          if ((n + round) % 3 !== 0) await client.remove(path).catch(() => undefined);
          else if ((n + round) % 2 === 0) await client.setstat(path, { size: n * 10 }).catch(() => undefined);
        }
        const after = (await books.usage(user))[0]!;
        expect({ round, used: after.used }).toEqual({ round, used: await sumOf(client) });
      }
      expect(complete).toBeGreaterThan(0);
      expect(complete).toBeLessThan(rounds * writers);
    },
  );
});
