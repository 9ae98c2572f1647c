import type { OperationName, Request } from "./context.ts";
import { SftpError } from "./errors.ts";
import type { Extension, ExtensionFields } from "./extension.ts";
import type { Handles } from "./handles.ts";
import { sftpPath, type SftpPath } from "./path.ts";
import type { Codec } from "./protocol/codec.ts";
import { maxDataBytes } from "./protocol/packets.ts";
import type { Reader } from "./protocol/reader.ts";
import { settable, type WireRequest } from "./protocol/requests.ts";
import type { OpenDirectory, OpenFile } from "./session.ts";
import type { Footprint } from "./scheduler.ts";
import type { User } from "./connection.ts";

/** A request by its meaning, with what it waits for and the extension it came by. */
export interface Dispatched<K extends OperationName = OperationName> {
  readonly op: K;
  readonly request: Request<K>;
  readonly footprint: Footprint;
  /** Data that it will hold, in bytes. */
  readonly bytes: number;
  readonly extension?: Extension<K>;
}

/** What turning packets into operations needs to know of the session. */
export interface DispatchScope {
  readonly user: User;
  readonly handles: Handles;
  readonly codec: Codec;
  readonly extensions: ReadonlyMap<string, Extension>;
  readonly symlinkOrder: "target-first" | "link-first";
  /** Most bytes that one READ is answered with. */
  readonly readBytes: number;
  allowLargeReplies(): void;
}

/**
 * Finds what a request means: its operation, with paths made absolute and handles looked up.
 *
 * A CLOSE takes its handle back at once, so that nothing that arrives behind it finds the file.
 *
 * @throws SftpError for a handle or path that is not acceptable, BadPacket or OutOfRange from an extension's fields.
 */
export function dispatch(wire: WireRequest, scope: DispatchScope): Dispatched {
  const path = (text: string): SftpPath => sftpPath(text, scope.user.home);
  const { handles } = scope;
  switch (wire.is) {
    case "read": {
      const file = handles.file(wire.handle);
      if (!file.flags.read) throw new SftpError("permissionDenied", "The file is not open for reading");
      const length = Math.min(wire.length, scope.readBytes);
      return of("read", { file, position: wire.position, length }, range(file, wire.position, length, false), length);
    }
    case "write": {
      const file = handles.file(wire.handle);
      const { position, data } = wire;
      if (!file.flags.write) {
        throw new SftpError("permissionDenied", "The file is not open for writing");
      }
      if (data.length > maxDataBytes) throw new SftpError("invalidParameter", "More data than one request may carry");
      // Where an append lands is known only when it is done: appends keep their order.
      const footprint = file.flags.append ? range(file, 0, Infinity, true) : range(file, position, data.length, true);
      return of("write", { file, position, data }, footprint, data.length);
    }
    case "open": {
      const at = path(wire.path);
      return of("open", { path: at, flags: wire.flags, attributes: wire.attributes }, ordered([], at));
    }
    case "close": {
      const file = handles.remove(wire.handle);
      return of("close", { file, outcome: "completed" }, ordered([file]));
    }
    case "stat": {
      const at = path(wire.path);
      return of("stat", { path: at, follow: wire.follow }, ordered([], at));
    }
    case "fstat": {
      const file = handles.file(wire.handle);
      return of("stat", { path: file.path, file, follow: true }, ordered([file]));
    }
    case "setstat": {
      const at = path(wire.path);
      return of("setstat", { path: at, follow: true, attributes: wire.attributes }, ordered([], at));
    }
    case "fsetstat": {
      const file = handles.file(wire.handle);
      return of("setstat", { path: file.path, file, follow: true, attributes: wire.attributes }, ordered([file]));
    }
    case "readdir": {
      const directory = handles.directory(wire.handle);
      return of("readdir", { directory }, ordered([directory]));
    }
    case "mkdir": {
      const at = path(wire.path);
      return of("mkdir", { path: at, attributes: wire.attributes }, ordered([], at));
    }
    case "opendir":
    case "remove":
    case "rmdir":
    case "realpath":
    case "readlink": {
      const at = path(wire.path);
      return of(wire.is, { path: at }, ordered([], at));
    }
    case "rename": {
      const [from, to] = [path(wire.from), path(wire.to)];
      return of("rename", { from, to, overwrite: wire.overwrite }, ordered([], from, to));
    }
    case "symlink": {
      const linkFirst = scope.symlinkOrder === "link-first";
      const target = linkFirst ? wire.second : wire.first;
      if (target === "" || target.includes("\0")) {
        throw new SftpError("invalidParameter", "The link has no usable target");
      }
      const at = path(linkFirst ? wire.first : wire.second);
      return of("symlink", { path: at, target }, ordered([], at));
    }
    case "extended":
      return extended(wire.name, wire.fields, scope, path);
    case "unknown":
      throw new SftpError("unsupported");
  }
}

function of<K extends OperationName>(op: K, request: Request<K>, footprint: Footprint, bytes = 0): Dispatched {
  return { op, request, footprint, bytes };
}

function range(file: OpenFile, start: number, length: number, writes: boolean): Footprint {
  return { kind: "range", file, start, end: start + length, writes };
}

function ordered(files: readonly (OpenFile | OpenDirectory)[], ...paths: readonly SftpPath[]): Footprint {
  return { kind: "ordered", files, paths };
}

function extended(name: string, reader: Reader, scope: DispatchScope, path: (text: string) => SftpPath): Dispatched {
  const extension = scope.extensions.get(name);
  if (extension === undefined || extension.versions?.includes(scope.codec.version) === false) {
    throw new SftpError("unsupported");
  }
  const touched: (OpenFile | OpenDirectory)[] = [];
  const named: SftpPath[] = [];
  const fields: ExtensionFields = {
    reader,
    user: scope.user,
    path: () => {
      const at = path(reader.text());
      named.push(at);
      return at;
    },
    file: () => {
      const file = scope.handles.file(reader.bytes());
      touched.push(file);
      return file;
    },
    pathOfHandle: () => scope.handles.get(reader.bytes()).path,
    attributes: () => settable(scope.codec.readAttributes(reader)),
    allowLargeReplies: () => scope.allowLargeReplies(),
  };
  const request = extension.decode(fields);
  return { op: extension.operation, request, footprint: ordered(touched, ...named), bytes: 0, extension };
}
