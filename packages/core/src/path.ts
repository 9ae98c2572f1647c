import { bytesFromText, textFromBytes } from "./protocol/text.ts";
import { SftpError } from "./errors.ts";

declare const brand: unique symbol;

/**
 * A path inside the tree that a session sees: absolute, with `/` between names, without `.`, `..`, empty names or a slash
 * at the end. Bytes that are not UTF-8 ride as lone surrogates (see `textFromBytes`). `sftpPath` is the only maker.
 */
export type SftpPath = string & { readonly [brand]: "SftpPath" };

/** Longest path accepted, in bytes (Linux: PATH_MAX). */
export const maxPathBytes = 4096;
/** Longest single name accepted, in bytes (POSIX: NAME_MAX). */
export const maxNameBytes = 255;
/** Most names that a path may have. */
export const maxPathDepth = 128;

/**
 * Cleans a path as a client or a program gives it: relative ones start at `base`, `.` and empty names are dropped, and `..` is
 * resolved by name and stops at the root, so that no spelling leads above `/`.
 *
 * @throws SftpError `badMessage` for a NUL byte, `invalidFilename` for a name, path or depth over the limits.
 */
export function sftpPath(input: string | Uint8Array, base: SftpPath = rootPath): SftpPath {
  const text = typeof input === "string" ? input : textFromBytes(input);
  if (text.length > maxPathBytes) throw new SftpError("invalidFilename", "Path too long");
  if (text.includes("\0")) throw new SftpError("badMessage", "Path contains a NUL byte");
  // Begins with the empty name before the first slash, so that joining makes the path in one piece: strings that are put together later
  // are slow to compare.
  const names = [""];
  collect(names, text.startsWith("/") ? "" : base);
  collect(names, text);
  if (names.length > maxPathDepth + 1) throw new SftpError("invalidFilename", "Path has too many components");
  const path = names.length === 1 ? "/" : names.join("/");
  if (path.length > maxNameBytes || !isAscii(path)) checkLengths(path, names);
  return path as SftpPath;
}

function collect(names: string[], text: string): void {
  for (const name of text.split("/")) {
    if (name === "" || name === ".") continue;
    if (name !== "..") names.push(name);
    else if (names.length > 1) names.pop();
  }
}

function isAscii(text: string): boolean {
  return /^[\x00-\x7f]*$/.test(text);
}

function checkLengths(path: string, names: readonly string[]): void {
  if (bytesFromText(path).length > maxPathBytes) throw new SftpError("invalidFilename", "Path too long");
  for (const name of names) {
    if (bytesFromText(name).length > maxNameBytes) throw new SftpError("invalidFilename", "File name too long");
  }
}

/** The root of the tree. */
export const rootPath: SftpPath = "/" as SftpPath;

/** The names of a path, outermost first; none for the root. */
export function namesOf(path: SftpPath): string[] {
  return path === "/" ? [] : path.slice(1).split("/");
}

/** The last name of a path; empty for the root. */
export function baseName(path: SftpPath): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** The path without its last name; the root is its own parent. */
export function parentOf(path: SftpPath): SftpPath {
  const slash = path.lastIndexOf("/");
  return (slash <= 0 ? "/" : path.slice(0, slash)) as SftpPath;
}

/** Whether `path` is `ancestor` or lies below it, compared name by name. */
export function isWithin(path: SftpPath, ancestor: SftpPath): boolean {
  return ancestor === "/" || path === ancestor || path.startsWith(`${ancestor}/`);
}
