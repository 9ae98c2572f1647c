import { describe, expect, it } from "vitest";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { startTestServer } from "@sluice/testing";

describe("an idle connection", () => {
  it("is ended, with the reason in the log, when nothing happens for idleMs", async () => {
    const { connect, close, log } = await startTestServer({ fs: createMemoryFileSystem(), limits: { idleMs: 300 } });
    const connection = await connect();
    await connection.sftp();
    await connection.closed;
    const record = await log.waitFor(({ message }) => message === "Disconnected");
    expect(record.fields.reason).toBe("The connection was idle");
    await close();
  });

  it("is not idle while a request is served, however long that takes", async () => {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const { connect, close } = await startTestServer({
      fs: createMemoryFileSystem({ files: { "/a": "x" } }),
      limits: { idleMs: 1000 },
      prepare: (server) => server.use("stat", async (_ctx, next) => (await held, next())),
    });
    const stats = (await (await connect()).sftp()).stat("/a");
    const other = await connect();
    await other.closed;
    release();
    expect((await stats).size).toBe(1);
    await close();
  });
});
