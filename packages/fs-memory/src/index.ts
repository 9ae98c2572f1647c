export { createMemoryFileSystem, memoryFiles } from "./memory.ts";
export type { MemoryFilesOptions, MemoryOptions } from "./options.ts";
