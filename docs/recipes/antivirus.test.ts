import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { localFiles } from "@sluice/fs-local";
import { startTestServer, type SftpClient, type TestServer } from "@sluice/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { antivirus } from "./antivirus.ts";

/** The test file of EICAR, in two parts: no scanner should find it here. */
const eicar = ["X5O!P%@AP[4\\PZX54(P^)7CC)7}$", "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"].join("");
const infected = Buffer.concat([Buffer.alloc(300_000, "a"), Buffer.from(eicar), Buffer.alloc(300_000, "b")]);

let base: string;
let root: string;
let closing: (() => unknown)[] = [];
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "sluice-antivirus-"));
  root = join(base, "root");
  mkdirSync(root);
  closing = [() => rmSync(base, { recursive: true })];
});
afterEach(async () => {
  for (const close of closing.reverse()) await close();
});

/** Speaks INSTREAM as clamd does. `answer` may say something else, or nothing for ever. */
async function fakeClamd(answer = verdictOf): Promise<string> {
  const path = join(base, "clamd.sock");
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on("error", () => undefined).on("close", () => sockets.delete(socket)));
    let received = Buffer.alloc(0);
    socket.on("data", (piece: Buffer) => {
      received = Buffer.concat([received, piece]);
      const content = contentOf(received);
      if (content === undefined) return;
      const reply = answer(content);
      if (reply !== undefined) socket.end(reply);
    });
  }).listen(path);
  await once(server, "listening");
  closing.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return path;
}

function verdictOf(content: Buffer): string | undefined {
  return content.includes(eicar) ? "stream: Eicar-Test-Signature FOUND\0" : "stream: OK\0";
}

