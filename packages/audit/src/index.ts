export { audit } from "./audit.ts";
export type { AuditOptions, SinkOptions } from "./options.ts";
export type { Durability } from "./log.ts";
export type { Hashing } from "./transfer.ts";
export type { Format } from "./sinks/format.ts";
export {
  recordSchema,
  recordTypes,
  recordVersion,
  type AuditRecord,
  type RecordHead,
  type RecordType,
} from "./record.ts";
export { filesOf, type SourceFile } from "./files.ts";
export { keyBeside, verifyLog, type Damage, type Verification, type VerifyOptions } from "./verify.ts";
export {
  matches,
  pathsOfRecord,
  readRecords,
  readRecordsFrom,
  type Found,
  type Query,
  type ReadOptions,
} from "./search.ts";
