import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

/** The suites that need more than one package, or programs from outside. The unit tests have a configuration of their own. */
export default defineConfig({
  root: fileURLToPath(new URL("..", import.meta.url)),
  ssr: { resolve: { conditions: ["@sluice/source"], externalConditions: ["@sluice/source"] } },
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/dist/**"],
    pool: "forks",
    testTimeout: 90_000,
    // What is waited for comes at once, but on a machine that is busy with other tests.
    expect: { poll: { timeout: 10_000 } },
    hookTimeout: 60_000,
  },
});
