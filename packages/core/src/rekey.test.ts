import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import ssh2 from "ssh2";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { SftpClient, startTestServer, testUser, type TestServer, type TestServerOptions } from "@sluice/testing";
import { memorySockets } from "./ssh/memory-socket.ts";

let running: TestServer | undefined;
afterEach(async () => running?.close());

const large = Buffer.from(Array.from({ length: 3_000_001 }, (_, i) => (i * 13 + (i >> 9)) & 0xff));

async function start(options: TestServerOptions = {}): Promise<TestServer> {
  running = await startTestServer({ fs: createMemoryFileSystem({ files: { "/large": large } }), ...options });
  return running;
}

const exchanges = (): number => running!.log.records.filter(({ message }) => message === "Keys exchanged").length;

/** An upload and a download at once; resolves when both have arrived whole. */
async function transfer(client: SftpClient): Promise<void> {
  const [, downloaded] = await Promise.all([client.writeFile("/copy", large), client.readFile("/large")]);
  expect(downloaded.equals(large)).toBe(true);
  expect((await client.readFile("/copy")).equals(large)).toBe(true);
}

/** A client that can begin a key exchange by itself. */
async function login(): Promise<{ readonly client: ssh2.Client; readonly rekey: () => void }> {
  const sockets = memorySockets();
  running!.server.accept(sockets.server);
  const client = new ssh2.Client();
  client.on("error", () => undefined);
  client.connect({ sock: sockets.client, ...testUser });
  await once(client, "ready");
  const { _protocol } = client as unknown as { _protocol: { rekey(): void } };
  return { client, rekey: () => _protocol.rekey() };
}

describe("keys", () => {
  it("may be exchanged anew by the server while data moves in both directions", async () => {
    await start();
    const client = await (await running!.connect()).sftp();
    const [connection] = [...running!.server.connections];
    await Promise.all([transfer(client), connection!.rekey()]);
    expect(exchanges()).toBe(2);
  });

  it("may be exchanged anew by the server several times in a row, though nothing moves", async () => {
    await start();
    const client = await (await running!.connect()).sftp();
    const [connection] = [...running!.server.connections];
    for (let i = 0; i < 4; i++) await connection!.rekey();
    expect(exchanges()).toBe(5);
    await transfer(client);
  });

  it("may be exchanged anew by the client while data moves in both directions", async () => {
    await start();
    const { client, rekey } = await login();
    const channel = await new Promise<ssh2.ClientChannel>((resolve, reject) => {
      client.subsys("sftp", (error, opened) => (error === undefined ? resolve(opened) : reject(error)));
    });
    const moving = transfer(await SftpClient.start(channel));
    rekey();
    await moving;
    expect(exchanges()).toBe(2);
    client.end();
  });

  it("are not exchanged as often as a client likes: one that does nothing else is dropped", async () => {
    await start();
    const { client, rekey } = await login();
    const closed = new Promise<boolean>((resolve) => client.once("close", () => resolve(false)));
    const exchanged = (): Promise<boolean> =>
      new Promise((resolve) => {
        client.once("handshake", () => resolve(true));
        rekey();
      });
    for (let served = true, count = 0; served && count < 5; count++) served = await Promise.race([exchanged(), closed]);
    const { fields } = await running!.log.waitFor(({ message }) => message === "The client broke the protocol");
    expect(fields["reason"]).toContain("Key exchanges too often");
    await closed;
  });

  it("are exchanged anew by themselves when they have moved as much as they may", async () => {
    await start({ rekey: { bytes: 1_000_000 } });
    const client = await (await running!.connect()).sftp();
    await transfer(client);
    // Nine megabytes were moved.
    expect(exchanges()).toBeGreaterThanOrEqual(5);
  });

  it("whose exchange the client does not take part in end the connection", async () => {
    await start({ rekey: { deadlineMs: 50 } });
    const client = await running!.connect();
    await client.sftp();
    const [connection] = [...running!.server.connections];
    client.socket.pause();
    await expect(connection!.rekey()).rejects.toThrow(/closed/);
    await running!.idle();
  });

  it("are not exchanged on a connection that is gone", async () => {
    await start();
    const client = await running!.connect();
    const [connection] = [...running!.server.connections];
    await client.end();
    await running!.idle();
    await expect(connection!.rekey()).rejects.toThrow("The connection is not open");
  });
});
