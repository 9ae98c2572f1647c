import type { Attributes, OpenFlags } from "../filesystem.ts";
import type { Codec, WireAttributes } from "./codec.ts";
import { SSH_FXP } from "./packets.ts";
import type { Reader } from "./reader.ts";

/** A request as it stands in its packet: paths as text, handles as the bytes that the server gave out. */
export type WireRequest =
  | { readonly is: "open"; readonly path: string; readonly flags: OpenFlags; readonly attributes: Attributes }
  | { readonly is: "close"; readonly handle: Buffer }
  | { readonly is: "read"; readonly handle: Buffer; readonly position: number; readonly length: number }
  | { readonly is: "write"; readonly handle: Buffer; readonly position: number; readonly data: Buffer }
  | { readonly is: "stat"; readonly path: string; readonly follow: boolean }
  | { readonly is: "fstat"; readonly handle: Buffer }
  | { readonly is: "setstat"; readonly path: string; readonly attributes: Attributes }
  | { readonly is: "fsetstat"; readonly handle: Buffer; readonly attributes: Attributes }
  | { readonly is: "opendir"; readonly path: string }
  | { readonly is: "readdir"; readonly handle: Buffer }
  | { readonly is: "remove"; readonly path: string }
  | { readonly is: "mkdir"; readonly path: string; readonly attributes: Attributes }
  | { readonly is: "rmdir"; readonly path: string }
  | { readonly is: "realpath"; readonly path: string }
  | { readonly is: "rename"; readonly from: string; readonly to: string; readonly overwrite: boolean }
  | { readonly is: "readlink"; readonly path: string }
  /** In the order of the wire: which of the two is the link depends on the client. */
  | { readonly is: "symlink"; readonly first: string; readonly second: string }
  | { readonly is: "extended"; readonly name: string; readonly fields: Reader }
  | { readonly is: "unknown"; readonly type: number };

/**
 * Reads the fields behind a request's id. Bytes behind the last field are ignored, as OpenSSH does: rclone sends some.
 *
 * @throws BadPacket where the packet is shorter than its fields, OutOfRange for an offset or size over 2^53 - 1.
 */
export function readRequest(type: number, reader: Reader, codec: Codec): WireRequest {
  switch (type) {
    case SSH_FXP.OPEN: {
      const path = reader.text();
      const { flags, attributes } = codec.readOpen(reader);
      return { is: "open", path, flags, attributes: settable(attributes) };
    }
    case SSH_FXP.CLOSE:
      return { is: "close", handle: reader.bytes() };
    case SSH_FXP.READ:
      return { is: "read", handle: reader.bytes(), position: reader.u64(), length: reader.u32() };
    case SSH_FXP.WRITE:
      return { is: "write", handle: reader.bytes(), position: reader.u64(), data: reader.bytes() };
    case SSH_FXP.LSTAT:
      return { is: "stat", path: reader.text(), follow: false };
    case SSH_FXP.STAT:
      return { is: "stat", path: reader.text(), follow: true };
    case SSH_FXP.FSTAT:
      return { is: "fstat", handle: reader.bytes() };
    case SSH_FXP.SETSTAT:
      return { is: "setstat", path: reader.text(), attributes: settable(codec.readAttributes(reader)) };
    case SSH_FXP.FSETSTAT:
      return { is: "fsetstat", handle: reader.bytes(), attributes: settable(codec.readAttributes(reader)) };
    case SSH_FXP.OPENDIR:
      return { is: "opendir", path: reader.text() };
    case SSH_FXP.READDIR:
      return { is: "readdir", handle: reader.bytes() };
    case SSH_FXP.REMOVE:
      return { is: "remove", path: reader.text() };
    case SSH_FXP.MKDIR:
      return { is: "mkdir", path: reader.text(), attributes: settable(codec.readAttributes(reader)) };
    case SSH_FXP.RMDIR:
      return { is: "rmdir", path: reader.text() };
    case SSH_FXP.REALPATH:
      return { is: "realpath", path: reader.text() };
    case SSH_FXP.RENAME: {
      const from = reader.text();
      const to = reader.text();
      return { is: "rename", from, to, overwrite: codec.readRenameOverwrite(reader) };
    }
    case SSH_FXP.READLINK:
      return { is: "readlink", path: reader.text() };
    case SSH_FXP.SYMLINK:
      return { is: "symlink", first: reader.text(), second: reader.text() };
    case SSH_FXP.EXTENDED:
      return { is: "extended", name: reader.name(), fields: reader };
    default:
      return { is: "unknown", type };
  }
}

/** Attributes without what only a server tells: v3 carries the type in the permissions word, and clients send it along. */
export function settable({ type: _type, linkCount: _linkCount, ...attributes }: WireAttributes): Attributes {
  return attributes;
}
