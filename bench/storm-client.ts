/**
 * A client that keeps many requests in flight, in a process of its own, the same for every server: encryption is left to OpenSSH's `ssh`, and
 * packets are made and read here with next to no work.
 *
 * storm-client.ts <task> <directory> <count> <ssh arguments…>
 *
 * Prints one line: seconds from the first request to the last reply, and CPU seconds of this process and of `ssh` meanwhile, as JSON.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { SSH_FXP, Writer } from "@sluice/core/protocol";
import { cpuSeconds } from "./process.ts";
import { fileBytes, fileName, type StormTask } from "./storm.ts";

const inFlight = 64;

type Answered = (type: number, packet: Buffer) => void;

/** Requests and replies over the channel, without promises: this client must not be what is measured. */
class Exchange {
  readonly #output: Writable;
  readonly #waiting = new Map<number, Answered>();
  #out: Buffer[] = [];
  #rest: Buffer = Buffer.alloc(0);
  #id = 0;

  constructor(input: Readable, output: Writable) {
    this.#output = output;
    input.on("data", (piece: Buffer) => this.#take(piece));
  }

  request(type: number, fields: Buffer, answered: Answered): void {
    const id = type === SSH_FXP.INIT ? 0 : ++this.#id;
    const head = type === SSH_FXP.INIT ? 5 : 9;
    const packet = Buffer.allocUnsafe(head + fields.length);
    packet.writeUInt32BE(packet.length - 4, 0);
    packet[4] = type;
    if (head === 9) packet.writeUInt32BE(id, 5);
    packet.set(fields, head);
    this.#waiting.set(id, answered);
    // What is asked in one turn leaves by one call.
    if (this.#out.push(packet) === 1) process.nextTick(() => this.#flush());
  }

  #flush(): void {
    this.#output.write(Buffer.concat(this.#out));
    this.#out = [];
  }

  #take(piece: Buffer): void {
    const all = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    let at = 0;
    while (all.length - at >= 9) {
      const end = at + 4 + all.readUInt32BE(at);
      if (end > all.length) break;
      const type = all[at + 4] ?? 0;
      const id = type === SSH_FXP.VERSION ? 0 : all.readUInt32BE(at + 5);
      const answered = this.#waiting.get(id);
      this.#waiting.delete(id);
      answered?.(type, all.subarray(at + 9, end));
      at = end;
    }
    this.#rest = all.subarray(at);
  }
}

function expect(type: number, wanted: number, packet: Buffer): void {
  if (type !== wanted || (type === SSH_FXP.STATUS && packet.readUInt32BE(0) !== 0)) {
    throw new Error(`The server answered ${type}, status ${packet.readUInt32BE(0)}`);
  }
}

type OneFile = (exchange: Exchange, path: string, done: () => void) => void;

function opened(exchange: Exchange, path: string, flags: number, then: (handle: Buffer) => void): void {
  exchange.request(SSH_FXP.OPEN, new Writer().text(path).u32(flags).u32(0).finish(), (type, packet) => {
    expect(type, SSH_FXP.HANDLE, packet);
    // The length of a handle stands in front of it there as it does in a request.
    then(Buffer.from(packet));
  });
}

function confirmed(exchange: Exchange, request: number, fields: Buffer, then: () => void): void {
  exchange.request(request, fields, (type, packet) => {
    expect(type, SSH_FXP.STATUS, packet);
    then();
  });
}

const content = Buffer.alloc(fileBytes, "storm");

/** What is done with each file; there is one request under way for each of 64 files. */
const perFile: Readonly<Record<Exclude<StormTask, "list">, OneFile>> = {
  stat(exchange, path, done) {
    exchange.request(SSH_FXP.LSTAT, new Writer().text(path).finish(), (type, packet) => {
      expect(type, SSH_FXP.ATTRS, packet);
      done();
    });
  },
  put(exchange, path, done) {
    // Write, create, truncate.
    opened(exchange, path, 0x1a, (handle) => {
      const write = new Writer(handle.length + fileBytes + 16).raw(handle).u64(0).bytes(content).finish();
      confirmed(exchange, SSH_FXP.WRITE, write, () => confirmed(exchange, SSH_FXP.CLOSE, handle, done));
    });
  },
  get(exchange, path, done) {
    opened(exchange, path, 0x01, (handle) => {
      const read = new Writer().raw(handle).u64(0).u32(32768).finish();
      exchange.request(SSH_FXP.READ, read, (type, packet) => {
        expect(type, SSH_FXP.DATA, packet);
        if (packet.readUInt32BE(0) !== fileBytes) throw new Error("The file is not whole");
        confirmed(exchange, SSH_FXP.CLOSE, handle, done);
      });
    });
  },
  remove(exchange, path, done) {
    confirmed(exchange, SSH_FXP.REMOVE, new Writer().text(path).finish(), done);
  },
};

function allFiles(exchange: Exchange, one: OneFile, directory: string, count: number): Promise<void> {
  return new Promise((resolve) => {
    let begun = 0;
    let left = count;
    const next = (): void => {
      if (begun < count) one(exchange, `${directory}/${fileName(begun++)}`, done);
    };
    const done = (): void => {
      left -= 1;
      if (left === 0) resolve();
      else next();
    };
    for (let i = 0; i < inFlight; i++) next();
  });
}

/** Lists a directory to its end, as clients do: one request at a time. */
function listing(exchange: Exchange, directory: string, count: number): Promise<void> {
  return new Promise((resolve) => {
    exchange.request(SSH_FXP.OPENDIR, new Writer().text(directory).finish(), (type, handle) => {
      expect(type, SSH_FXP.HANDLE, handle);
      const fields = Buffer.from(handle);
      let names = 0;
      const next = (): void =>
        exchange.request(SSH_FXP.READDIR, fields, (reply, packet) => {
          if (reply === SSH_FXP.NAME) {
            names += packet.readUInt32BE(0);
            next();
            return;
          }
          if (names < count) throw new Error(`${names} names of ${count} were listed`);
          confirmed(exchange, SSH_FXP.CLOSE, fields, resolve);
        });
      next();
    });
  });
}

const [task = "", directory = "", count = "", ...ssh] = process.argv.slice(2);
const child = spawn("ssh", ssh, { stdio: ["pipe", "pipe", "inherit"] });
const exchange = new Exchange(child.stdout, child.stdin);
const started = new Promise<void>((resolve) => {
  exchange.request(SSH_FXP.INIT, new Writer().u32(3).finish(), () => resolve());
});
const gone = once(child, "exit");
const failed = gone.then(() => Promise.reject(new Error("ssh ended")));
failed.catch(() => undefined);
await Promise.race([started, failed]);
const cpuOf = (): number => cpuSeconds(process.pid) + cpuSeconds(child.pid ?? 0);
const cpuBefore = cpuOf();
const start = performance.now();
const work =
  task === "list"
    ? listing(exchange, directory, Number(count))
    : allFiles(exchange, perFile[task as keyof typeof perFile], directory, Number(count));
await Promise.race([work, failed]);
const seconds = (performance.now() - start) / 1000;
process.stdout.write(`${JSON.stringify({ seconds, clientSeconds: cpuOf() - cpuBefore })}\n`);
child.stdin.end();
await gone;
