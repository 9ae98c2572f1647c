import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import ssh2 from "ssh2";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { SftpClient, startTestServer, testUser, type TestServer, type TestServerOptions } from "@sluice/testing";

let running: TestServer | undefined;
afterEach(async () => running?.close());

/** Half of it can be compressed. */
const large = Buffer.from(
  Array.from({ length: 2_000_001 }, (_, i) => (i & 0x8000 ? 7 : Math.imul(i, 0x9e37_79b1) >>> 24)),
);

interface Internals {
  readonly _cipher: { encrypt(packet: Buffer): void };
  readonly _packetRW: { readonly write: { finalize(payload: Buffer): Buffer } };
  rekey(): void;
}

/** Logs in over the network, by a client that wants this compression. */
async function login(
  algorithms: TestServerOptions["algorithms"],
  compress: ssh2.CompressionAlgorithm,
): Promise<{ readonly client: ssh2.Client; readonly protocol: Internals }> {
  const fs = createMemoryFileSystem({ files: { "/large": large } });
  running = await startTestServer({ fs, ...(algorithms === undefined ? {} : { algorithms }) });
  const address = await running.server.listen({ host: "127.0.0.1", port: 0 });
  const client = new ssh2.Client();
  const failed = once(client, "error").then(([error]) => Promise.reject(error as Error));
  failed.catch(() => undefined);
  const sock = connect("port" in address ? address.port : 0, "127.0.0.1");
  client.connect({ sock, ...testUser, algorithms: { compress: [compress] } });
  await Promise.race([once(client, "ready"), failed]);
  return { client, protocol: (client as unknown as { _protocol: Internals })._protocol };
}

async function sftp(client: ssh2.Client): Promise<SftpClient> {
  const channel = await new Promise<ssh2.ClientChannel>((resolve, reject) =>
    client.subsys("sftp", (error, opened) => (error === undefined ? resolve(opened) : reject(error))),
  );
  return SftpClient.start(channel);
}

const offered = { compress: ["none", "zlib@openssh.com"] };

describe("zlib@openssh.com", () => {
  it("is not offered unless it is asked for", async () => {
    await expect(login(undefined, "zlib@openssh.com")).rejects.toThrow(/no matching/);
  });

  it("moves data in both directions, and through new keys of either side", async () => {
    const { client, protocol } = await login(offered, "zlib@openssh.com");
    const files = await sftp(client);
    const [connection] = [...running!.server.connections];
    expect(connection!.algorithms?.clientToServer.compress).toBe("zlib@openssh.com");
    const transfer = async (): Promise<void> => {
      const [, read] = await Promise.all([files.writeFile("/copy", large), files.readFile("/large")]);
      expect(read.equals(large)).toBe(true);
      expect((await files.readFile("/copy")).equals(large)).toBe(true);
    };
    await transfer();
    expect(connection!.bytesSent).toBeLessThan(1.8 * large.length);
    await connection!.rekey();
    await transfer();
    protocol.rekey();
    await transfer();
    client.end();
  });

  it("may be offered and declined", async () => {
    const { client } = await login(offered, "none");
    expect((await (await sftp(client)).readFile("/large")).equals(large)).toBe(true);
    client.end();
  });

  it.each([false, true])(
    "ends a connection that sends 16 MiB in one packet, before they are there (after new keys: %s)",
    async (renewed) => {
      const { client, protocol } = await login(offered, "zlib@openssh.com");
      client.on("error", () => undefined);
      if (renewed) await [...running!.server.connections][0]!.rekey();
      const bomb = Buffer.alloc(16 * 1024 * 1024);
      bomb[0] = 2;
      bomb.writeUInt32BE(bomb.length - 5, 1);
      protocol._cipher.encrypt(protocol._packetRW.write.finalize(bomb));
      const record = await running!.log.waitFor(({ message }) => message === "Disconnected");
      expect(record.fields["reason"]).toBe("Output length exceeded maximum of 65536");
    },
  );
});
