import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import {
  SftpError,
  type Attributes,
  type CloseOutcome,
  type FileHandle,
  type OpenFlags,
  type Stats,
} from "@sluice/core";

const magic = Buffer.from("SEALED01");
const headerBytes = magic.length + 16;
const chunkBytes = 65_536;
const nonceBytes = 12;
const tagBytes = 16;
const sealBytes = nonceBytes + tagBytes;
/** A gap is written out as sealed zeros: so much at once, and no more. */
const longestGapBytes = 64 * 1024 * 1024;

const lastChunkOf = (size: number): number => Math.max(0, Math.ceil(size / chunkBytes) - 1);
const storedAt = (chunk: number): number => headerBytes + chunk * (chunkBytes + sealBytes);
const storedSize = (size: number): number => headerBytes + size + (lastChunkOf(size) + 1) * sealBytes;

/** The size that clients know, of a file that takes so many bytes in the storage. */
export function sizeOf(stored: number): number {
  const body = Math.max(0, stored - headerBytes);
  return Math.max(0, body - Math.ceil(body / (chunkBytes + sealBytes)) * sealBytes);
}

/** Lets one at a time work on what has the same name. */
export class Turns {
  readonly #last = new Map<string, Promise<void>>();

  take<T>(name: string, work: () => Promise<T>): Promise<T> {
    const mine = (this.#last.get(name) ?? Promise.resolve()).then(work);
    const done: Promise<void> = mine
      .then(
        () => undefined,
        () => undefined,
      )
      .then(() => {
        if (this.#last.get(name) === done) this.#last.delete(name);
      });
    this.#last.set(name, done);
    return mine;
  }
}

/** An open file whose content is sealed: a header with a random id, then chunks of 64 KiB, each with a nonce and a tag of its own (AES-256-GCM). */
export class SealedFile implements FileHandle {
  readonly #inner: FileHandle;
  readonly #flags: OpenFlags;
  readonly #id: Buffer;
  readonly #key: Buffer;
  readonly #turns: Turns;
  /** What failed half way has torn the file: it must not be taken for a whole one. */
  #failed = false;

  private constructor(inner: FileHandle, flags: OpenFlags, id: Buffer, key: Uint8Array, turns: Turns) {
    this.#inner = inner;
    this.#flags = flags;
    this.#id = id;
    this.#key = Buffer.from(hkdfSync("sha256", key, id, "sealed file", 32));
    this.#turns = turns;
  }

  /** Reads the header, or makes it where the file is new. @throws SftpError `fileCorrupt` for what was not sealed. */
  static async start(inner: FileHandle, flags: OpenFlags, key: Uint8Array, turns: Turns): Promise<SealedFile> {
    const header = Buffer.alloc(headerBytes);
    const there = await inner.read(header, 0);
    if (there === 0 && flags.write && (flags.create || flags.truncate)) {
      Buffer.concat([magic, randomBytes(16)]).copy(header);
      const file = new SealedFile(inner, flags, header.subarray(magic.length), key, turns);
      await inner.write(header, 0);
      await file.#seal(0, Buffer.alloc(0), true);
      return file;
    }
    if (there < headerBytes || !header.subarray(0, magic.length).equals(magic)) throw new SftpError("fileCorrupt");
    return new SealedFile(inner, flags, header.subarray(magic.length), key, turns);
  }

  read(buffer: Uint8Array, position: number): Promise<number> {
    return this.#inTurn(async () => {
      const size = await this.#size();
      const end = Math.min(size, position + buffer.length);
      let done = 0;
      while (position + done < end) {
        const at = position + done;
        const chunk = Math.floor(at / chunkBytes);
        const content = await this.#unseal(chunk, size);
        done += content.copy(buffer, done, at - chunk * chunkBytes, Math.min(content.length, end - chunk * chunkBytes));
      }
      // That here is the end is what the last chunk says; a file that was cut short would only seem to end.
      if (done === 0 && buffer.length > 0) await this.#unseal(lastChunkOf(size), size);
      return done;
    });
  }

