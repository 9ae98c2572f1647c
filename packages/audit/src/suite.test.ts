import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pluginSuite, runSuite } from "@sluice/testing";
import { describe, it } from "vitest";
import { audit } from "./audit.ts";

const oneWriter = {
  "two servers at once do not disturb each other": "a log has one writer: the second server is refused",
};

for (const mode of ["available", "strict"] as const) {
  runSuite(
    `the plugin audit, ${mode}`,
    pluginSuite({
      plugin: audit,
      except: oneWriter,
      create: () => {
        const directory = mkdtempSync(join(tmpdir(), "sluice-audit-suite-"));
        const headers = { authorization: "Bearer of a secret" };
        // Nobody listens there.
        const sinks = [{ type: "webhook", url: "http://127.0.0.1:1/", headers } as const];
        return Promise.resolve({
          options: { file: join(directory, "audit.jsonl"), mode, sinks },
          secrets: ["Bearer of a secret"],
          close: () => Promise.resolve(rmSync(directory, { recursive: true, force: true })),
        });
      },
    }),
    { describe, it },
  );
}
