import { describe, it } from "vitest";
import { fileSystemSuite, runSuite } from "@sluice/testing";
import { createMemoryFileSystem } from "./index.ts";

runSuite(
  "fs-memory",
  fileSystemSuite({ create: async () => ({ fs: createMemoryFileSystem() }), absent: ["lock", "unlock"] }),
  { describe, it },
);
