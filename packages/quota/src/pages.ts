import { createHash } from "node:crypto";
import { bytesFromText, textFromBytes, type SftpPath } from "@sluice/core";
import type { Amount } from "./record.ts";

/*
 * What a recount and the processes that change files tell each other, as entries of the store. A mark says that a subject is being counted, and by
 * which recount; all else lies under the recount's own name, so that nothing of an earlier one is ever taken for it.
 */

/** How long a mark or a page stays when whoever set it is silent, in milliseconds. */
export const pageMs = 60_000;
/** How often it is set again. */
export const pageRenewMs: number = pageMs / 4;

/** A folder whose entries change while somebody counts. */
export interface Touched {
  readonly folder: SftpPath;
  /** Whether all that is below changes, too. */
  readonly deep: boolean;
}

/** A file that is being written, and what the books have of it. */
export interface OpenFileEntry {
  readonly path: SftpPath;
  readonly counted: Amount;
  /** Who answers for it. */
  readonly keys: readonly string[];
}

/**
 * `noticed`: a process knows of the recount; `busy`: one is making a change, or owes the books one; `open`: a file that is being written; `touched`:
 * a folder whose entries have changed.
 */
export type PageKind = "busy" | "noticed" | "open" | "touched";

export const marks = "quota/recount/";

export function markOf(key: string): string {
  return `${marks}${key}`;
}

/** The pages of a recount, or of one kind. */
export function pagesOf(recount: string, kind?: PageKind): string {
  return `quota/counting/${recount}/${kind === undefined ? "" : `${kind}/`}`;
}

export function touchedPage(recount: string, { folder, deep }: Touched): readonly [page: string, value: string] {
  const value = `${deep ? "deep" : "flat"} ${encodePath(folder)}`;
  return [`${pagesOf(recount, "touched")}${createHash("sha256").update(value).digest("hex")}`, value];
}

export function readTouched(value: string): Touched {
  const [kind, path = ""] = value.split(" ");
  return { folder: decodePath(path), deep: kind === "deep" };
}

export function openText({ path, counted }: OpenFileEntry): string {
  return `${counted.bytes} ${counted.files} ${encodePath(path)}`;
}

export function readOpen(value: string): readonly [path: SftpPath, counted: Amount] {
  const [bytes, files, path = ""] = value.split(" ");
  return [decodePath(path), { bytes: Number(bytes), files: Number(files) }];
}

function encodePath(path: SftpPath): string {
  return Buffer.from(bytesFromText(path)).toString("base64");
}

function decodePath(text: string): SftpPath {
  return textFromBytes(Buffer.from(text, "base64")) as SftpPath;
}
