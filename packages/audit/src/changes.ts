import type { OperationName } from "@sluice/core";

/** Names of operations that change something whenever they succeed. */
export type Change = "mkdir" | "rmdir" | "setstat" | "remove" | "rename" | "symlink" | "link" | "copy" | "extended";

/** Operations that change something whenever they succeed. What an open file is written with belongs to its transfer. */
export const changing: readonly Change[] = [
  "mkdir",
  "rmdir",
  "setstat",
  "remove",
  "rename",
  "symlink",
  "link",
  "copy",
  "extended",
];

const changes: ReadonlySet<OperationName> = new Set(changing);

/** Whether an operation changes something when it succeeds. */
export function isChange(op: OperationName): boolean {
  return changes.has(op);
}

/** Requests on an open file: many to a transfer, so that their failures are told in its record. */
export const onOpenFile: readonly ("read" | "write" | "sync" | "lock" | "unlock")[] = [
  "read",
  "write",
  "sync",
  "lock",
  "unlock",
];

/** A plain answer to a question, and no refusal: clients ask for names that are not there all day. */
export const misses: ReadonlySet<string> = new Set(["noSuchFile", "noSuchPath", "notADirectory", "unsupported"]);
