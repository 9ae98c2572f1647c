import { connect as connectTcp, type Socket } from "node:net";
import { once } from "node:events";
import { Duplex } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import type { Connection } from "../connection.ts";
import type { Server } from "../server.ts";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { SftpClient, startTestServer, testUser, type TestServer } from "@sluice/testing";
import { connectSsh } from "./client.ts";

const ciphers = ["aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes128-ctr"];
const files = new Map(
  [0, 1, 2, 3].map((n) => [
    `/${n}`,
    Buffer.from(Array.from({ length: 1_500_001 + n * 16_000 }, (_, i) => (i * (n + 3) + (i >> 8)) & 0xff)),
  ]),
);

let running: TestServer | undefined;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await running?.close();
});

/** Ends a connection when the reply to the request under way has been made, but before anything else happens. */
async function goodbye(connection: Connection): Promise<void> {
  for (let microtask = 0; microtask < 100; microtask++) await Promise.resolve();
  connection.end("Enough");
}

async function listen(cipher: string, prepare: (server: Server) => void = () => undefined): Promise<number> {
  const fs = createMemoryFileSystem({ files: Object.fromEntries(files) });
  running = await startTestServer({ fs, algorithms: { cipher: [cipher] }, prepare });
  const address = await running.server.listen({ host: "127.0.0.1", port: 0 });
  return "port" in address ? address.port : 0;
}

async function connected(port: number): Promise<Socket> {
  const socket = connectTcp(port, "127.0.0.1");
  sockets.push(socket);
  await once(socket, "connect");
  return socket;
}

async function login(port: number, socket?: Duplex): Promise<SftpClient> {
  socket ??= await connected(port);
  return SftpClient.start(await (await connectSsh({ socket, ...testUser })).openSftp());
}

/** A socket that sends the last bytes of everything apart, when the server has read what comes before. */
async function torn(port: number): Promise<Duplex> {
  const socket = await connected(port);
  const read = (): number => [...running!.server.connections][0]?.bytesReceived ?? 0;
  const duplex = new Duplex({
    read: () => socket.resume(),
    write: (chunk: Buffer, _encoding, done) => {
      void (async () => {
        const sent = socket.bytesWritten;
        socket.write(chunk.subarray(0, -9));
        while (!socket.destroyed && read() < sent + chunk.length - 9) await setImmediate();
        socket.write(chunk.subarray(-9), () => done());
      })();
    },
  });
  socket.on("data", (piece: Buffer) => {
    if (!duplex.push(piece)) socket.pause();
  });
  socket.on("close", () => duplex.destroy());
  return duplex;
}

/** Moves one file in both directions at once. */
async function move(client: SftpClient, name: string, content: Buffer): Promise<void> {
  const [downloaded] = await Promise.all([client.readFile(name), client.writeFile(`${name}-copy`, content)]);
  expect(downloaded.equals(content)).toBe(true);
  expect((await client.readFile(`${name}-copy`)).equals(content)).toBe(true);
}

describe.each(ciphers)("Buffers that are used again, with %s", (cipher) => {
  it("mix up nothing between connections that move data at once over the network", async () => {
    const port = await listen(cipher);
    const clients = await Promise.all([...files].map(() => login(port)));
    await Promise.all([...files].map(([name, content], i) => move(clients[i]!, name, content)));
  });

  it("mix up nothing while keys are exchanged anew", async () => {
    const client = await login(await listen(cipher));
    const [connection] = [...running!.server.connections];
    const rekeying = (async () => {
      for (let i = 0; i < 3; i++) await connection!.rekey();
    })();
    await Promise.all([rekeying, ...[...files].map(([name, content]) => move(client, name, content))]);
  });

  it("outlive the reads that a packet comes in, even where its end is cut off", async () => {
    const port = await listen(cipher);
    const client = await login(port, await torn(port));
    const content = files.get("/0")!.subarray(0, 300_001);
    await client.writeFile("/copy", content);
    expect((await client.readFile("/copy")).equals(content)).toBe(true);
  });

  it("are sent before the goodbye that follows in the same turn", async () => {
    const port = await listen(cipher, (server) =>
      server.use("read", async (ctx, next) => {
        await next();
        void goodbye(ctx.session.connection);
      }),
    );
    const client = await login(port);
    const handle = await client.open("/0", { read: true });
    const data = await client.read(handle, 0, 60_000);
    expect(Buffer.from(data ?? []).equals(files.get("/0")!.subarray(0, 60_000))).toBe(true);
    await client.closed;
  });

  it("leave no socket open when clients vanish in the middle of a transfer", async () => {
    const client = await login(await listen(cipher));
    const [content] = files.values();
    const transfer = Promise.allSettled([client.readFile("/0"), client.writeFile("/copy", content!)]);
    await client.stat("/0");
    for (const socket of sockets) socket.destroy();
    await transfer;
    await running!.idle();
    expect(running!.server.connections.size).toBe(0);
  });
});
