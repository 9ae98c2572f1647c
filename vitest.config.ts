import { defineConfig } from "vitest/config";

export default defineConfig({
  // Tests run from the sources of every package, not from what was built last.
  ssr: { resolve: { conditions: ["@sluice/source"], externalConditions: ["@sluice/source"] } },
  test: {
    include: ["packages/*/src/**/*.test.ts", "examples/*/**/*.test.ts", "docs/**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/dist/**"],
    testTimeout: 20_000,
    // What is waited for comes at once, but on a machine that is busy with other tests.
    expect: { poll: { timeout: 10_000 } },
    // As many as there are cores; vitest's own choice leaves one idle, which is half of the smallest machines.
    maxWorkers: "100%",
  },
});
