import { readFileSync } from "node:fs";
import { afterEach, expect, it, vi } from "vitest";
import { generateHostKey } from "./hostkeys.ts";
import type * as Ssh2 from "./ssh2.ts";

afterEach(() => {
  vi.doUnmock("./ssh2.ts");
  vi.resetModules();
});

/** Sets up a server with an ssh2 that differs in something. */
async function start(different: (original: typeof Ssh2) => object): Promise<void> {
  vi.doMock("./ssh2.ts", async (original) => {
    const same = await original<typeof Ssh2>();
    return { ...same, ...different(same) };
  });
  vi.resetModules();
  const { createServer, proven } = await import("../index.ts");
  const { createMemoryFileSystem } = await import("@sluice/fs-memory");
  const server = createServer({ hostKeys: [{ key: generateHostKey().privateKey }], log: { level: "silent" } });
  server.mount("/", createMemoryFileSystem());
  server.authenticate({ name: "demo", mechanism: "password", verify: () => proven() });
  try {
    await server.ready();
  } finally {
    await server.close({ graceMs: 0 });
  }
}

it("A server starts with the ssh2 that is installed", async () => {
  await start(() => ({}));
});

it.each<[string, (original: typeof Ssh2) => object, string]>([
  [
    "whose table of handlers is not the one that it uses",
    ({ messageHandlers }) => ({ messageHandlers: [...messageHandlers] }),
    "It does not see a message that only servers send",
  ],
  ["of another version", () => ({ installedVersion: "1.18.0" }), "ssh2 is installed in version 1.18.0"],
])("A server refuses to start with an ssh2 %s", async (_what, different, problem) => {
  await expect(start(different)).rejects.toMatchObject({
    code: "ERR_SLUICE_SSH_LIBRARY",
    message: expect.stringContaining(problem),
  });
});

it("The version that is tested is the one that the package asks for", async () => {
  const { testedVersion } = await import("./ssh2.ts");
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  expect((JSON.parse(text) as { dependencies: { ssh2: string } }).dependencies.ssh2).toBe(testedVersion);
});
