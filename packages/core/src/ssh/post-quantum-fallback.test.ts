import { afterEach, expect, it, vi } from "vitest";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { startTestServer, type TestServer } from "@sluice/testing";
import { curve, hybrid, RawClient } from "../../test/raw-client.ts";
import { memorySockets } from "./memory-socket.ts";

// An installation in which nobody encapsulates as he should: it cannot be had otherwise.
vi.mock(import("./mlkem.ts"), async (original) => ({
  ...(await original()),
  encapsulateByNode: undefined,
  encapsulateByScript: () => ({ ciphertext: Buffer.alloc(1088), secret: Buffer.alloc(32) }),
}));

let running: TestServer | undefined;
afterEach(async () => running?.close());

it("A server whose self-test fails says so, and exchanges keys by the curve", async () => {
  running = await startTestServer({ fs: createMemoryFileSystem({ files: {} }) });
  const warned = { level: "warn", message: expect.stringContaining("Post-quantum key exchange is not offered") };
  expect(running.log.records).toContainEqual(expect.objectContaining(warned));

  const sockets = memorySockets();
  running.server.accept(sockets.server);
  const client = new RawClient(sockets.client);
  await client.exchange({ kex: [hybrid, curve] });
  await client.service();
  expect(client.offered.kex).not.toContain(hybrid);
  expect(client.method).toBe(curve);
});
