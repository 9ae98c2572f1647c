import assert from "node:assert/strict";
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { generateHostKey, type ServerOptions } from "@sluice/core";
import type { CanaryReport } from "./canary.ts";
import { account, Peer, within, type PeerOptions } from "./peer.ts";

const mebibyte = 1024 * 1024;
/** What may stay live: the server keeps 8 MiB of buffers for the next transfer. */
const keptBytes = 12 * mebibyte;
/** Whether the server under attack is to run without ssh2's native addon, as it does where no compiler was at hand. */
const withoutAddon = process.env["SLUICE_WITHOUT_ADDON"] === "1";
/** What may stay resident: V8 lets 64 MiB of buffers come together before it collects, and the allocator does not give everything back, or nothing of what an attack may take. What is live tells of leaks. */
const residentBytes = 96 * mebibyte;
/** What the 99th percentile of the canary's waits may be, beside as many times what a server that nobody attacks made it wait in the same moments. */
const canaryMs = 250;
const canaryTimes = 3;
/** How long the server may take to give back what an attack made it take. */
const settleMs = 30_000;
const forbidden = /unhandledRejection|uncaughtException|MaxListenersExceeded|closed by GC|on garbage collection/i;
/** Control characters, line separators and what changes the direction of text. */
const unprintable = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;
const maxFieldLength = 1024;

export interface TargetOptions extends Pick<
  ServerOptions,
  "limits" | "penalties" | "maxStartups" | "rekey" | "banner"
> {
  /** Keys that log in: user name → blob. */
  readonly keys?: Readonly<Record<string, Uint8Array>>;
  /** Whether each session has files of its own. @default false */
  readonly ownFiles?: boolean;
}

/** What an attack may cost the server. */
export interface Bounds {
  /** Resident memory during the attack, above what was there before. @default 64 MiB */
  readonly growth?: number;
  /** Connections that have to be told of in the log; 0 where they are refused before they are one. @default 1 */
  readonly connections?: number;
}

/** A line of the server's log. */
export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly connection?: string;
  readonly reason?: string;
  readonly [field: string]: unknown;
}

interface Usage {
  /** Bytes of live objects, after a collection. */
  readonly live: number;
  readonly rss: number;
  readonly connections: number;
  readonly delayed: number;
}

/** A server to attack, and an honest client that must not notice. */
export class Target {
  readonly port: number;
  readonly #lines: string[] = [];
  readonly #records: LogLine[] = [];
  readonly #server: ChildProcess;
  readonly #canary: ChildProcess;
  readonly #echo: ChildProcess;
  readonly #directory: string;
  readonly #pid: number;
  /** Rejects when the server ends. */
  readonly #died: Promise<never>;
  readonly #peers = new Set<Peer>();
  /** The log: a file, since whoever reads a pipe late holds up the server that writes to it. */
  readonly #log: number;
  readonly #piece: Buffer = Buffer.alloc(256 * 1024);
  #partial: Buffer = Buffer.alloc(0);
  #errors = "";
  #logRead = 0;
  #asked = 0;
  /** What the attack before has left. */
  #last: Usage | undefined;

