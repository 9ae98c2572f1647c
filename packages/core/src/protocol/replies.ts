import type { ErrorStatus } from "../errors.ts";
import type { Codec, NameEntry, WireAttributes } from "./codec.ts";
import { SSH_FX, SSH_FXP } from "./packets.ts";
import { Writer } from "./writer.ts";

/** Bytes in front of the data of a DATA frame: packet length, type, id, data length. */
export const dataHeaderBytes = 13;

/** Makes the frames that answer one request: each is a whole packet with its length in front. */
export class ReplyMaker {
  readonly #codec: Codec;
  readonly #id: number;

  constructor(codec: Codec, id: number) {
    this.#codec = codec;
    this.#id = id;
  }

  #start(type: number, capacity?: number): Writer {
    return new Writer(capacity).u32(0).u8(type).u32(this.#id);
  }

  /** STATUS OK. */
  ok(): Buffer {
    return finish(this.#start(SSH_FXP.STATUS, 32).u32(SSH_FX.OK).text("Success").text(""));
  }

  /** STATUS EOF: no more data, or no more names. */
  eof(): Buffer {
    return finish(this.#start(SSH_FXP.STATUS, 32).u32(SSH_FX.EOF).text("End of file").text(""));
  }

  /** STATUS with an error, in the nearest code that the version knows. */
  error(status: ErrorStatus, message: string): Buffer {
    return finish(this.#start(SSH_FXP.STATUS).u32(this.#codec.statusCode(status)).text(message).text("en"));
  }

  handle(handle: Uint8Array): Buffer {
    return finish(this.#start(SSH_FXP.HANDLE, 64).bytes(handle));
  }

  attributes(attributes: WireAttributes): Buffer {
    const writer = this.#start(SSH_FXP.ATTRS, 128);
    this.#codec.writeAttributes(writer, attributes);
    return finish(writer);
  }

  /** NAME with one or more names. */
  names(entries: readonly NameEntry[]): Buffer {
    const writer = this.#start(SSH_FXP.NAME, 64 + entries.length * 160).u32(entries.length);
    const nowMs = Date.now();
    for (const entry of entries) this.#codec.writeName(writer, entry, nowMs);
    return finish(writer);
  }

  /** EXTENDED_REPLY; `write` writes what follows the id. */
  extended(write: (writer: Writer) => void): Buffer {
    const writer = this.#start(SSH_FXP.EXTENDED_REPLY);
    write(writer);
    return finish(writer);
  }

  /** DATA from bytes that lie elsewhere: one copy. */
  data(bytes: Uint8Array): Buffer {
    const frame = Buffer.allocUnsafe(dataHeaderBytes + bytes.length);
    frame.set(bytes, dataHeaderBytes);
    return this.dataInPlace(frame, bytes.length);
  }

  /** DATA whose bytes were read behind `dataHeaderBytes` of room: no copy. */
  dataInPlace(frame: Buffer, length: number): Buffer {
    frame.writeUInt32BE(length + dataHeaderBytes - 4, 0);
    frame.writeUInt8(SSH_FXP.DATA, 4);
    frame.writeUInt32BE(this.#id, 5);
    frame.writeUInt32BE(length, 9);
    return frame.subarray(0, dataHeaderBytes + length);
  }
}

function finish(writer: Writer): Buffer {
  writer.patchU32(0, writer.length - 4);
  return writer.finish();
}

/** VERSION, with the extensions announced as name and data (draft-ietf-secsh-filexfer-02, section 4). */
export function versionFrame(version: number, extensions: Iterable<readonly [name: string, data: string]>): Buffer {
  const writer = new Writer().u32(0).u8(SSH_FXP.VERSION).u32(version);
  for (const [name, data] of extensions) writer.text(name).text(data);
  return finish(writer);
}
