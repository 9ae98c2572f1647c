/** When keys are exchanged anew (RFC 4253, section 9; RFC 4344, section 3). */
export interface RekeyLimits {
  /** Bytes in both directions. @default 1073741824 */
  readonly bytes: number;
  /** Packets in one direction: sequence numbers wrap at 2^32, and must not be used twice with one key. @default 2147483648 */
  readonly packets: number;
  /** @default 3600000 */
  readonly ms: number;
  /** How long an exchange may take; then the connection is dropped. @default 30000 */
  readonly deadlineMs: number;
}

/** When keys are exchanged where nothing is said. */
export const defaultRekeyLimits: RekeyLimits = { bytes: 2 ** 30, packets: 2 ** 31, ms: 3_600_000, deadlineMs: 30_000 };
