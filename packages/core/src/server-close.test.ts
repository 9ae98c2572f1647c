import { afterEach, describe, expect, it } from "vitest";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { latch, SftpClient, startTestServer, testHostKey, testUser, type TestServer } from "@sluice/testing";
import { definePlugin } from "./plugin.ts";
import { createServer } from "./server.ts";
import { connectSsh } from "./ssh/client.ts";
import { memorySockets } from "./ssh/memory-socket.ts";

let running: TestServer;
afterEach(() => running.close());

const events: string[] = [];

async function start(): Promise<void> {
  events.length = 0;
  const watching = definePlugin({
    name: "watching",
    setup: (host) => {
      host.after("close", ({ request }) => void events.push(`file ${request.outcome}`));
      host.onDisconnect((_connection, { reason }) => void events.push(`disconnect: ${reason}`));
      host.onClose(() => void events.push("plugin closed"));
    },
  });
  running = await startTestServer({
    fs: createMemoryFileSystem({ files: { "/old": "old content" } }),
    plugins: [watching()],
  });
}

const upload = (client: SftpClient): Promise<Uint8Array> =>
  client.open("/old", { write: true, create: true, truncate: true });
const goodbye = "disconnect: The server is shutting down";

describe("close", () => {
  it("ends idle connections at once, and plugins after them", async () => {
    await start();
    const connections = [await running.connect(), await running.connect()];
    await connections[0]!.sftp();
    await running.close({ graceMs: 60_000 });
    await Promise.all(connections.map(({ closed }) => closed));
    expect(events).toEqual([goodbye, goodbye, "plugin closed"]);
    expect(running.server.connections.size).toBe(0);
  });

  it("lets a transfer finish, and ends its connection then", async () => {
    await start();
    const connection = await running.connect();
    const client = await connection.sftp();
    const handle = await upload(client);
    await client.write(handle, 0, Buffer.from("new "));
    const closing = running.close({ graceMs: 60_000 });
    await client.write(handle, 4, Buffer.from("content"));
    expect(events).toEqual([]);
    await client.close(handle);
    await Promise.all([closing, connection.closed]);
    expect(events).toEqual(["file completed", goodbye, "plugin closed"]);
  });

  it("lets a request finish that is being served", async () => {
    const gate = latch();
    running = await startTestServer({
      fs: createMemoryFileSystem(),
      prepare: (server) =>
        server.before("mkdir", async () => {
          await gate.wait();
        }),
    });
    const client = await (await running.connect()).sftp();
    const made = client.mkdir("/new");
    await gate.reached;
    const closing = running.close({ graceMs: 60_000 });
    gate.release();
    await made;
    await closing;
    expect(running.server.connections.size).toBe(0);
  });

  it("aborts what is not finished when the grace is over", async () => {
    await start();
    const connection = await running.connect();
    const client = await connection.sftp();
    const handle = await upload(client);
    await client.write(handle, 0, Buffer.from("half"));
    await running.close({ graceMs: 60 });
    await connection.closed;
    expect(events).toEqual(["file aborted", goodbye, "plugin closed"]);
    await expect(client.write(handle, 4, Buffer.from("more"))).rejects.toThrow(/closed|ended/);
  });

  it("takes no new connection while transfers finish", async () => {
    await start();
    const client = await (await running.connect()).sftp();
    const handle = await upload(client);
    const closing = running.close({ graceMs: 60_000 });
    await expect(running.connect()).rejects.toThrow(/closed|lost|handshake/i);
    await client.close(handle);
    await closing;
  });

  it("ends connections that have not logged in", async () => {
    await start();
    const sockets = memorySockets();
    sockets.client.write("SSH-2.0-slow\r\n");
    const gone = new Promise((resolve) => sockets.client.once("close", resolve));
    sockets.client.resume();
    running.server.accept(sockets.server);
    await running.close({ graceMs: 60_000 });
    await gone;
    expect(running.server.connections.size).toBe(0);
  });

  it("is done once, however often it is asked for", async () => {
    await start();
    await Promise.all([running.server.close(), running.server.close({ graceMs: 0 })]);
    await running.server.close();
    expect(events).toEqual(["plugin closed"]);
  });

  it("of a server that never was ready does nothing", async () => {
    await start();

    const server = createServer({ hostKeys: [{ key: testHostKey().privateKey }] });
    await server.close();
    expect(server.connections.size).toBe(0);
  });
});

describe("end", () => {
  it("of a connection by the server is told to the client, and its files are aborted", async () => {
    await start();
    const sockets = memorySockets();
    running.server.accept(sockets.server);
    const ssh = await connectSsh({ socket: sockets.client, ...testUser });

    const client = await SftpClient.start(await ssh.openSftp());
    await upload(client);
    for (const connection of running.server.connections) connection.end("Suspended");
    await ssh.closed;
    await running.log.waitFor(({ message }) => message === "Disconnected");
    expect(events).toEqual(["file aborted", "disconnect: Suspended"]);
  });

  it("closes a connection whose client keeps its side open", async () => {
    await start();
    const sockets = memorySockets();
    running.server.accept(sockets.server);
    const ssh = await connectSsh({ socket: sockets.client, ...testUser });
    sockets.client.pause();
    sockets.client.removeAllListeners("end");
    for (const connection of running.server.connections) connection.end("Go away");
    await running.idle();
    expect(events).toEqual(["disconnect: Go away"]);
    sockets.client.destroy();
    await ssh.closed;
  });
});
