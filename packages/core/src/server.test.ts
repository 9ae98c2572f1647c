import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect as connectTcp, type NetConnectOpts } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { latch, SftpClient, startTestServer, testUser, type TestServer, type TestServerOptions } from "@sluice/testing";
import type { Connection, Disconnect } from "./connection.ts";
import type { FileSystem } from "./filesystem.ts";
import { definePlugin } from "./plugin.ts";
import type { Session } from "./session.ts";
import { connectSsh } from "./ssh/client.ts";
import { memorySockets } from "./ssh/memory-socket.ts";

let running: TestServer | undefined;
afterEach(async () => running?.close());

async function start(options: TestServerOptions = {}): Promise<TestServer> {
  running = await startTestServer({ fs: createMemoryFileSystem({ files: { "/file": "content" } }), ...options });
  return running;
}

const disconnected = (): Promise<unknown> => running!.log.waitFor(({ message }) => message === "Disconnected");

describe("listen", () => {
  async function overTcp(where: NetConnectOpts): Promise<string> {
    const socket = connectTcp(where);
    await once(socket, "connect");
    const ssh = await connectSsh({ socket, ...testUser });
    const client = await SftpClient.start(await ssh.openSftp());
    const content = (await client.readFile("/file")).toString();
    ssh.end();
    await ssh.closed;
    return content;
  }

  it("serves at a port of the system's choice, and tells which", async () => {
    const { server } = await start();
    const address = await server.listen({ host: "127.0.0.1", port: 0 });
    expect(address).toMatchObject({ host: "127.0.0.1" });
    expect(server.addresses).toEqual([address]);
    const { port } = address as { port: number };
    expect(await overTcp({ host: "127.0.0.1", port })).toBe("content");
  });

  it("serves at several addresses, a Unix socket among them", async () => {
    const directory = await mkdtemp(join(tmpdir(), "sluice-server-"));
    try {
      const { server } = await start();
      const path = join(directory, "socket");
      await server.listen({ path });
      const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
      expect(server.addresses).toHaveLength(2);
      expect(await overTcp({ path })).toBe("content");
      expect(await overTcp({ host: "127.0.0.1", port })).toBe("content");
      await running!.close();
      expect(server.addresses).toEqual([]);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it("tells what to do where an address is in use", async () => {
    const { server } = await start();
    const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
    await expect(server.listen({ host: "127.0.0.1", port })).rejects.toMatchObject({
      code: "ERR_SLUICE_LISTEN",
      message: `Cannot listen on 127.0.0.1 port ${port}: it is in use; stop the other program or choose another port`,
    });
  });

  it("is refused when the server has been closed", async () => {
    const { server, close } = await start();
    await close();
    await expect(server.listen(0)).rejects.toMatchObject({ code: "ERR_SLUICE_ALREADY_STARTED" });
  });
});

describe("pause", () => {
  it("stops accepting; open connections go on, and listen begins again", async () => {
    const { server } = await start();
    const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
    const socket = connectTcp({ host: "127.0.0.1", port });
    await once(socket, "connect");
    const client = await SftpClient.start(await (await connectSsh({ socket, ...testUser })).openSftp());
    server.pause();
    expect(server.addresses).toEqual([]);
    const refused = connectTcp({ host: "127.0.0.1", port });
    const [error] = (await once(refused, "error")) as [NodeJS.ErrnoException];
    expect(error.code).toBe("ECONNREFUSED");
    expect((await client.readFile("/file")).toString()).toBe("content");
    await server.listen({ host: "127.0.0.1", port });
    const again = connectTcp({ host: "127.0.0.1", port });
    await once(again, "connect");
    again.destroy();
    socket.destroy();
  });
});

describe("accept", () => {
  it("serves a socket from elsewhere, and takes the remote end as it is told", async () => {
    const seen: Connection[] = [];
    const { server } = await start({ prepare: (it) => it.onConnection((connection) => void seen.push(connection)) });
    const sockets = memorySockets();
    server.accept(sockets.server, { remoteAddress: "192.0.2.7", remotePort: 4711 });
    const ssh = await connectSsh({ socket: sockets.client, ...testUser, ident: "Example_1.0" });
    expect(seen[0]).toMatchObject({
      remoteAddress: "192.0.2.7",
      remotePort: 4711,
      localAddress: "127.0.0.1",
      localPort: 2022,
      client: "Example_1.0",
      phase: "open",
      user: { name: "tester", home: "/", groups: [] },
    });
    expect(seen[0]!.algorithms).toMatchObject({ serverHostKey: "ssh-ed25519", clientToServer: { compress: "none" } });
    ssh.end();
    await ssh.closed;
  });

  it("drops the socket when the server has been closed", async () => {
    const { server, close } = await start();
    await close();
    const sockets = memorySockets();
    server.accept(sockets.server);
    expect(sockets.server.destroyed).toBe(true);
  });

  it("survives a socket that fails at any moment of the login", async () => {
    const { server } = await start();
    for (let bytes = 0; bytes < 4000; bytes += 250) {
      const sockets = memorySockets();
      server.accept(sockets.server);
      let received = 0;
      sockets.server.prependListener("data", (piece: Buffer) => {
        received += piece.length;
        if (received > bytes) sockets.server.destroy(new Error("ECONNRESET"));
      });
      const login = connectSsh({ socket: sockets.client, ...testUser });
      await login.then(
        (ssh) => {
          sockets.client.destroy();
          return ssh.closed;
        },
        () => undefined,
      );
      await new Promise((resolve) =>
        sockets.server.closed ? resolve(undefined) : sockets.server.once("close", resolve),
      );
    }
    expect(await (await (await running!.connect()).sftp()).stat("/file")).toMatchObject({ size: 7 });
  });
});

describe("beforeConnection", () => {
  it("drops the connection before a byte of SSH is spent, and nobody else hears of it", async () => {
    const heard: string[] = [];
    const { server } = await start({
      prepare: (it) => {
        it.beforeConnection(async ({ remoteAddress }) => {
          await Promise.resolve();
          if (remoteAddress === "203.0.113.9") throw new Error("on the list");
        });
        it.onConnection(() => void heard.push("connected"));
        it.onDisconnect(() => void heard.push("disconnected"));
      },
    });
    const sockets = memorySockets({ address: "203.0.113.9" });
    let received = 0;
    sockets.client.on("data", (piece: Buffer) => (received += piece.length));
    const closed = once(sockets.client, "close");
    server.accept(sockets.server);
    await closed;
    expect(received).toBe(0);
    expect(heard).toEqual([]);
    expect(server.connections.size).toBe(0);
    const { fields } = await running!.log.waitFor(({ message }) => message === "Connection refused");
    expect(fields).toMatchObject({ reason: "on the list", remote: "203.0.113.9" });
    await running!.connect({ address: "203.0.113.8" });
  });

  it("that is still deciding when the server closes lets nobody in", async () => {
    const gate = latch();
    const { server } = await start({ prepare: (it) => it.beforeConnection(() => gate.wait()) });
    const sockets = memorySockets();
    const first = Promise.race([once(sockets.client, "close"), once(sockets.client, "data")]);
    server.accept(sockets.server);
    await gate.reached;
    await server.close({ graceMs: 0 });
    gate.release();
    expect(await first).not.toContainEqual(expect.any(Buffer));
    expect(server.connections.size).toBe(0);
  });

  it("that takes too long drops the connection", async () => {
    const { server } = await start({
      limits: { loginGraceMs: 20 },
      prepare: (it) => it.beforeConnection(() => new Promise(() => undefined)),
    });
    const sockets = memorySockets();
    const closed = once(sockets.client, "close");
    sockets.client.resume();
    server.accept(sockets.server);
    await closed;
    expect(server.connections.size).toBe(0);
  });
});

describe("onConnection, onSession and onDisconnect", () => {
  it("are told of each connection and session, and of the end exactly once, with the totals", async () => {
    const heard: string[] = [];
    const ends: Disconnect[] = [];
    let connection: Connection | undefined;
    await start({
      prepare: (server) => {
        server.onConnection((it) => {
          connection = it;
          heard.push(`connection ${it.phase}`);
        });
        server.onSession((session) => void heard.push(`session ${session.user.name}`));
        server.onDisconnect((it, how) => {
          heard.push(`disconnect ${it.phase} ${it.sessions.size}`);
          ends.push(how);
          expect(it.signal.aborted).toBe(true);
        });
      },
    });
    const client = await running!.connect();
    const sftp = await client.sftp();
    await client.sftp();
    await sftp.readFile("/file");
    expect(running!.server.connections.size).toBe(1);
    expect([...running!.server.connections][0]).toBe(connection);
    expect(connection!.sessions.size).toBe(2);
    await client.end();
    await disconnected();
    await running!.close();
    expect(heard).toEqual(["connection handshake", "session tester", "session tester", "disconnect closed 0"]);
    expect(ends[0]!.bytesReceived).toBe(client.socket.bytesWritten);
    expect(ends[0]!.bytesSent).toBeGreaterThan(1000);
    expect(ends[0]!.durationMs).toBeGreaterThanOrEqual(0);
    expect(ends[0]!.reason).not.toBe("");
    expect(running!.server.connections.size).toBe(0);
  });

  it("tell the reason that whoever ended the connection gave", async () => {
    const reasons: string[] = [];
    await start({
      prepare: (server) => {
        server.onSession((session) => session.connection.end("Maintenance at noon"));
        server.onDisconnect((_connection, { reason }) => void reasons.push(reason));
      },
    });
    const client = await running!.connect();
    await client.sftp().catch(() => undefined);
    await client.closed;
    await disconnected();
    expect(reasons).toEqual(["Maintenance at noon"]);
  });

  it("that fail at once or later end what they were told of, and no more", async () => {
    for (const fail of [
      () => {
        throw new Error("not now");
      },
      () => Promise.reject(new Error("not now")),
    ]) {
      let failing = true;
      await start({ prepare: (server) => server.onConnection(() => (failing ? fail() : undefined)) });
      await expect(running!.connect()).rejects.toThrow(/closed|lost|handshake/i);
      await disconnected();
      expect(running!.server.connections.size).toBe(0);
      failing = false;
      await running!.connect();
      await running!.close();
    }
  });

  it("of sessions that fail end the session and leave the connection", async () => {
    let failing = true;
    const moody = definePlugin({
      name: "moody",
      setup: (host) =>
        host.onSession(() => {
          if (failing) throw new Error("not now");
        }),
    });
    await start({ plugins: [moody()] });
    const client = await running!.connect();
    await expect(client.sftp()).rejects.toThrow(/ended|closed/);
    failing = false;
    expect(await (await client.sftp()).stat("/file")).toMatchObject({ size: 7 });
    expect(running!.log.text()).toContain("not now");
  });

  it("of sessions are finished before the first request is served", async () => {
    const gate = latch();
    let ready = false;
    const seen: boolean[] = [];
    await start({
      prepare: (server) => {
        server.onSession(async () => {
          await gate.wait();
          ready = true;
        });
        server.before("stat", () => void seen.push(ready));
      },
    });
    const client = await running!.connect();
    const opening = client.sftp();
    await gate.reached;
    gate.release();
    await (await opening).stat("/file");
    expect(seen).toEqual([true]);
  });

  it("of disconnects that fail keep nobody else from hearing", async () => {
    const heard: string[] = [];
    await start({
      prepare: (server) => {
        server.onDisconnect(() => {
          throw new Error("oops");
        });
        server.onDisconnect(() => void heard.push("second"));
      },
    });
    await (await running!.connect()).end();
    await disconnected();
    expect(heard).toEqual(["second"]);
  });

  it("of connections are not told of one after its end was told", async () => {
    const gate = latch();
    const heard: string[] = [];
    await start({
      prepare: (server) => {
        server.onConnection(() => gate.wait());
        server.onConnection(({ id }) => void heard.push(`connection ${id}`));
        server.onDisconnect(({ id }) => void heard.push(`disconnect ${id}`));
      },
    });
    const client = await running!.connect();
    const [connection] = [...running!.server.connections];
    client.cut();
    await once(connection!.signal, "abort");
    gate.release();
    await disconnected();
    expect(heard.at(-1)).toBe(`disconnect ${connection!.id}`);
    await running!.connect();
    expect(heard.filter((what) => what.endsWith(connection!.id)).at(-1)).toBe(`disconnect ${connection!.id}`);
  });
});

describe("a banner", () => {
  it("is shown before the login, made for the remote end", async () => {
    await start({ banner: ({ remoteAddress }) => `Hello ${remoteAddress}\r\n` });
    const { Client } = await import("ssh2");
    const client = new Client();
    const sockets = memorySockets({ address: "192.0.2.1" });
    const shown = once(client, "banner");
    running!.server.accept(sockets.server);
    client.connect({ sock: sockets.client, ...testUser });
    expect(await shown).toEqual(["Hello 192.0.2.1\r\n"]);
    await once(client, "ready");
    client.end();
  });

  it("whose function throws costs that connection, and leaves nothing behind", async () => {
    let failing = true;
    await start({
      banner: () => {
        if (failing) throw new Error("no template");
        return "Welcome\n";
      },
    });
    await expect(running!.connect()).rejects.toThrow(/closed|lost|handshake/i);
    expect(running!.server.connections.size).toBe(0);
    failing = false;
    await running!.connect();
  });
});

describe("sessions", () => {
  it("on one connection are served beside each other, each with its own files", async () => {
    await start();
    const client = await running!.connect();
    const sessions = await Promise.all([client.sftp(), client.sftp(), client.sftp()]);
    await Promise.all(sessions.map((session, i) => session.writeFile(`/of-${i}`, `session ${i}`)));
    const contents = await Promise.all(sessions.map((session, i) => session.readFile(`/of-${(i + 1) % 3}`)));
    expect(contents.map(String)).toEqual(["session 1", "session 2", "session 0"]);
    await sessions[0].end();
    expect((await sessions[1].stat("/of-0")).size).toBe(9);
  });

  it("are no more on one connection than the limit says, until one has ended", async () => {
    const ended: Session[] = [];
    await start({
      limits: { sessions: 2 },
      prepare: (server) => server.onSession((session) => void ended.push(session)),
    });
    const client = await running!.connect();
    const [first] = [await client.sftp(), await client.sftp()];
    await expect(client.sftp()).rejects.toThrow("Channel open failure");
    await first.end();
    await running!.log.waitFor(({ message }) => message === "Session ended");
    await client.sftp();
    expect(ended).toHaveLength(3);
  });

  it("have ids, and log lines that carry them", async () => {
    const ids: string[] = [];
    await start({
      prepare: (server) =>
        server.onSession((session) => {
          ids.push(session.id, session.connection.id);
          session.log.info("A line of mine");
        }),
    });
    await (await running!.connect()).sftp();
    const { fields } = await running!.log.waitFor(({ message }) => message === "A line of mine");
    expect(fields).toMatchObject({ session: ids[0], connection: ids[1], user: "tester" });
  });

  it("are all that is served: no shell, no command, no forwarding", async () => {
    await start();
    const { Client } = await import("ssh2");
    const client = new Client();
    const sockets = memorySockets();
    running!.server.accept(sockets.server);
    client.connect({ sock: sockets.client, ...testUser });
    await once(client, "ready");
    const outcome = (begin: (done: (error?: Error) => void) => unknown): Promise<string> =>
      new Promise((resolve) => begin((error) => resolve(error === undefined ? "served" : "refused")));
    expect(await outcome((done) => client.shell(done))).toBe("refused");
    expect(await outcome((done) => client.exec("id", done))).toBe("refused");
    expect(await outcome((done) => client.subsys("sftp2", done))).toBe("refused");
    expect(await outcome((done) => client.forwardOut("127.0.0.1", 1, "127.0.0.1", 22, done))).toBe("refused");
    expect(await outcome((done) => client.forwardIn("127.0.0.1", 0, done))).toBe("refused");
    expect(await outcome((done) => client.openssh_forwardOutStreamLocal("/run/x", done))).toBe("refused");
    expect(await outcome((done) => client.subsys("sftp", done))).toBe("served");
    client.end();
  });
});

describe("a file system for each session", () => {
  it("is made from who is logged in, and closed once when the session ends", async () => {
    const closed: string[] = [];
    await start({
      fs: (session) => {
        const fs = createMemoryFileSystem({ files: { [`/home-of-${session.user.name}`]: "" } });
        fs.close = () => {
          closed.push(session.id);
          return Promise.resolve();
        };
        return Promise.resolve(fs);
      },
    });
    const client = await running!.connect();
    const [one, two] = [await client.sftp(), await client.sftp()];
    expect((await one.list("/")).map(({ name }) => name)).toEqual(["home-of-tester"]);
    await two.writeFile("/only-here", "");
    await expect(one.stat("/only-here")).rejects.toMatchObject({ code: 2 });
    expect(closed).toEqual([]);
    await one.end();
    await running!.log.waitFor(({ message }) => message === "Session ended");
    expect(closed).toHaveLength(1);
    await client.end();
    await disconnected();
    expect(new Set(closed).size).toBe(2);
    expect(closed).toHaveLength(2);
  });

  it("that cannot be made ends the session and leaves the connection", async () => {
    let failing = true;
    await start({
      fs: () => {
        if (failing) throw new Error("cannot mount /dev/sdb1");
        return createMemoryFileSystem();
      },
    });
    const client = await running!.connect();
    await expect(client.sftp()).rejects.toThrow(/ended|closed/);
    failing = false;
    await client.sftp();
  });

  it("is closed once where a listener fails or ends the session", async () => {
    let closed = 0;
    const listeners: ((session: Session) => void)[] = [
      (session) => session.end("Not you"),
      () => {
        throw new Error("not now");
      },
    ];
    await start({
      fs: () =>
        Object.assign(createMemoryFileSystem(), {
          close: () => {
            closed += 1;
            return Promise.resolve();
          },
        }),
      prepare: (server) => server.onSession((session) => listeners.shift()?.(session)),
    });
    const client = await running!.connect();
    for (const expected of [1, 2]) {
      await expect(client.sftp()).rejects.toThrow(/ended|closed/);
      expect(closed).toBe(expected);
    }
    await client.sftp();
    await client.end();
    await running!.idle();
    expect(closed).toBe(3);
  });

  it("that is made when its session has ended already is closed", async () => {
    const gate = latch();
    let closed = 0;
    await start({
      fs: async (): Promise<FileSystem> => {
        await gate.wait();
        return Object.assign(createMemoryFileSystem(), {
          close: () => {
            closed += 1;
            return Promise.resolve();
          },
        });
      },
    });
    const client = await running!.connect();
    const opening = client.sftp().catch(() => undefined);
    await gate.reached;
    client.cut();
    await opening;
    await disconnected();
    gate.release();
    await running!.close();
    expect(closed).toBe(1);
  });
});
