export { SftpClient, type ServerLimits, type SftpClientOptions } from "./client.ts";
export { connect, type ConnectOptions, type TestConnection } from "./connect.ts";
export { capturedLog, type CapturedLog, type LogRecord } from "./log.ts";
export { SftpRequests, type ClientHandle, type ClientPath, type SymlinkOrder } from "./requests.ts";
export { startTestServer, testHostKey, testUser, type TestServer, type TestServerOptions } from "./server.ts";
export { StatusError } from "./status-error.ts";
export { fileSystemSuite } from "./file-system-suite.ts";
export { runSuite } from "./file-system-suite.ts";
export type { FileSystemSuiteOptions } from "./file-system-suite.ts";
export type { FileSystemUnderTest } from "./file-system-suite.ts";
export type { SuiteCase } from "./file-system-suite.ts";
export type { SuiteContext } from "./file-system-suite.ts";
export type { SuiteRunner } from "./file-system-suite.ts";
export { faultyFileSystem } from "./faulty.ts";
export type { CallSite } from "./faulty.ts";
export type { Fault } from "./faulty.ts";
export type { FaultyFileSystem } from "./faulty.ts";
export { latch } from "./latch.ts";
export type { Latch } from "./latch.ts";
export { authAttempt, authMethodSuite } from "./auth-method-suite.ts";
export type {
  AttemptOptions,
  AuthMethodSuiteOptions,
  AuthMethodUnderTest,
  AuthSample,
} from "./auth-method-suite.ts";
