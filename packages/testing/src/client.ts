import type { Duplex } from "node:stream";
import type { Attributes, FileSystemStats } from "@sluice/core";
import { Reader, SSH_FXP, v3, Writer, type NameEntry } from "@sluice/core/protocol";
import { doneOf, nameOf, payloadOf } from "./answers.ts";
import { Exchange, type Reply } from "./exchange.ts";
import { packet } from "./packet.ts";
import { put, SftpRequests, type ClientHandle, type ClientPath, type SymlinkOrder } from "./requests.ts";
import { download, upload } from "./transfer.ts";

/** How a client speaks. */
export interface SftpClientOptions {
  /** Requests under way at once; more wait in the client. @default 64 */
  readonly requestsInFlight?: number;
  /** @default "target-first" */
  readonly symlinkOrder?: SymlinkOrder;
}

/** What `limits@openssh.com` tells. 0 means that the server names no limit. */
export interface ServerLimits {
  readonly packetBytes: number;
  readonly readBytes: number;
  readonly writeBytes: number;
  readonly handles: number;
}

/**
 * The client's side of SFTP v3 over a channel: requests run beside each other, each reply finds its own by id. A status other than OK
 * rejects with a `StatusError`; when the channel closes, what is pending rejects.
 *
 * @example
 * const client = await SftpClient.start(channel);
 * await client.writeFile("/hello.txt", Buffer.from("hello\n"));
 */
export class SftpClient extends SftpRequests {
  /** The version that the server chose. */
  readonly version: number;
  /** What the server announced in VERSION: name → data. */
  readonly extensions: ReadonlyMap<string, string>;
  readonly #channel: Duplex;

  private constructor(channel: Duplex, exchange: Exchange, hello: Reader, symlinkOrder: SymlinkOrder) {
    super(exchange, symlinkOrder);
    this.#channel = channel;
    this.version = hello.u32();
    const extensions = new Map<string, string>();
    while (hello.remaining > 0) extensions.set(hello.name(), hello.text());
    this.extensions = extensions;
  }

  /** Sends INIT and waits for VERSION. */
  static async start(channel: Duplex, options: SftpClientOptions = {}): Promise<SftpClient> {
    const exchange = new Exchange(channel, options.requestsInFlight ?? 64);
    exchange.send(packet(SSH_FXP.INIT, (writer) => writer.u32(3)));
    const reply = await exchange.next();
    if (reply[0] !== SSH_FXP.VERSION) throw new Error(`The server answered INIT with a packet of type ${reply[0]}`);
    return new SftpClient(channel, exchange, new Reader(reply, 1), options.symlinkOrder ?? "target-first");
  }

  /** Resolves when the server has ended the session, or the channel is gone. */
  get closed(): Promise<void> {
    return this.exchange.closed;
  }

  /** Says that no more requests come; resolves when the server has ended the session too. */
  async end(): Promise<void> {
    this.#channel.end();
    await this.closed;
  }

  /**
   * Sends bytes as they are and resolves to the next packets that answer no request of this client, each from its type on. Use ids
   * from 0x80000000: this client's own are below.
   *
   * @param replies how many packets to wait for
   */
  async raw(bytes: Uint8Array, replies = 1): Promise<Buffer[]> {
    const packets = Array.from({ length: replies }, () => this.exchange.next());
    this.exchange.send(bytes);
    return Promise.all(packets);
  }

  /** All names in a directory, without `.` and `..` if the server sends them. */
  async list(path: ClientPath): Promise<NameEntry[]> {
    const handle = await this.opendir(path);
    try {
      const all: NameEntry[] = [];
      for (let names = await this.readdir(handle); names !== undefined; names = await this.readdir(handle)) {
        all.push(...names.filter(({ name }) => name !== "." && name !== ".."));
      }
      return all;
    } finally {
      await this.close(handle);
    }
  }

  /** Downloads a file with several reads under way at once. */
  async readFile(path: ClientPath): Promise<Buffer> {
    const handle = await this.open(path, { read: true });
    try {
      return await download(this, handle);
    } finally {
      await this.close(handle);
    }
  }

  /** Uploads a file with several writes under way at once; an existing one is replaced. `data` must not change until then. */
  async writeFile(path: ClientPath, data: Uint8Array | string, attributes: Attributes = {}): Promise<void> {
    const handle = await this.open(path, { write: true, create: true, truncate: true }, attributes);
    try {
      await upload(this, handle, typeof data === "string" ? Buffer.from(data) : data);
    } catch (error) {
      // Why the upload failed says more than how the close of its remains ended.
      await this.close(handle).catch(() => undefined);
      throw error;
    }
    await this.close(handle);
  }

