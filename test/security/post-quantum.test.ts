import { execFile, execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { promisify } from "node:util";
import { afterEach, describe, expect, test } from "vitest";
import { generateHostKey, proven } from "@sluice/core";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { startTestServer, type TestServer } from "@sluice/testing";

const method = "mlkem768x25519-sha256";
/** An OpenSSH client from 9.9 on; another than the machine's own may be named. */
const ssh = process.env["SLUICE_SSH"] ?? "ssh";
const known = ((): boolean => {
  try {
    return execFileSync(ssh, ["-Q", "kex"], { encoding: "utf8" }).split("\n").includes(method);
  } catch {
    return false;
  }
})();

const note = known ? "" : ` (cannot run: ${ssh} does not know ${method}; OpenSSH 9.9 does, name one by SLUICE_SSH)`;

let running: TestServer | undefined;
let directory: string | undefined;
afterEach(async () => {
  await running?.close();
  if (directory !== undefined) await rm(directory, { recursive: true, force: true });
});

describe.skipIf(!known)(`post-quantum key exchange${note}`, () => {
  test("is used by OpenSSH, again and again", async () => {
    directory = await mkdtemp(path.join(tmpdir(), "sluice-kex-"));
    const inside = (name: string): string => path.join(directory!, name);
    await writeFile(inside("key"), generateHostKey().privateKey, { mode: 0o600 });
    const content = randomBytes(4 * 1024 * 1024);
    await writeFile(inside("up"), content);
    await writeFile(inside("batch"), `put ${inside("up")} /file\nget /file ${inside("down")}\n`);
    running = await startTestServer({
      fs: createMemoryFileSystem(),
      methods: [{ name: "keys", mechanism: "publickey", verify: () => proven() }],
      rekey: { bytes: 1024 * 1024 },
    });
    const address = await running.server.listen({ host: "127.0.0.1", port: 0 });
    const options = ["IdentitiesOnly=yes", "BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null"];
    const port = String("port" in address ? address.port : 0);
    const tuning = [...options, "RekeyLimit=512K"].flatMap((option) => ["-o", option]);
    const files = ["-F", "none", "-i", inside("key"), "-b", inside("batch")];
    const { stderr } = await promisify(execFile)(
      "sftp",
      ["-v", "-S", ssh, "-P", port, ...files, ...tuning, "tester@127.0.0.1"],
      { timeout: 60_000 },
    );
    expect((await readFile(inside("down"))).equals(content)).toBe(true);
    const agreed = [...stderr.matchAll(/kex: algorithm: (\S+)/g)].map(([, name]) => name);
    expect(new Set(agreed)).toEqual(new Set([method]));
    expect(agreed.length).toBeGreaterThan(4);
  });
});
