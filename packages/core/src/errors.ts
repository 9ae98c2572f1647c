/** What an operation can be refused with, in the words of SFTP v6 (draft-ietf-secsh-filexfer-13, section 9.1). */
export const statusCodes = {
  noSuchFile: 2,
  permissionDenied: 3,
  failure: 4,
  badMessage: 5,
  noConnection: 6,
  connectionLost: 7,
  unsupported: 8,
  invalidHandle: 9,
  noSuchPath: 10,
  alreadyExists: 11,
  writeProtect: 12,
  noMedia: 13,
  noSpace: 14,
  quotaExceeded: 15,
  unknownPrincipal: 16,
  lockConflict: 17,
  directoryNotEmpty: 18,
  notADirectory: 19,
  invalidFilename: 20,
  linkLoop: 21,
  cannotDelete: 22,
  invalidParameter: 23,
  isADirectory: 24,
  rangeLockConflict: 25,
  rangeLockRefused: 26,
  deletePending: 27,
  fileCorrupt: 28,
  ownerInvalid: 29,
  groupInvalid: 30,
  noMatchingRangeLock: 31,
} as const;

/** Why an operation was refused. */
export type ErrorStatus = keyof typeof statusCodes;

const defaultMessages: Readonly<Record<ErrorStatus, string>> = {
  noSuchFile: "No such file",
  permissionDenied: "Permission denied",
  failure: "Failure",
  badMessage: "Bad message",
  noConnection: "No connection",
  connectionLost: "Connection lost",
  unsupported: "Operation unsupported",
  invalidHandle: "Invalid handle",
  noSuchPath: "No such path",
  alreadyExists: "File already exists",
  writeProtect: "File system is read-only",
  noMedia: "No medium",
  noSpace: "No space left",
  quotaExceeded: "Quota exceeded",
  unknownPrincipal: "Unknown user or group",
  lockConflict: "File is locked",
  directoryNotEmpty: "Directory is not empty",
  notADirectory: "Not a directory",
  invalidFilename: "File name is not allowed",
  linkLoop: "Too many symbolic links",
  cannotDelete: "Cannot be deleted",
  invalidParameter: "Invalid parameter",
  isADirectory: "Is a directory",
  rangeLockConflict: "Byte range is locked",
  rangeLockRefused: "Byte range lock refused",
  deletePending: "Deletion is pending",
  fileCorrupt: "File is corrupt",
  ownerInvalid: "Invalid owner",
  groupInvalid: "Invalid group",
  noMatchingRangeLock: "No such byte range lock",
};

/** What accompanies an `SftpError`: for the log and the audit trail, never for the client. */
export interface SftpErrorOptions {
  /** Which plugin, which rule, why. */
  readonly detail?: string;
  readonly cause?: unknown;
}

/**
 * A refusal that the client may read. Whatever else is thrown is logged whole and answered `failure` with an id.
 *
 * @example
 * throw new SftpError("permissionDenied", "The archive is read-only", { detail: "rule 12" });
 */
export class SftpError extends Error {
  readonly status: ErrorStatus;
  readonly detail: string | undefined;

  constructor(status: ErrorStatus, message: string = defaultMessages[status], options: SftpErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "SftpError";
    this.status = status;
    this.detail = options.detail;
  }

  /** Whether a value is an `SftpError`. By name, not `instanceof`: a plugin may carry its own copy of this package. */
  static is(value: unknown): value is SftpError {
    if (!(value instanceof Error) || value.name !== "SftpError") return false;
    const { status } = value as { status?: unknown };
    return typeof status === "string" && Object.hasOwn(statusCodes, status);
  }
}

const statusOfErrno = new Map<string, ErrorStatus>(
  Object.entries({
    ENOENT: "noSuchFile",
    EACCES: "permissionDenied",
    EPERM: "permissionDenied",
    EROFS: "writeProtect",
    EEXIST: "alreadyExists",
    ENOTDIR: "notADirectory",
    EISDIR: "isADirectory",
    ENOTEMPTY: "directoryNotEmpty",
    ENOSPC: "noSpace",
    EDQUOT: "quotaExceeded",
    ELOOP: "linkLoop",
    ENAMETOOLONG: "invalidFilename",
    EILSEQ: "invalidFilename",
    EINVAL: "invalidParameter",
    EFBIG: "invalidParameter",
    EBADF: "invalidHandle",
    ENOSYS: "unsupported",
    ENOTSUP: "unsupported",
    EOPNOTSUPP: "unsupported",
  } as const),
);

const messageOfErrno = new Map<string, string>(
  Object.entries({
    EXDEV: "Source and target are on different file systems",
    EMFILE: "Too many open files",
    ENFILE: "Too many open files",
    EBUSY: "File is in use",
    ETXTBSY: "File is in use",
    EIO: "Input/output error",
    EMLINK: "Too many links",
    EFBIG: "File too large",
  }),
);

/**
 * Turns an error of `node:fs` into a refusal by one fixed table, with our own text: the error's text holds the server's path.
 * Other values are returned as they are.
 */
export function fromNodeError(error: unknown): unknown {
  if (!(error instanceof Error) || SftpError.is(error)) return error;
  const code = (error as NodeJS.ErrnoException).code;
  if (code === undefined) return error;
  const status = statusOfErrno.get(code);
  const message = messageOfErrno.get(code);
  if (status === undefined && message === undefined) return error;
  return new SftpError(status ?? "failure", message, { detail: code, cause: error });
}

/** Why a server could not be set up; each is described in `docs/errors.md`. */
export const setupErrorCodes = [
  "ERR_SLUICE_ALREADY_STARTED",
  "ERR_SLUICE_AUDIT_LOG",
  "ERR_SLUICE_AUTH_POLICY",
  "ERR_SLUICE_CERTIFICATES",
  "ERR_SLUICE_CONTAINMENT",
  "ERR_SLUICE_EXTENSION_NAME",
  "ERR_SLUICE_FILE_SYSTEM_ROOT",
  "ERR_SLUICE_HOST_KEY",
  "ERR_SLUICE_HOST_SHUT",
  "ERR_SLUICE_LISTEN",
  "ERR_SLUICE_MOUNT",
  "ERR_SLUICE_OPTIONS",
  "ERR_SLUICE_PLUGIN_NAME",
  "ERR_SLUICE_PLUGIN_OPTIONS",
  "ERR_SLUICE_PLUGIN_REQUIRES",
  "ERR_SLUICE_PLUGIN_SETUP",
  "ERR_SLUICE_SERVICE",
  "ERR_SLUICE_SSH_LIBRARY",
  "ERR_SLUICE_STORE",
  "ERR_SLUICE_USERS_FILE",
] as const;

/** Why a server could not be set up. */
export type SetupErrorCode = (typeof setupErrorCodes)[number];

/** One thing wrong with a set of options, as Standard Schema tells it. */
export interface OptionIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** A mistake in how a server is put together, found before it serves anybody. The message says what to do. */
export class SetupError extends Error {
  readonly code: SetupErrorCode;
  /** Where options were wrong: each issue with its path, for callers that know the file and line. */
  readonly issues: readonly OptionIssue[];

  constructor(
    code: SetupErrorCode,
    message: string,
    options: { readonly cause?: unknown; readonly issues?: readonly OptionIssue[] } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "SetupError";
    this.code = code;
    this.issues = options.issues ?? [];
  }

  /** Whether a value is a `SetupError`, also one of another copy of this package. */
  static is(value: unknown): value is SetupError {
    return (
      value instanceof Error && value.name === "SetupError" && typeof (value as { code?: unknown }).code === "string"
    );
  }
}
