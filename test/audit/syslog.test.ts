import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer as createTcp, type AddressInfo, type Server, type Socket } from "node:net";
import { createServer as createHttps } from "node:https";
import { createServer as createTls } from "node:tls";
import { join } from "node:path";
import { audit, type SinkOptions } from "@sluice/audit";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { startTestServer, type TestServer } from "@sluice/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { recordsIn, scratch } from "./fixture.ts";

const withoutOpenssl = spawnSync("openssl", ["version"]).status === 0 ? undefined : "openssl is not installed";

/** Takes counted octets apart (RFC 6587, section 3.4.1). */
function frames(bytes: Buffer): string[] {
  const found: string[] = [];
  let at = 0;
  while (at < bytes.length) {
    const space = bytes.indexOf(0x20, at);
    const length = Number(bytes.toString("latin1", at, space));
    if (space < 0 || !Number.isInteger(length) || space + 1 + length > bytes.length) break;
    found.push(bytes.toString("utf8", space + 1, space + 1 + length));
    at = space + 1 + length;
  }
  return found;
}

interface Receiver {
  readonly port: number;
  readonly sockets: Set<Socket>;
  messages(): string[];
}

async function listening(server: Server, port = 0): Promise<Receiver> {
  const sockets = new Set<Socket>();
  const streams: Buffer[][] = [];
  const take = (socket: Socket): void => {
    sockets.add(socket);
    const pieces: Buffer[] = [];
    streams.push(pieces);
    socket.on("data", (piece: Buffer) => pieces.push(piece)).on("error", () => undefined);
  };
  server.on("secureConnection", take);
  if (!("setSecureContext" in server)) server.on("connection", take);
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    port: (server.address() as AddressInfo).port,
    sockets,
    messages: () => streams.flatMap((pieces) => frames(Buffer.concat(pieces))),
  };
}

async function served(sink: SinkOptions): Promise<TestServer & { readonly file: string }> {
  const file = join(scratch(), "audit.jsonl");
  const server = await startTestServer({
    fs: createMemoryFileSystem(),
    plugins: [audit({ file, sinks: [{ retry: { minMs: 5, maxMs: 50 }, ...sink }] })],
  });
  onTestFinished(() => server.close());
  return { ...server, file };
}

const recordOf = (message: string): unknown =>
  JSON.parse(message.slice(message.indexOf("] ") + 2).replace(/^\ufeff/, ""));

describe("a syslog server", () => {
  it("over TCP gets each record as a message of its own", async () => {
    const receiver = await listening(createTcp());
    const server = await served({ type: "syslog", host: "127.0.0.1", port: receiver.port, tls: false });
    const client = await (await server.connect()).sftp();
    await client.mkdir("/größe\n<1>1 forged");
    await server.close();
    const records = recordsIn(server.file);
    await expect.poll(() => receiver.messages().length).toBe(records.length);
    expect(receiver.messages().map(recordOf)).toEqual(records);
    for (const message of receiver.messages()) expect(message).toMatch(/^<1\d\d>1 \d{4}-[^\n]*$/);
  });

  it("that comes back gets what it missed", async () => {
    const first = createTcp();
    const receiver = await listening(first);
    const { port } = receiver;
    const server = await served({ type: "syslog", host: "127.0.0.1", port, tls: false });
    await expect.poll(() => receiver.messages().length).toBe(1);
    const closed = new Promise((resolve) => first.close(resolve));
    for (const socket of receiver.sockets) socket.destroy();
    await closed;
    const client = await (await server.connect()).sftp();
    await client.mkdir("/missed");
    await server.log.waitFor(({ message }) => message === "An audit sink does not take records");
    const again = await listening(createTcp(), port);
    await expect
      .poll(() => again.messages().map(recordOf), { timeout: 5000 })
      .toContainEqual(expect.objectContaining({ path: "/missed" }));
  });
});

