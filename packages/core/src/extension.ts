import type { Context, OperationName, Request, Result } from "./context.ts";
import type { OpenFile } from "./session.ts";
import type { Reader } from "./protocol/reader.ts";
import type { ReplyMaker } from "./protocol/replies.ts";
import type { SftpPath } from "./path.ts";
import type { SftpVersion } from "./session.ts";
import type { User } from "./connection.ts";
import type { Attributes } from "./filesystem.ts";

/** What an extension's decoder can ask of the session. Each reads the next field of the packet. */
export interface ExtensionFields {
  readonly reader: Reader;
  readonly user: User;
  /** A path, relative to the user's home. */
  path(): SftpPath;
  /** An open file by its handle. @throws SftpError `invalidHandle` */
  file(): OpenFile;
  /** The path of an open file or directory by its handle. @throws SftpError `invalidHandle` */
  pathOfHandle(): SftpPath;
  /** ATTRS in the session's version. */
  attributes(): Attributes;
  /** The client has asked for the server's limits: from now on replies may be as large as those say. */
  allowLargeReplies(): void;
}

/** An EXTENDED request (draft-ietf-secsh-filexfer-02, section 8): its packet, and the operation that it means. */
export interface Extension<K extends OperationName = OperationName> {
  /** The name on the wire, such as `posix-rename@openssh.com`. */
  readonly name: string;
  /** What VERSION announces beside the name. @default "1" */
  readonly data?: string;
  /** The versions it is announced to and served in. @default all */
  readonly versions?: readonly SftpVersion[];
  /** What it means. Guards of that operation judge it; `extended` is for what means no other operation. */
  readonly operation: K;
  /** Reads the request's fields. Bytes that remain are ignored, as OpenSSH does. */
  decode(fields: ExtensionFields): Request<K>;
  /**
   * Writes the reply to a request that succeeded. Not for `open` and `opendir`, which are
   * answered HANDLE.
   * @default the reply of the operation's own packet: ATTRS, NAME, STATUS OK …; the result of `extended` as EXTENDED_REPLY
   */
  encode?(reply: ReplyMaker, result: Result<K>): Uint8Array;
  /** Answers, where no file system does. Required when `operation` is `extended`. */
  answer?(ctx: Context<K>): Promise<Result<K>>;
}