  write(data: Uint8Array, position: number): Promise<void> {
    return this.#change(async (size) => {
      if (data.length > 0) await this.#put(data, this.#flags.append ? size : position, size);
    });
  }

  async stat(): Promise<Stats> {
    const stats = await this.#inner.stat();
    return { ...stats, size: sizeOf(stats.size) };
  }

  async setAttributes({ size: wanted, ...others }: Attributes): Promise<void> {
    const set = this.#inner.setAttributes?.bind(this.#inner);
    if (set === undefined) throw new SftpError("unsupported");
    if (wanted !== undefined) {
      await this.#change(async (size) => {
        if (wanted > size) return this.#put(new Uint8Array(0), wanted, size);
        const last = lastChunkOf(wanted);
        const content = await this.#unseal(last, size);
        await set({ size: storedSize(wanted) });
        await this.#seal(last, content.subarray(0, wanted - last * chunkBytes), true);
      });
    }
    await set(others);
  }

  async sync(): Promise<void> {
    if (this.#inner.sync === undefined) throw new SftpError("unsupported");
    await this.#inner.sync();
  }

  async close(outcome: CloseOutcome): Promise<void> {
    await this.#inner.close(this.#failed ? "refused" : outcome);
    if (this.#failed && outcome === "completed") throw new SftpError("failure", "A part of the file was not written");
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    return this.#turns.take(this.#id.toString("hex"), work);
  }

  #change(work: (size: number) => Promise<void>): Promise<void> {
    if (!this.#flags.write) throw new SftpError("permissionDenied", "The file is not open for writing");
    return this.#inTurn(async () => work(await this.#size()));
  }

  async #size(): Promise<number> {
    return sizeOf((await this.#inner.stat()).size);
  }

  /** Seals every chunk that `data` touches anew, and from the old end on what lies between: the chunk that was the last one is it no more. */
  async #put(data: Uint8Array, position: number, size: number): Promise<void> {
    if (position - size > longestGapBytes)
      throw new SftpError("invalidParameter", "The gap before the data is too long");
    const newSize = Math.max(size, position + data.length);
    if (!Number.isSafeInteger(storedSize(newSize))) throw new SftpError("invalidParameter", "File too large");
    const touched = Math.floor(position / chunkBytes);
    const first = newSize > size ? Math.min(touched, lastChunkOf(size)) : touched;
    const last = lastChunkOf(position + data.length);
    for (let chunk = first; chunk <= last; chunk++) {
      const start = chunk * chunkBytes;
      const content = Buffer.alloc(Math.min(chunkBytes, newSize - start));
      if (chunk <= lastChunkOf(size)) (await this.#unseal(chunk, size)).copy(content);
      const from = Math.max(0, start - position);
      if (position < start + chunkBytes)
        content.set(
          data.subarray(from, from + start + chunkBytes - Math.max(start, position)),
          Math.max(0, position - start),
        );
      await this.#seal(chunk, content, chunk === lastChunkOf(newSize));
    }
  }

  async #seal(chunk: number, content: Uint8Array, isLast: boolean): Promise<void> {
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv("aes-256-gcm", this.#key, nonce).setAAD(this.#place(chunk, isLast));
    const sealed = Buffer.concat([nonce, cipher.update(content), cipher.final()]);
    try {
      await this.#inner.write(Buffer.concat([sealed, cipher.getAuthTag()]), storedAt(chunk));
    } catch (error) {
      this.#failed = true;
      throw error;
    }
  }

  async #unseal(chunk: number, size: number): Promise<Buffer> {
    const isLast = chunk === lastChunkOf(size);
    const sealed = Buffer.alloc((isLast ? size - chunk * chunkBytes : chunkBytes) + sealBytes);
    if ((await this.#inner.read(sealed, storedAt(chunk))) < sealed.length) throw new SftpError("fileCorrupt");
    try {
      const decipher = createDecipheriv("aes-256-gcm", this.#key, sealed.subarray(0, nonceBytes), {
        authTagLength: tagBytes,
      });
      decipher.setAAD(this.#place(chunk, isLast)).setAuthTag(sealed.subarray(-tagBytes));
      return Buffer.concat([decipher.update(sealed.subarray(nonceBytes, -tagBytes)), decipher.final()]);
    } catch (error) {
      throw new SftpError("fileCorrupt", undefined, { cause: error });
    }
  }

  /** What a chunk is sealed to: its file, its place, and whether anything follows. */
  #place(chunk: number, isLast: boolean): Buffer {
    const place = Buffer.alloc(9);
    place.writeBigUInt64BE(BigInt(chunk));
    place.writeUInt8(isLast ? 1 : 0, 8);
    return Buffer.concat([this.#id, place]);
  }
}
