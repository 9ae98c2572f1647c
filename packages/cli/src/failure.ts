/** Something that the person at the keyboard can put right: told in one line each, without a stack. */
export class Failure extends Error {
  readonly lines: readonly string[];

  constructor(lines: string | readonly string[], cause?: unknown) {
    const all = typeof lines === "string" ? [`sluice: ${lines}`] : lines;
    super(all.join("\n"), cause === undefined ? undefined : { cause });
    this.name = "Failure";
    this.lines = all;
  }
}

const wordsOfErrno: Readonly<Record<string, string>> = {
  ENOENT: "does not exist",
  EACCES: "permission denied",
  EPERM: "not permitted",
  EISDIR: "is a directory, a file is needed",
  ENOTDIR: "a part of the path is not a directory",
  EEXIST: "already exists",
  ELOOP: "too many symbolic links",
  ENAMETOOLONG: "the path is too long",
  EROFS: "the file system is read-only",
  ENOSPC: "no space left on the device",
  EMFILE: "too many open files",
};

/** What went wrong, as the end of a sentence that begins with a path: in words for what the system says, else the message. */
export function reasonOf(error: unknown): string {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return (code === undefined ? undefined : wordsOfErrno[code]) ?? firstLine(error);
}

/** The first line of what was thrown. */
export function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n", 1)[0] ?? "";
}

/** What is read of a `SetupError`. */
export interface SetupFailure extends Error {
  readonly code: string;
  readonly issues: readonly {
    readonly message: string;
    readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[];
  }[];
}

/** Whether a value is a `SetupError`. By name, not `instanceof`: a plugin may carry its own copy of core. */
export function isSetupError(error: unknown): error is SetupFailure {
  return error instanceof Error && error.name === "SetupError" && "issues" in error;
}

/** The mistakes of a users file: a line each, with positions in that file. `undefined` for other errors. */
export function usersFileLines(error: SetupFailure): readonly string[] | undefined {
  if (error.code !== "ERR_SLUICE_USERS_FILE" || error.issues.length === 0) return undefined;
  return error.issues.map((issue) => issue.message);
}
