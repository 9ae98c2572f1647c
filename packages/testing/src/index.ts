export { fileSystemSuite } from "./file-system-suite.ts";
export { runSuite } from "./file-system-suite.ts";
export type { FileSystemSuiteOptions } from "./file-system-suite.ts";
export type { FileSystemUnderTest } from "./file-system-suite.ts";
export type { SuiteCase } from "./file-system-suite.ts";
export type { SuiteContext } from "./file-system-suite.ts";
export type { SuiteRunner } from "./file-system-suite.ts";
