import { createMemoryFileSystem } from "@sluice/fs-memory";
import { faultyFileSystem, startTestServer, type FaultyFileSystem, type SftpClient } from "@sluice/testing";
import { describe, expect, it } from "vitest";

const upload = { write: true, create: true, truncate: true } as const;

/** One of everything that a client does. Each step stands by itself: one that fails does not keep the next from being tried. */
const steps: readonly ((client: SftpClient) => Promise<unknown>)[] = [
  (client) => client.writeFile("/new", Buffer.alloc(100_000, "new")),
  (client) => client.readFile("/file"),
  (client) => client.list("/dir"),
  (client) => client.stat("/file"),
  (client) => client.lstat("/file"),
  (client) => client.setstat("/file", { mtimeMs: 1_600_000_000_000 }),
  (client) => client.mkdir("/made"),
  (client) => client.rename("/file", "/made/moved"),
  (client) => client.posixRename("/made/moved", "/file"),
  (client) => client.symlink("/link", "file"),
  (client) => client.readlink("/link"),
  (client) => client.realpath("/link"),
  (client) => client.hardlink("/file", "/twin"),
  (client) => client.remove("/twin"),
  (client) => client.rmdir("/made"),
  (client) => client.statvfs("/"),
  async (client) => {
    const handle = await client.open("/file", { read: true, write: true });
    const target = await client.open("/copy", upload);
    const settled = await Promise.allSettled([
      client.fstat(handle),
      client.fsetstat(handle, { mtimeMs: 1_600_000_000_000 }),
      client.fsync(handle),
      client.copyData(handle, 0, 0, target, 0),
    ]);
    settled.push(...(await Promise.allSettled([client.close(handle), client.close(target)])));
    const failed = settled.find((each) => each.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  },
];

/** Does all steps; returns how many were refused. Whatever fails, the session goes on. */
async function runAll(client: SftpClient): Promise<number> {
  let refused = 0;
  for (const step of steps) {
    await step(client).catch((error: unknown) => {
      // A reply, and not the end of the session.
      expect(error).toMatchObject({ name: "StatusError" });
      refused += 1;
    });
  }
  return refused;
}

async function serve(
  plan: (faulty: FaultyFileSystem) => void,
  use: (client: SftpClient, faulty: FaultyFileSystem) => Promise<void>,
): Promise<void> {
  const faulty = faultyFileSystem(
    createMemoryFileSystem({ files: { "/file": "content", "/dir/a": "", "/dir/b": "" } }),
  );
  const server = await startTestServer({ fs: faulty.fs });
  try {
    const client = await (await server.connect()).sftp();
    plan(faulty);
    await use(client, faulty);
  } finally {
    await server.close();
  }
  expect([faulty.openHandles, faulty.openListings, faulty.violations]).toEqual([0, 0, []]);
}

describe("a file system whose n-th call fails, for every n,", () => {
  it.each([
    ["by a rejection", { rejects: new Error("disk on fire") }],
    ["by throwing at once", { throws: new Error("disk on fire") }],
  ] as const)("%s costs one answer, and neither a handle nor the session", { timeout: 60_000 }, async (_, fault) => {
    let calls = 0;
    await serve(
      () => undefined,
      async (client, faulty) => {
        const before = faulty.calls();
        expect(await runAll(client)).toBe(0);
        calls = faulty.calls() - before;
      },
    );
    expect(calls).toBeGreaterThan(steps.length);
    let refusals = 0;
    for (let nth = 1; nth <= calls; nth++) {
      await serve(
        (faulty) => faulty.plan({ nth, ...fault }),
        async (client) => {
          refusals += await runAll(client);
          expect((await client.stat("/dir")).type).toBe("directory");
        },
      );
    }
    // What fails is told; only names of owners are left out of a listing instead.
    expect(refusals).toBeGreaterThan(calls * 0.8);
  });
});