/** What was streamed, once it has ended. */
function contentOf(received: Buffer): Buffer | undefined {
  const command = "zINSTREAM\0";
  const chunks: Buffer[] = [];
  for (let at = command.length; at + 4 <= received.length;) {
    const length = received.readUInt32BE(at);
    if (length === 0) {
      expect(received.subarray(0, command.length).toString()).toBe(command);
      return Buffer.concat(chunks);
    }
    chunks.push(received.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return undefined;
}

type Options = Partial<Parameters<typeof antivirus>[0]> & { readonly keepPartial?: boolean };
async function start(
  path: string,
  { keepPartial, ...options }: Options = {},
): Promise<TestServer & { client: SftpClient; cut(): void }> {
  const server = await startTestServer({
    fs: localFiles({ root, keepPartial }),
    plugins: [antivirus({ clamd: { path }, ...options })],
  });
  closing.push(() => server.close());
  const connection = await server.connect();
  return { ...server, cut: connection.cut, client: await connection.sftp() };
}

/** Nothing is left, neither under its name nor beside it. */
function namesOnDisk(): string[] {
  return readdirSync(root).sort();
}

async function acceptsAndRefuses(client: SftpClient): Promise<void> {
  await client.writeFile("/clean.bin", Buffer.alloc(700_000, "c"));
  await client.writeFile("/empty", "");
  await expect(client.writeFile("/bad.bin", infected)).rejects.toThrow("infected");
  await expect(client.writeFile("/clean.bin", infected)).rejects.toThrow("infected");
  expect(namesOnDisk()).toEqual(["clean.bin", "empty"]);
  expect((await client.readFile("/clean.bin")).equals(Buffer.alloc(700_000, "c"))).toBe(true);
}

test("a clean upload is kept; an infected one is dropped, and what it would have replaced stays", async () => {
  const { client, log } = await start(await fakeClamd());
  await acceptsAndRefuses(client);
  expect(log.text()).toContain("Eicar-Test-Signature");
});

test.each([
  ["an error", "INSTREAM size limit exceeded. ERROR\0"],
  ["nonsense", "stream: KO\0"],
  ["a verdict on something else", "other: OK\0"],
  ["nothing", ""],
  ["half an answer", "stream: OK"],
  ["too much", "x".repeat(10_000)],
])("where clamd answers %s, the upload is refused", async (_, reply) => {
  const { client } = await start(await fakeClamd(() => reply));
  await expect(client.writeFile("/file", "clean")).rejects.toThrow("does not answer");
  expect(namesOnDisk()).toEqual([]);
});

test("where clamd is away, or says nothing in time, the upload is refused", async () => {
  const { client } = await start(join(base, "nobody.sock"));
  await expect(client.writeFile("/file", "clean")).rejects.toThrow("does not answer");
  const mute = await start(await fakeClamd(() => undefined), { timeoutMs: 50 });
  await expect(mute.client.writeFile("/file", "clean")).rejects.toThrow("does not answer");
  expect(namesOnDisk()).toEqual([]);
});

test("what is larger than the scanner takes is refused", async () => {
  const { client } = await start(await fakeClamd(), { maxBytes: 1000 });
  await client.writeFile("/fits", Buffer.alloc(1000));
  await expect(client.writeFile("/large", Buffer.alloc(1001))).rejects.toThrow("too large");
  expect(namesOnDisk()).toEqual(["fits"]);
});

test("no upload gets a name without a verdict: not by a rename, a link, a cut or a change in place", async () => {
  const { client, connect, cut, idle } = await start(await fakeClamd(), { keepPartial: true });
  const handle = await client.open("/bad", { write: true, create: true });
  await client.write(handle, 0, Buffer.from(eicar));
  await expect(client.rename("/bad", "/good")).rejects.toThrow("Close the uploads first");
  await expect(client.hardlink("/bad", "/good")).rejects.toThrow("Close the uploads first");
  // Sent together: the close is on its way when the rename is judged.
  const [renamed, closed] = await Promise.allSettled([client.rename("/bad", "/good"), client.close(handle)]);
  expect([renamed.status, closed.status]).toEqual(["rejected", "rejected"]);
  expect(namesOnDisk()).toEqual([]);

  await client.writeFile("/clean", "clean");
  await expect(client.open("/clean", { write: true })).rejects.toThrow("upload them whole");
  await expect(client.open("/clean", { write: true, append: true, create: true })).rejects.toThrow("exists");
  await client.rename("/clean", "/renamed");

  const connection = await connect();
  const vanishing = await connection.sftp();
  await vanishing.write(await vanishing.open("/cut", { write: true, create: true }), 0, Buffer.from("half of i"));
  connection.cut();
  cut();
  await idle();
  expect(namesOnDisk()).toEqual(["renamed"]);
});

const clamd = ["/usr/sbin/clamd", "/usr/bin/clamd"].find((path) => existsSync(path));
describe.skipIf(clamd === undefined)("with clamd itself (Debian: clamav-daemon)", () => {
  /** With one signature, so that it is up at once, and needs nothing that has to be fetched. */
  async function realClamd(): Promise<string> {
    const [database, path, config] = ["db", "clamd.sock", "clamd.conf"].map((name) => join(base, name)) as [
      string,
      string,
      string,
    ];
    mkdirSync(database);
    writeFileSync(join(database, "test.ndb"), `Sluice.Test:0:*:${Buffer.from(eicar).toString("hex")}\n`);
    const { username } = userInfo();
    writeFileSync(
      config,
      [
        `DatabaseDirectory ${database}`,
        `LocalSocket ${path}`,
        "Foreground yes",
        `User ${username}`,
        "StreamMaxLength 1M",
      ].join("\n"),
    );
    const daemon = spawn(clamd ?? "", [`--config-file=${config}`], { stdio: "ignore" });
    const ended = once(daemon, "exit");
    closing.push(async () => {
      daemon.kill("SIGKILL");
      await ended;
    });
    for (let tries = 0; !existsSync(path) && daemon.exitCode === null && tries < 400; tries++) await setTimeout(25);
    return path;
  }

  test("its verdicts are understood", async () => {
    expect(execFileSync(clamd ?? "", ["--version"]).toString()).toContain("ClamAV");
    const { client, log } = await start(await realClamd());
    await acceptsAndRefuses(client);
    expect(log.text()).toContain("Sluice.Test");
    // More than it was told to take, and less than the plugin was.
    await expect(client.writeFile("/large", Buffer.alloc(5_000_000))).rejects.toThrow("does not answer");
    await client.writeFile("/after", "clean");
    expect(namesOnDisk()).toEqual(["after", "clean.bin", "empty"]);
  });
});
