import { afterEach, describe, expect, it } from "vitest";
import { definePlugin, generateHostKey, proven, refused, type AuthMethod } from "@sluice/core";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import {
  capturedLog,
  connect,
  startTestServer,
  testHostKey,
  testUser,
  type TestServer,
  type TestServerOptions,
} from "./index.ts";

let running: TestServer | undefined;
afterEach(async () => running?.close());

async function start(options: TestServerOptions = {}): Promise<TestServer> {
  running = await startTestServer({ fs: createMemoryFileSystem({ files: { "/file": "content" } }), ...options });
  return running;
}

describe("startTestServer", () => {
  it("makes a server that one user can log in to", async () => {
    const { server, connect: connectHere } = await start();
    const client = await (await connectHere()).sftp();
    expect((await client.readFile("/file")).toString()).toBe("content");
    expect([...server.connections].map(({ user }) => user?.name)).toEqual([testUser.username]);
    expect(server.addresses).toEqual([]);
  });

  it("lets nobody else in", async () => {
    const { connect: connectHere } = await start();
    await expect(connectHere({ password: "wrong" })).rejects.toThrow(/authentication methods failed/);
    await expect(connectHere({ username: "other" })).rejects.toThrow(/authentication methods failed/);
  });

  it("leaves the login to the methods that it is given", async () => {
    const key = generateHostKey("ed25519").privateKey;
    const methods: AuthMethod[] = [
      { name: "keys", mechanism: "publickey", verify: () => proven({ home: "/by-key" }) },
      {
        name: "codes",
        mechanism: "keyboard-interactive",
        verify: async (attempt) => {
          if (attempt.mechanism !== "keyboard-interactive") return refused("wrong mechanism");
          const [code] = await attempt.ask({ prompts: [{ text: "Code: ", echo: true }] });
          return code === "42" ? proven({ home: "/by-code" }) : refused("wrong");
        },
      },
    ];
    const { connect: connectHere } = await start({ methods, auth: [["keys"], ["codes"]] });
    const byKey = await (await connectHere({ username: "ann", privateKey: key })).sftp();
    expect(await byKey.homeDirectory()).toBe("/by-key");
    const byCode = await (await connectHere({ username: "ann", answer: () => ["42"] })).sftp();
    expect(await byCode.homeDirectory()).toBe("/by-code");
  });

  it("registers plugins, and what the test prepares before them", async () => {
    const order: string[] = [];
    await start({
      prepare: (server) => server.before("stat", () => void order.push("prepared")),
      plugins: [
        definePlugin({ name: "mine", setup: (host) => host.before("stat", () => void order.push("plugin")) })(),
      ],
    });
    await (await (await running!.connect()).sftp()).stat("/file");
    expect(order).toEqual(["prepared", "plugin"]);
  });

  it("rejects as the server does where it cannot be made ready", async () => {
    await expect(startTestServer()).rejects.toMatchObject({ code: "ERR_SLUICE_MOUNT" });
  });

  it("passes the options of a server on", async () => {
    const log = capturedLog();
    const server = await start({
      log,
      limits: { handles: 1 },
      hostKeys: [{ key: generateHostKey("ecdsa").privateKey }],
    });
    expect(server.log).toBe(log);
    const client = await (await server.connect()).sftp();
    expect((await client.limits()).handles).toBe(1);
    expect([...server.server.connections][0]!.algorithms?.serverHostKey).toBe("ecdsa-sha2-nistp256");
  });

  it("uses one host key in the whole process", () => {
    expect(testHostKey()).toBe(testHostKey());
    expect(testHostKey().type).toBe("ssh-ed25519");
  });

  it("closes plugins and connections", async () => {
    let closed = 0;
    const {
      connect: connectHere,
      close,
      server,
    } = await start({
      plugins: [definePlugin({ name: "mine", setup: (host) => host.onClose(() => void (closed += 1)) })()],
    });
    const connection = await connectHere();
    await close();
    await connection.closed;
    expect([closed, server.connections.size]).toEqual([1, 0]);
  });
});

describe("connect", () => {
  it("makes the server ready, and tells it where the client is and what it is", async () => {
    const { server } = await start();
    const connection = await connect(server, { ...testUser, address: "192.0.2.1", port: 1234, ident: "Mine_1.0" });
    expect([...server.connections]).toMatchObject([
      { remoteAddress: "192.0.2.1", remotePort: 1234, client: "Mine_1.0", phase: "open" },
    ]);
    await connection.end();
    await running!.idle();
    expect(server.connections.size).toBe(0);
  });

  it("ends with a word or without one", async () => {
    const { connect: connectHere, log, idle } = await start();
    const [polite, rude] = [await connectHere(), await connectHere()];
    const client = await rude.sftp();
    await polite.end();
    rude.cut();
    await rude.closed;
    await expect(client.stat("/file")).rejects.toThrow(/ended|closed/);
    await idle();
    expect(log.records.filter(({ message }) => message === "Disconnected")).toHaveLength(2);
  });

  it("opens several sessions on one connection", async () => {
    const connection = await (await start()).connect();
    const clients = await Promise.all([connection.sftp(), connection.sftp()]);
    await clients[0].writeFile("/new", "x");
    expect((await clients[1].readFile("/new")).toString()).toBe("x");
  });

  it("counts what SSH moves", async () => {
    const connection = await (await start()).connect();
    const client = await connection.sftp();
    const before = connection.socket.bytesWritten;
    await client.writeFile("/new", Buffer.alloc(100_000));
    expect(connection.socket.bytesWritten - before).toBeGreaterThan(100_000);
  });
});