  /** Any extension: resolves to what follows the id of the reply, or to `undefined` for STATUS OK. */
  async extended(name: string, payload: Uint8Array = new Uint8Array(0)): Promise<Buffer | undefined> {
    return payloadOf(await this.#extended(name, (writer) => writer.raw(payload)));
  }

  /** A rename that replaces its target (`posix-rename@openssh.com`). */
  async posixRename(from: ClientPath, to: ClientPath): Promise<void> {
    doneOf(await this.#extended("posix-rename@openssh.com", (writer) => put(put(writer, from), to)));
  }

  /** Sizes of the file system that holds a path (`statvfs@openssh.com`). */
  async statvfs(path: ClientPath): Promise<FileSystemStats> {
    return statsOf(await this.#extended("statvfs@openssh.com", (writer) => put(writer, path)));
  }

  /** Sizes of the file system that holds an open file or directory (`fstatvfs@openssh.com`). */
  async fstatvfs(handle: ClientHandle): Promise<FileSystemStats> {
    return statsOf(await this.#extended("fstatvfs@openssh.com", (writer) => writer.bytes(handle)));
  }

  /** Makes `path` a second name of `existing` (`hardlink@openssh.com`). */
  async hardlink(existing: ClientPath, path: ClientPath): Promise<void> {
    doneOf(await this.#extended("hardlink@openssh.com", (writer) => put(put(writer, existing), path)));
  }

  /** Resolves when what was written is in stable storage (`fsync@openssh.com`). */
  async fsync(handle: ClientHandle): Promise<void> {
    doneOf(await this.#extended("fsync@openssh.com", (writer) => writer.bytes(handle)));
  }

  /** Sets attributes of a symbolic link itself (`lsetstat@openssh.com`). */
  async lsetstat(path: ClientPath, attributes: Attributes): Promise<void> {
    doneOf(await this.#extended("lsetstat@openssh.com", (writer) => v3.writeAttributes(put(writer, path), attributes)));
  }

  /** The server's limits (`limits@openssh.com`). Servers may send larger replies once they have been asked. */
  async limits(): Promise<ServerLimits> {
    const reader = readerOf(await this.#extended("limits@openssh.com"));
    return { packetBytes: reader.u64(), readBytes: reader.u64(), writeBytes: reader.u64(), handles: reader.u64() };
  }

  /** REALPATH that knows `~` (`expand-path@openssh.com`). */
  async expandPath(path: ClientPath): Promise<string> {
    return nameOf(await this.#extended("expand-path@openssh.com", (writer) => put(writer, path)));
  }

  /** Where a user's sessions start; without a name, one's own (`home-directory`). */
  async homeDirectory(username = ""): Promise<string> {
    return nameOf(await this.#extended("home-directory", (writer) => writer.text(username)));
  }

  /** Names of users and groups by number; an unknown one is empty (`users-groups-by-id@openssh.com`). */
  async usersGroupsById(
    uids: readonly number[],
    gids: readonly number[],
  ): Promise<{ readonly users: string[]; readonly groups: string[] }> {
    const reply = await this.#extended("users-groups-by-id@openssh.com", (writer) =>
      writer.bytes(numbers(uids)).bytes(numbers(gids)),
    );
    const reader = readerOf(reply);
    return { users: strings(reader.bytes()), groups: strings(reader.bytes()) };
  }

  /** Copies on the server's side; a length of 0 means to the end of the file (`copy-data`). */
  async copyData(
    from: ClientHandle,
    position: number,
    length: number,
    to: ClientHandle,
    toPosition: number,
  ): Promise<void> {
    const reply = await this.#extended("copy-data", (writer) =>
      writer.bytes(from).u64(position).u64(length).bytes(to).u64(toPosition),
    );
    doneOf(reply);
  }

  #extended(name: string, write: (writer: Writer) => void = () => {}): Promise<Reply> {
    return this.exchange.request(SSH_FXP.EXTENDED, (writer) => write(writer.text(name)));
  }
}

function readerOf(reply: Reply): Reader {
  const payload = payloadOf(reply);
  if (payload === undefined) throw new Error("The server answered with STATUS OK where it owes data");
  return new Reader(payload);
}

/** Eleven numbers in the order of POSIX `struct statvfs` (OpenSSH PROTOCOL, section 4.4). */
function statsOf(reply: Reply): FileSystemStats {
  const reader = readerOf(reply);
  const numbers = {
    blockSize: reader.u64(),
    fragmentSize: reader.u64(),
    blocks: reader.u64(),
    freeBlocks: reader.u64(),
    availableBlocks: reader.u64(),
    files: reader.u64(),
    freeFiles: reader.u64(),
    availableFiles: reader.u64(),
  };
  reader.u64(); // the file system's id
  const readOnlyFlag = 1;
  return { ...numbers, readOnly: (reader.u64() & readOnlyFlag) !== 0, maxNameLength: reader.u64() };
}

function numbers(ids: readonly number[]): Buffer {
  const writer = new Writer(4 * ids.length);
  for (const id of ids) writer.u32(id);
  return writer.finish();
}

function strings(bytes: Buffer): string[] {
  const reader = new Reader(bytes);
  const all: string[] = [];
  while (reader.remaining > 0) all.push(reader.text());
  return all;
}
