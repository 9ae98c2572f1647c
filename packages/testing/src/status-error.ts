/** A reply other than success: the status code as it stood in the packet, and the text that a client shows to its user. */
export class StatusError extends Error {
  /** As in the drafts: 2 is NO_SUCH_FILE, 3 PERMISSION_DENIED, 4 FAILURE … (draft-ietf-secsh-filexfer-13, section 9.1). */
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.name = "StatusError";
    this.code = code;
  }
}