  private constructor(
    { server, canary, echo }: Record<"server" | "canary" | "echo", ChildProcess>,
    port: number,
    directory: string,
    log: number,
  ) {
    this.#server = server;
    this.#canary = canary;
    this.#echo = echo;
    this.port = port;
    this.#directory = directory;
    this.#log = log;
    this.#pid = server.pid ?? 0;
    this.#died = once(server, "exit").then(() => {
      throw new Error(`The server has ended:\n${this.#errors}`);
    });
    this.#died.catch(() => {});
    server.stderr?.setEncoding("utf8").on("data", (text: string) => (this.#errors += text));
  }

  static async start(options: TargetOptions = {}): Promise<Target> {
    const directory = await mkdtemp(path.join(tmpdir(), "sluice-attack-"));
    const hostKeyFile = path.join(directory, "host_ed25519");
    await writeFile(hostKeyFile, generateHostKey().privateKey, { mode: 0o600 });
    const keys = Object.entries(options.keys ?? {}).map(([user, blob]) => [user, Buffer.from(blob).toString("base64")]);
    const setup = { hostKeyFile, ...account, ...options, keys: Object.fromEntries(keys) };
    const log = openSync(path.join(directory, "log"), "w+");
    const server = program("target.ts", [JSON.stringify(setup)], log);
    const { port, addon } = await firstMessage<{ port: number; addon: boolean }>(server, "The server did not start");
    assert.equal(addon, !withoutAddon, "ssh2's addon is there, unless it is disabled");
    const echo = fork(fileURLToPath(new URL("echo.mjs", import.meta.url)), [], { execArgv: [] });
    const { port: echoPort } = await firstMessage<{ port: number }>(echo, "The server to compare with did not start");
    const { username, password } = account;
    const canary = program(
      "canary.ts",
      [String(port), username, password, String(server.pid), String(echoPort)],
      "ignore",
    );
    const target = new Target({ server, canary, echo }, port, directory, log);
    await firstMessage(canary, "The canary did not log in");
    await target.#warmUp();
    return target;
  }

  /** The log so far, as it was written. */
  get lines(): readonly string[] {
    this.#readLog();
    return this.#lines;
  }

  /** The log so far, parsed. */
  get records(): readonly LogLine[] {
    this.#readLog();
    return this.#records;
  }

  #readLog(): void {
    for (;;) {
      const length = readSync(this.#log, this.#piece, 0, this.#piece.length, this.#logRead);
      if (length === 0) return;
      this.#logRead += length;
      const bytes = Buffer.concat([this.#partial, this.#piece.subarray(0, length)]);
      const end = bytes.lastIndexOf("\n") + 1;
      this.#partial = bytes.subarray(end);
      const lines = bytes.toString("utf8", 0, end).split("\n").slice(0, -1);
      this.#lines.push(...lines);
      this.#records.push(...lines.map((line) => JSON.parse(line) as LogLine));
    }
  }

  /** A peer that is closed at the end of the attack. */
  async peer(options: Omit<PeerOptions, "port"> = {}): Promise<Peer> {
    const peer = await Peer.connect({ ...options, port: this.port });
    this.#peers.add(peer);
    return peer;
  }

  /** Lets the logins of user `slow` go on. */
  async release(): Promise<void> {
    await this.#ask("release");
  }

  /** How many of them are waiting. */
  async waiting(): Promise<number> {
    return (await this.#usage()).delayed;
  }

  /** The parsed lines of one peer's connection. */
  linesOf(peer: Peer): LogLine[] {
    const begun = this.records.findLast((line) => line.msg === "Connected" && line["port"] === peer.localPort);
    return begun === undefined ? [] : this.records.filter((line) => line.connection === begun.connection);
  }

  /** The reason with which the log tells that a peer's connection ended; waits for it. */
  async reasonOf(peer: Peer): Promise<string> {
    const line = await this.waitFor(() => this.linesOf(peer).find(({ msg }) => msg === "Disconnected"));
    return line.reason ?? "";
  }

  /** Resolves to the first answer of `look` that is not undefined. @throws Error after 15 s */
  async waitFor<T>(look: () => T | undefined | Promise<T | undefined>): Promise<T> {
    const deadline = Date.now() + 15_000;
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      if (Date.now() > deadline) throw new Error(`It did not come in time; the log ends with\n${this.#tail()}`);
      await sleep(20);
    }
  }

  /** Runs an attack, and holds that nothing of it is left and that nobody else was hurt. */
  async attack(act: () => Promise<void>, bounds: Bounds = {}): Promise<void> {
    const before = this.#last ?? (await this.#usage());
    this.#last = undefined;
    const filesBefore = this.files;
    const firstLine = this.lines.length;
    let highest = before.rss;
    const sampler = setInterval(() => (highest = Math.max(highest, this.#rss())), 50);
    try {
      await act();
      const { failures, p99Ms, baselineMs } = await this.#canaryReport();
      assert.deepEqual(failures, [], "The canary must not fail");
      const waits = `The canary waited ${p99Ms.toFixed()} ms, and ${baselineMs.toFixed()} ms for a server that nobody attacks`;
      assert.ok(p99Ms <= canaryMs + canaryTimes * baselineMs, waits);
    } finally {
      clearInterval(sampler);
      for (const peer of this.#peers) peer.close();
      this.#peers.clear();
    }
    const growth = highest - before.rss;
    assert.ok(growth < (bounds.growth ?? 64 * mebibyte), `The memory grew by ${growth} bytes during the attack`);
    this.#last = await this.#settled(before, filesBefore, Math.max(residentBytes, bounds.growth ?? 0));
    this.#checkLog(firstLine, bounds.connections ?? 1);
  }

  async stop(): Promise<void> {
    for (const child of [this.#canary, this.#echo, this.#server]) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    }
    closeSync(this.#log);
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** Whether it is the process that was started. */
  get alive(): boolean {
    return this.#server.exitCode === null && this.#server.signalCode === null;
  }

  async #warmUp(): Promise<void> {
    for (let i = 0; i < 10; i++) (await this.peer({ from: "127.0.0.249" })).close();
    this.#peers.clear();
    await this.waitFor(async () => ((await this.#usage()).connections === 1 ? true : undefined));
  }

  async #settled(before: Usage, filesBefore: number, resident: number): Promise<Usage> {
    const deadline = Date.now() + settleMs;
    for (;;) {
      const usage = await this.#usage();
      const { live, rss, connections } = usage;
      const files = this.files;
      const state = {
        connections,
        files: Math.max(files, filesBefore),
        live: live - before.live < keptBytes ? "as before" : live - before.live,
        rss: rss - before.rss < resident ? "as before" : rss - before.rss,
        open: this.#openConnections(),
      };
      const wanted = { connections: 1, files: filesBefore, live: "as before", rss: "as before", open: 1 };
      if (JSON.stringify(state) === JSON.stringify(wanted)) return usage;
      if (Date.now() > deadline) assert.deepEqual(state, wanted, "Something of the attack is left");
      await sleep(100);
    }
  }

  /** Connections that the log has told the beginning of and not the end. */
  #openConnections(): number {
    const ends = this.records;
    return (
      ends.filter(({ msg }) => msg === "Connected").length - ends.filter(({ msg }) => msg === "Disconnected").length
    );
  }

  #checkLog(firstLine: number, connections: number): void {
    assert.ok(this.alive, "The server must live");
    assert.equal(this.#errors, "", "Nothing goes to standard error");
    const lines = this.lines.slice(firstLine);
    const records = this.records.slice(firstLine);
    const bad = (found: (line: string, i: number) => boolean): string[] => lines.filter(found).map(short);
    assert.deepEqual(
      bad((line) => forbidden.test(line)),
      [],
      "The log must not tell of faults",
    );
    assert.deepEqual(
      bad((line) => unprintable.test(line)),
      [],
      "The log must be printable",
    );
    assert.deepEqual(
      bad((_line, i) => hasLongField(records[i]!)),
      [],
      "Fields of the log are short",
    );
    assert.deepEqual(
      bad((_line, i) => records[i]!.level >= 50),
      [],
      "A client's fault is no error of the server",
    );
    const ended = records.filter(({ msg }) => msg === "Disconnected");
    const ids = new Set(ended.map(({ connection }) => connection));
    assert.equal(ended.length, ids.size, "There is one record for each connection");
    assert.ok(
      ended.every(({ reason }) => typeof reason === "string" && reason !== ""),
      "Each record has a reason",
    );
    assert.ok(ids.size >= connections, `${connections} connections belong in the log, there are ${ids.size}`);
  }

  async #canaryReport(): Promise<CanaryReport> {
    const report = firstMessage<CanaryReport>(this.#canary, `The canary is silent; the log ends with\n${this.#tail()}`);
    this.#canary.send("report");
    return report;
  }

  #usage(): Promise<Usage> {
    return this.#ask("memory");
  }

  async #ask(ask: "memory" | "release"): Promise<Usage> {
    const id = ++this.#asked;
    const answered = new Promise<Usage>((resolve) => {
      const listen = (message: { readonly id?: number; readonly answer?: Usage }): void => {
        if (message.id !== id || message.answer === undefined) return;
        this.#server.off("message", listen);
        resolve(message.answer);
      };
      this.#server.on("message", listen);
    });
    if (!this.alive) throw new Error(`The server has ended:\n${this.#errors}`);
    this.#server.send({ id, ask });
    return within(Promise.race([answered, this.#died]), 30_000, "The server does not answer");
  }

  /** Open descriptors of the server. */
  get files(): number {
    return readdirSync(`/proc/${this.#pid}/fd`).length;
  }

  #rss(): number {
    try {
      return Number(readFileSync(`/proc/${this.#pid}/statm`, "utf8").split(" ")[1]) * 4096;
    } catch {
      return 0;
    }
  }

  #tail(): string {
    return [...this.lines.slice(-10), this.#errors].map(short).join("\n");
  }
}

function program(file: string, args: readonly string[], output: number | "ignore"): ChildProcess {
  const disabled = withoutAddon ? ["--require", fileURLToPath(new URL("without-addon.cjs", import.meta.url))] : [];
  return fork(fileURLToPath(new URL(file, import.meta.url)), args, {
    execArgv: ["--expose-gc", "--conditions=@sluice/source", ...disabled, "--import", "tsx"],
    stdio: ["ignore", output, file === "canary.ts" ? "inherit" : "pipe", "ipc"],
  });
}

async function firstMessage<T>(child: ChildProcess, problem: string): Promise<T> {
  const [message] = (await within(once(child, "message"), 30_000, problem)) as [T];
  return message;
}

function short(line: string): string {
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
}

function hasLongField(record: LogLine): boolean {
  return Object.values(record).some((value) => typeof value === "string" && value.length > maxFieldLength);
}
