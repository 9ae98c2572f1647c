import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const root = fileURLToPath(new URL("../..", import.meta.url));
const maker = fileURLToPath(new URL("core.ts", import.meta.url));

/** Those of core's tests that go through a server. */
const names = [
  "aborting",
  "extensions/extensions",
  "flow-control",
  "idle",
  "leaks",
  "listing",
  "login-over-ssh",
  "malformed",
  "middleware",
  "mounts",
  "operations/operations",
  "ordering",
  "plugin-setup",
  "reading",
  "rekey",
  "server",
  "server-close",
  "session-handles",
  "sources",
  "symlink-order",
];

/** What cannot hold with all plugins, by title, and why. */
const excluded: Readonly<Record<string, string>> = {
  "answers OP_UNSUPPORTED for what the file system at that path cannot do, and for no other":
    "quota answers statvfs where the file system cannot: it knows what is left",
  "serves what it has, and OP_UNSUPPORTED for the rest": "quota answers statvfs, as above",
  "is refused where the file system does not know, and capped where its size is beyond every number":
    "quota answers space-available, as above",
  "of a plugin are announced and answered": "permissions refuses an extension that it was not told of",
  "keep the target as it was given": "permissions refuses a link whose target goes up on its way",
  "tells plugins, logins, mounts, extensions, and each operation's steps from the outside in":
    "it is the list of steps, which is another one",
};
const titles = Object.keys(excluded).map((title) => title.replaceAll(/[^\w ,]/g, "."));

/** Core's tests once more, on servers with all plugins loaded: the test kit is given another `createServer`. */
export default defineConfig({
  root,
  ssr: { resolve: { conditions: ["@sluice/source"], externalConditions: ["@sluice/source"] } },
  plugins: [
    {
      name: "all-plugins",
      enforce: "pre",
      resolveId: (source, importer) =>
        source === "@sluice/core" && importer?.endsWith("/packages/testing/src/server.ts") ? maker : undefined,
    },
  ],
  test: {
    include: [...names.map((name) => `packages/core/src/${name}.test.ts`), "test/plugins/all.suite.ts"],
    exclude: ["**/node_modules/**", "**/dist/**"],
    testNamePattern: new RegExp(`^(?!.*(?:${titles.join("|")})$)`),
    testTimeout: 60_000,
    expect: { poll: { timeout: 10_000 } },
  },
});
