import type { Attributes, OpenFlags } from "@sluice/core";
import { SSH_FXP, v3, type NameEntry, type WireAttributes, type Writer } from "@sluice/core/protocol";
import { attributesOf, dataOf, doneOf, handleOf, nameOf, namesOf } from "./answers.ts";
import type { Exchange, Reply } from "./exchange.ts";

/** A path as a client gives it: text, byte-preserving as in `SftpPath`, or the bytes themselves. */
export type ClientPath = string | Uint8Array;

/** What the server gave out for an open file or directory. */
export type ClientHandle = Uint8Array;

/** Which of SYMLINK's paths is sent first: OpenSSH's client sends the target, the draft says the link. */
export type SymlinkOrder = "target-first" | "link-first";

const noFlags: OpenFlags = {
  read: false,
  write: false,
  append: false,
  create: false,
  truncate: false,
  exclusive: false,
};

/** The requests of draft-ietf-secsh-filexfer-02, one method each. A status other than OK rejects with a `StatusError`. */
export class SftpRequests {
  protected readonly exchange: Exchange;
  readonly #symlinkOrder: SymlinkOrder;

  constructor(exchange: Exchange, symlinkOrder: SymlinkOrder) {
    this.exchange = exchange;
    this.#symlinkOrder = symlinkOrder;
  }

  /** Opens a file, for reading where no flags are given. `attributes` are of the file to make. */
  async open(
    path: ClientPath,
    flags: Partial<OpenFlags> = { read: true },
    attributes: Attributes = {},
  ): Promise<ClientHandle> {
    const reply = await this.#request(SSH_FXP.OPEN, (writer) => {
      v3.writeOpen(put(writer, path), { ...noFlags, ...flags }, attributes);
    });
    return handleOf(reply);
  }

  async close(handle: ClientHandle): Promise<void> {
    doneOf(await this.#request(SSH_FXP.CLOSE, (writer) => writer.bytes(handle)));
  }

  /** Resolves to what is there, which may be less than was asked for; `undefined` at end of file. */
  async read(handle: ClientHandle, position: number, length: number): Promise<Uint8Array | undefined> {
    const data = dataOf(await this.#request(SSH_FXP.READ, (writer) => writer.bytes(handle).u64(position).u32(length)));
    if (data !== undefined && data.length > length) throw new Error("The server sent more data than was asked for");
    return data;
  }

  /** `data` must not change until the promise settles. */
  async write(handle: ClientHandle, position: number, data: Uint8Array): Promise<void> {
    doneOf(await this.#request(SSH_FXP.WRITE, (writer) => writer.bytes(handle).u64(position).bytes(data)));
  }

  /** Follows symbolic links. */
  async stat(path: ClientPath): Promise<WireAttributes> {
    return attributesOf(await this.#request(SSH_FXP.STAT, (writer) => put(writer, path)));
  }

  /** Of a symbolic link itself. */
  async lstat(path: ClientPath): Promise<WireAttributes> {
    return attributesOf(await this.#request(SSH_FXP.LSTAT, (writer) => put(writer, path)));
  }

  async fstat(handle: ClientHandle): Promise<WireAttributes> {
    return attributesOf(await this.#request(SSH_FXP.FSTAT, (writer) => writer.bytes(handle)));
  }

  async setstat(path: ClientPath, attributes: Attributes): Promise<void> {
    doneOf(await this.#request(SSH_FXP.SETSTAT, (writer) => v3.writeAttributes(put(writer, path), attributes)));
  }

  async fsetstat(handle: ClientHandle, attributes: Attributes): Promise<void> {
    doneOf(await this.#request(SSH_FXP.FSETSTAT, (writer) => v3.writeAttributes(writer.bytes(handle), attributes)));
  }

  async opendir(path: ClientPath): Promise<ClientHandle> {
    return handleOf(await this.#request(SSH_FXP.OPENDIR, (writer) => put(writer, path)));
  }

  /** Resolves to the next names; `undefined` when there are no more. */
  async readdir(handle: ClientHandle): Promise<NameEntry[] | undefined> {
    return namesOf(await this.#request(SSH_FXP.READDIR, (writer) => writer.bytes(handle)));
  }

  async remove(path: ClientPath): Promise<void> {
    doneOf(await this.#request(SSH_FXP.REMOVE, (writer) => put(writer, path)));
  }

  async mkdir(path: ClientPath, attributes: Attributes = {}): Promise<void> {
    doneOf(await this.#request(SSH_FXP.MKDIR, (writer) => v3.writeAttributes(put(writer, path), attributes)));
  }

  async rmdir(path: ClientPath): Promise<void> {
    doneOf(await this.#request(SSH_FXP.RMDIR, (writer) => put(writer, path)));
  }

  async realpath(path: ClientPath): Promise<string> {
    return nameOf(await this.#request(SSH_FXP.REALPATH, (writer) => put(writer, path)));
  }

  /** Never replaces: for that there is `posixRename`. */
  async rename(from: ClientPath, to: ClientPath): Promise<void> {
    doneOf(await this.#request(SSH_FXP.RENAME, (writer) => put(put(writer, from), to)));
  }

  async readlink(path: ClientPath): Promise<string> {
    return nameOf(await this.#request(SSH_FXP.READLINK, (writer) => put(writer, path)));
  }

  /** Makes the link `path` that points to `target`; on the wire in the order that this client was given. */
  async symlink(path: ClientPath, target: ClientPath): Promise<void> {
    const [first, second] = this.#symlinkOrder === "target-first" ? [target, path] : [path, target];
    doneOf(await this.#request(SSH_FXP.SYMLINK, (writer) => put(put(writer, first), second)));
  }

  #request(type: number, write: (writer: Writer) => void): Promise<Reply> {
    return this.exchange.request(type, write);
  }
}

/** Writes a path. */
export function put(writer: Writer, path: ClientPath): Writer {
  return typeof path === "string" ? writer.text(path) : writer.bytes(path);
}