describe.skipIf(withoutOpenssl !== undefined)(
  `over TLS${withoutOpenssl === undefined ? "" : ` (cannot run: ${withoutOpenssl})`}`,
  () => {
    /** A certificate for a name, signed by itself. */
    function certificate(name: string): {
      readonly cert: Buffer;
      readonly key: Buffer;
      readonly file: string;
      readonly keyFile: string;
    } {
      const directory = scratch();
      const [cert, key] = [join(directory, "cert.pem"), join(directory, "key.pem")];
      const curve = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2".split(" ");
      const names = ["-subj", `/CN=${name}`, "-addext", `subjectAltName=DNS:${name}`];
      const made = spawnSync("openssl", [...curve, ...names, "-keyout", key, "-out", cert]);
      expect(made.status).toBe(0);
      return { cert: readFileSync(cert), key: readFileSync(key), file: cert, keyFile: key };
    }

    it("a syslog server with the right name and authority gets the records", async () => {
      const { cert, key, file: caFile } = certificate("logs.example");
      const receiver = await listening(createTls({ cert, key }));
      const server = await served({
        type: "syslog",
        host: "127.0.0.1",
        port: receiver.port,
        tls: { caFile, serverName: "logs.example" },
      });
      await server.connect();
      await server.close();
      await expect.poll(() => receiver.messages().map(recordOf)).toEqual(recordsIn(server.file));
    });

    it.each<[string, (caFile: string) => { readonly caFile?: string; readonly serverName?: string }]>([
      ["another name", (caFile) => ({ caFile, serverName: "other.example" })],
      ["no authority that is known", () => ({ serverName: "logs.example" })],
    ])("a syslog server with %s gets nothing", async (_what, tls) => {
      const { cert, key, file } = certificate("logs.example");
      const receiver = await listening(createTls({ cert, key }));
      const server = await served({ type: "syslog", host: "127.0.0.1", port: receiver.port, tls: tls(file) });
      const { fields } = await server.log.waitFor(({ message }) => message === "An audit sink does not take records");
      expect(fields["reason"]).toMatch(/altnames|self-signed/);
      expect(receiver.messages()).toEqual([]);
    });

    it("a syslog server that asks for a certificate gets the records of whom it knows, and of nobody else", async () => {
      const { cert, key, file: caFile } = certificate("logs.example");
      const [own, other] = [certificate("sluice.example"), certificate("sluice.example")];
      const receiver = await listening(
        createTls({ cert, key, ca: own.cert, requestCert: true, rejectUnauthorized: true }),
      );
      const syslog = { type: "syslog", host: "127.0.0.1", port: receiver.port } as const;
      const tls = (mine: typeof own) => ({
        caFile,
        serverName: "logs.example",
        certFile: mine.file,
        keyFile: mine.keyFile,
      });
      const stranger = await served({ ...syslog, tls: tls(other) });
      await stranger.log.waitFor(({ message }) => message === "An audit sink does not take records");
      await stranger.close();
      const nobody = await served({ ...syslog, tls: { caFile, serverName: "logs.example" } });
      await nobody.log.waitFor(({ message }) => message === "An audit sink does not take records");
      await nobody.close();
      expect(receiver.messages()).toEqual([]);
      const server = await served({ ...syslog, tls: tls(own) });
      await server.connect();
      await server.close();
      await expect.poll(() => receiver.messages().map(recordOf)).toEqual(recordsIn(server.file));
    });

    it("files that cannot be read are a mistake that is told at the start", async () => {
      const sinks: SinkOptions[] = [
        { type: "syslog", host: "127.0.0.1", port: 1, tls: { caFile: "/nowhere/ca.pem" } },
        { type: "syslog", host: "127.0.0.1", port: 1, tls: { certFile: "/nowhere/cert.pem" } },
        { type: "webhook", url: "https://127.0.0.1/", caFile: "/nowhere/ca.pem" },
      ];
      for (const sink of sinks) await expect(served(sink)).rejects.toThrow(/Audit sink \w+: .*nowhere/);
    });

    it("a webhook with the right name and authority gets the records, and another one nothing", async () => {
      const { cert, key, file: caFile } = certificate("localhost");
      const posted: unknown[] = [];
      const receiver = createHttps({ cert, key }, (request, response) => {
        const pieces: Buffer[] = [];
        request.on("data", (piece: Buffer) => pieces.push(piece));
        request.on("end", () => {
          posted.push(...(JSON.parse(Buffer.concat(pieces).toString()) as unknown[]));
          response.writeHead(204).end();
        });
      });
      await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
      onTestFinished(() => void receiver.close());
      const { port } = receiver.address() as AddressInfo;
      for (const [host, authority] of [
        ["localhost", certificate("localhost").file],
        ["127.0.0.1", caFile],
      ]) {
        const refusing = await served({ type: "webhook", url: `https://${host}:${port}/in`, caFile: authority! });
        const { fields } = await refusing.log.waitFor(
          ({ message }) => message === "An audit sink does not take records",
        );
        expect(fields["reason"]).toMatch(/altnames|self-signed|unable to verify/);
        await refusing.close();
      }
      expect(posted).toEqual([]);
      const server = await served({ type: "webhook", url: `https://localhost:${port}/in`, caFile });
      await server.connect();
      await server.close();
      expect(posted).toEqual(recordsIn(server.file));
    });
  },
);
