import { statusCodes, type ErrorStatus } from "../errors.ts";
import type { FileType, OpenFlags } from "../filesystem.ts";
import type { Codec, NameEntry, WireAttributes } from "./codec.ts";
import { columns } from "./longname.ts";
import { SSH_FILEXFER_ATTR as ATTR, SSH_FXF } from "./packets.ts";
import { BadPacket, type Reader } from "./reader.ts";
import { printable } from "./text.ts";
import type { Writer } from "./writer.ts";

/** Type bits of the permissions word (POSIX `st_mode`): in v3 a file's type travels there. */
const typeBits: Readonly<Record<FileType, number>> = {
  fifo: 0o010000,
  characterDevice: 0o020000,
  directory: 0o040000,
  blockDevice: 0o060000,
  file: 0o100000,
  symlink: 0o120000,
  socket: 0o140000,
  special: 0,
  unknown: 0,
};
const typeOfBits = new Map<number, FileType>();
for (const [type, bits] of Object.entries(typeBits)) if (bits !== 0) typeOfBits.set(bits, type as FileType);

const space = 0x20;

/** Nearest v3 codes where the v6 one is unknown; the others become FAILURE. The message stays precise. */
const nearest: Partial<Record<ErrorStatus, number>> = {
  noSuchPath: statusCodes.noSuchFile,
  notADirectory: statusCodes.noSuchFile,
  writeProtect: statusCodes.permissionDenied,
};

/** draft-ietf-secsh-filexfer-02, which OpenSSH and most clients speak. */
export const v3: Codec = {
  version: 3,
  readAttributes,
  writeAttributes,
  readOpen,
  writeOpen,
  readRenameOverwrite,
  readName,
  writeName,
  statusCode,
};

function readAttributes(reader: Reader): WireAttributes {
  const flags = reader.u32();
  const attributes: { -readonly [K in keyof WireAttributes]: WireAttributes[K] } = {};
  if (flags & ATTR.SIZE) attributes.size = reader.u64();
  if (flags & ATTR.UIDGID) {
    attributes.uid = reader.u32();
    attributes.gid = reader.u32();
  }
  if (flags & ATTR.PERMISSIONS) {
    const permissions = reader.u32();
    attributes.mode = permissions & 0o7777;
    const type = typeOfBits.get(permissions & 0o170000);
    if (type !== undefined) attributes.type = type;
  }
  if (flags & ATTR.ACMODTIME) {
    attributes.atimeMs = reader.u32() * 1000;
    attributes.mtimeMs = reader.u32() * 1000;
  }
  if (flags & ATTR.EXTENDED) attributes.extended = readExtended(reader);
  return attributes;
}

function readExtended(reader: Reader): ReadonlyMap<string, Uint8Array> {
  const count = reader.u32();
  // Each pair takes at least its two lengths: a count that the packet cannot hold is refused before any pair is read.
  if (count * 8 > reader.remaining) throw new BadPacket("More extended attributes than the packet holds");
  const pairs = new Map<string, Uint8Array>();
  for (let i = 0; i < count; i++) pairs.set(reader.text(), reader.bytes());
  return pairs;
}

function writeAttributes(writer: Writer, attributes: WireAttributes): void {
  const { size, uid, gid, mode, type, extended } = attributes;
  const atimeMs = attributes.atimeMs ?? attributes.mtimeMs;
  const mtimeMs = attributes.mtimeMs ?? attributes.atimeMs;
  const bits = type === undefined ? 0 : typeBits[type];
  let flags = 0;
  if (size !== undefined) flags |= ATTR.SIZE;
  if (uid !== undefined && gid !== undefined) flags |= ATTR.UIDGID;
  if (mode !== undefined || bits !== 0) flags |= ATTR.PERMISSIONS;
  if (mtimeMs !== undefined) flags |= ATTR.ACMODTIME;
  if (extended !== undefined && extended.size > 0) flags |= ATTR.EXTENDED;
  writer.u32(flags);
  if (size !== undefined) writer.u64(size);
  if (uid !== undefined && gid !== undefined) writer.u32(uid).u32(gid);
  if (mode !== undefined || bits !== 0) writer.u32(bits | (mode ?? (type === "directory" ? 0o755 : 0o644)));
  if (mtimeMs !== undefined) writer.u32(seconds(atimeMs ?? mtimeMs)).u32(seconds(mtimeMs));
  if (extended !== undefined && extended.size > 0) {
    writer.u32(extended.size);
    for (const [name, value] of extended) writer.text(name).bytes(value);
  }
}

/** Unsigned seconds: 1970 to 2106; times outside come out as the nearest end. */
function seconds(ms: number): number {
  return Math.min(Math.max(Math.floor(ms / 1000), 0), 0xffff_ffff);
}

function readOpen(reader: Reader): { flags: OpenFlags; attributes: WireAttributes } {
  const bits = reader.u32();
  const append = (bits & SSH_FXF.APPEND) !== 0;
  const write = append || (bits & SSH_FXF.WRITE) !== 0;
  const flags: OpenFlags = {
    // No access at all means reading, as it does for POSIX and OpenSSH.
    read: !write || (bits & SSH_FXF.READ) !== 0,
    write,
    append,
    create: (bits & SSH_FXF.CREAT) !== 0,
    truncate: (bits & SSH_FXF.TRUNC) !== 0,
    exclusive: (bits & SSH_FXF.EXCL) !== 0,
  };
  return { flags, attributes: readAttributes(reader) };
}

function writeOpen(writer: Writer, flags: OpenFlags, attributes: WireAttributes): void {
  let bits = 0;
  if (flags.read) bits |= SSH_FXF.READ;
  if (flags.write) bits |= SSH_FXF.WRITE;
  if (flags.append) bits |= SSH_FXF.APPEND;
  if (flags.create) bits |= SSH_FXF.CREAT;
  if (flags.truncate) bits |= SSH_FXF.TRUNC;
  if (flags.exclusive) bits |= SSH_FXF.EXCL;
  writer.u32(bits);
  writeAttributes(writer, attributes);
}

/** A v3 RENAME never replaces (draft-ietf-secsh-filexfer-02, section 6.5). */
function readRenameOverwrite(): boolean {
  return false;
}

function readName(reader: Reader): NameEntry {
  const name = reader.text();
  reader.bytes();
  return { name, stats: readAttributes(reader) };
}

function writeName(writer: Writer, entry: NameEntry, nowMs = Date.now()): void {
  const { name, stats } = entry;
  writer.text(name);
  const start = writer.length;
  // The same as `longname`, which is not put together first.
  writer.u32(0);
  for (const column of columns(stats, nowMs)) writer.characters(column).u8(space);
  writer.characters(printable(name));
  writer.patchU32(start, writer.length - start - 4);
  writeAttributes(writer, stats);
}

function statusCode(status: ErrorStatus): number {
  const code = statusCodes[status];
  return code <= 8 ? code : (nearest[status] ?? statusCodes.failure);
}
