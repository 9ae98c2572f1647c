export { createServer, type CloseOptions, type Server } from "./server.ts";
export { runUntilSignal, type RunOptions } from "./process.ts";
export type { ListenAddress, ListenOptions, TcpAddress } from "./listener.ts";
export type { HostKeyInput, Limits, ServerOptions } from "./options.ts";
export { nearest } from "./nearest.ts";
export { defaultLimits } from "./options.ts";
export { generateHostKey, readHostKey, type GeneratedHostKey, type HostKeyInfo } from "./ssh/hostkeys.ts";
export { fingerprintOf } from "./auth/fingerprint.ts";
export { parsePublicKey } from "./auth/key-line.ts";
export { sameKey } from "./auth/public-key.ts";
export { version } from "./version.ts";
export { State, token, type Token } from "./token.ts";
export { createLogger, logLevels, type Logger, type LogLevel, type LogMethod, type LogOptions } from "./log.ts";
export {
  baseName,
  isWithin,
  maxNameBytes,
  maxPathBytes,
  maxPathDepth,
  namesOf,
  parentOf,
  rootPath,
  sftpPath,
  type SftpPath,
} from "./path.ts";
export { bytesFromText, printable, textFromBytes } from "./protocol/text.ts";
export {
  fromNodeError,
  SetupError,
  setupErrorCodes,
  SftpError,
  statusCodes,
  type ErrorStatus,
  type OptionIssue,
  type SetupErrorCode,
  type SftpErrorOptions,
} from "./errors.ts";
export type {
  Acl,
  AclEntry,
  Attributes,
  CloseOutcome,
  DirectoryEntry,
  FileHandle,
  FileSystem,
  FileSystemSource,
  SessionSource,
  FileSystemStats,
  FileType,
  LockMask,
  OpenFlags,
  OwnerNames,
  SessionIdentity,
  Stats,
} from "./filesystem.ts";
export { directoryOf, fileOf, type OpenDirectory, type OpenFile, type Session, type SftpVersion } from "./session.ts";
export type { Connection, ConnectionPhase, Disconnect, NegotiatedAlgorithms, RemoteEnd, User } from "./connection.ts";
export {
  operationNames,
  pathsOf,
  type Context,
  type Diversion,
  type Guard,
  type Middleware,
  type Next,
  type Observer,
  type Operation,
  type OperationContext,
  type OperationName,
  type Operations,
  type Outcome,
  type Request,
  type Result,
} from "./context.ts";
export {
  changeRequired,
  proven,
  refused,
  unknown,
  type AttemptContext,
  type AuthAttempt,
  type AuthMethod,
  type AuthPolicy,
  type AuthPolicies,
  type Certificate,
  type Credentials,
  type Detached,
  type KeyDemands,
  type Login,
  type Mechanism,
  type Prompt,
  type PublicKey,
  type Questions,
  type UserDraft,
  type Verdict,
} from "./auth/method.ts";
export {
  defineFileSystem,
  definePlugin,
  type FileSystemDefinition,
  type FileSystemFactory,
  type Plugin,
  type PluginDefinition,
  type PluginFactory,
  type PluginHost,
  type Which,
} from "./plugin.ts";
export { checkEntry, checkPrefix, Store, sumOf, type Expiry } from "./store.ts";
export { isMemoryStore, memoryStore } from "./memory-store.ts";
export { readSize } from "./size.ts";
export { ServiceContainer, type Services, type ServiceScope } from "./services.ts";
export type { Explainer, Explanation, Question } from "./question.ts";
export type { Extension, ExtensionFields } from "./extension.ts";
export { defaultPenalties, type Penalties } from "./sources.ts";
export { defaultRekeyLimits, type RekeyLimits } from "./ssh/rekey-limits.ts";
export type { AlgorithmLists, AlgorithmOptions } from "./ssh/algorithms.ts";
