import type { AuditRecord } from "../record.ts";

/** A record and the line that it stands in. */
export interface Entry {
  readonly record: AuditRecord;
  readonly line: string;
}

/** Where records go beside the file. */
export interface Sink {
  readonly name: string;
  /** Resolves when all are taken; a rejection means that they are brought again. */
  deliver(entries: readonly Entry[], signal: AbortSignal): Promise<void>;
  /** Lets go of connections. */
  close(): void;
}
