import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { afterEach, expect, it, vi } from "vitest";
import { generateHostKey } from "./hostkeys.ts";
import { hasNativeCrypto } from "./ssh2.ts";
import type * as Ssh2 from "./ssh2.ts";

interface Addon {
  readonly [name: string]: { readonly prototype: { encrypt?: () => void } };
}
const addonPath = "ssh2/lib/protocol/crypto/build/Release/sshcrypto.node";
const addon = hasNativeCrypto ? (createRequire(import.meta.url)(addonPath) as Addon) : {};

afterEach(() => {
  vi.restoreAllMocks();
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

it.skipIf(!hasNativeCrypto).each(["AESGCMCipher", "GenericCipher", "ChaChaPolyCipher"])(
  "A server refuses to start with an addon whose %s fails, as one does that was built for another OpenSSL",
  async (name) => {
    vi.spyOn(addon[name]!.prototype, "encrypt").mockImplementation(() => {
      throw new Error("invalid operation");
    });
    await expect(start(() => ({}))).rejects.toMatchObject({
      code: "ERR_SLUICE_SSH_LIBRARY",
      message: expect.stringContaining("invalid operation (under "),
    });
  },
);

it.skipIf(!hasNativeCrypto)("A cipher that fails later ends the connection, and nothing else", async () => {
  const { createMemoryFileSystem } = await import("@sluice/fs-memory");
  const { startTestServer } = await import("@sluice/testing");
  const fs = createMemoryFileSystem();
  const { server, connect, idle, close, log } = await startTestServer({ fs });
  try {
    const clients = [await connect(), await connect()];
    const [connection] = server.connections;
    const broken = vi.spyOn(addon["AESGCMCipher"]!.prototype, "encrypt").mockImplementation(() => {
      throw new Error("invalid operation");
    });
    // A goodbye has to be encrypted, too.
    connection!.end("Enough");
    await log.waitFor(({ message }) => message === "Disconnected");
    broken.mockRestore();
    await (await clients[1]!.sftp()).stat("/");
    for (const client of clients) client.cut();
    await idle();
  } finally {
    await close();
  }
});

it("The version that is tested is the one that the package asks for", async () => {
  const { testedVersion } = await import("./ssh2.ts");
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  expect((JSON.parse(text) as { dependencies: { ssh2: string } }).dependencies.ssh2).toBe(testedVersion);
});
