import type { Attributes, DirectoryEntry, OpenFlags, Stats } from "../filesystem.ts";
import type { ErrorStatus } from "../errors.ts";
import type { SftpVersion } from "../session.ts";
import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

/** Attributes as they travel: a type is sent where one is known. */
export type WireAttributes = Attributes & Partial<Pick<Stats, "type" | "linkCount">>;

/** One name of a NAME reply. A bare path, as REALPATH answers, has no attributes. */
export interface NameEntry {
  readonly name: string;
  readonly stats: WireAttributes;
}

/** What differs between the versions of the protocol; everything else is shared. Both directions: servers and clients use it. */
export interface Codec {
  readonly version: SftpVersion;
  readAttributes(reader: Reader): WireAttributes;
  writeAttributes(writer: Writer, attributes: WireAttributes): void;
  /** The flags and attributes of OPEN, behind its path. */
  readOpen(reader: Reader): { readonly flags: OpenFlags; readonly attributes: WireAttributes };
  writeOpen(writer: Writer, flags: OpenFlags, attributes: Attributes): void;
  /** Whether a RENAME may replace its target, behind both paths. */
  readRenameOverwrite(reader: Reader): boolean;
  readName(reader: Reader): NameEntry;
  /** @param nowMs the time of the reply, by which dates are spelled with their time of day or their year */
  writeName(writer: Writer, entry: NameEntry | DirectoryEntry, nowMs?: number): void;
  /** The nearest code that this version knows. */
  statusCode(status: ErrorStatus): number;
}
