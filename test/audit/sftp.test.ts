import { execFile, spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { audit } from "@sluice/audit";
import { createServer, generateHostKey, proven, SftpError, type Server } from "@sluice/core";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { describe, expect, it, onTestFinished } from "vitest";
import { recordsIn, scratch } from "./fixture.ts";

const reason = spawnSync("sftp", ["-V"]).error === undefined ? undefined : "OpenSSH's sftp is not installed";
const sha256 = (data: Uint8Array): string => createHash("sha256").update(data).digest("hex");

async function serve(
  file: string,
  hash: "all" | "uploads",
): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer({ hostKeys: [{ key: generateHostKey().privateKey }], log: { level: "silent" } });
  server.authenticate({ name: "key", mechanism: "publickey", verify: () => proven() });
  server.mount("/", createMemoryFileSystem());
  server.before("remove", () => {
    throw new SftpError("permissionDenied", "Nothing is removed here", { detail: "rule 7" });
  });
  server.register(audit({ file, hash }));
  const address = await server.listen({ host: "127.0.0.1", port: 0 });
  onTestFinished(() => server.close({ graceMs: 0 }));
  return { server, port: (address as { port: number }).port };
}

describe.skipIf(reason !== undefined)(`OpenSSH's sftp${reason === undefined ? "" : ` (cannot run: ${reason})`}`, () => {
  it("leaves a record of its login, its transfers with hashes, its changes, its refusal and its session", async () => {
    const directory = scratch();
    const file = join(directory, "audit.jsonl");
    const { server, port } = await serve(file, "all");
    const data = randomBytes(5_000_000);
    writeFileSync(join(directory, "data"), data);
    writeFileSync(join(directory, "id"), generateHostKey().privateKey, { mode: 0o600 });
    const commands = ["put data up", "get up down", "mkdir made", "rename up made/up", "-rm made/up"];
    writeFileSync(join(directory, "batch"), `${commands.join("\n")}\n`);
    const options = [
      "StrictHostKeyChecking=no",
      "UserKnownHostsFile=/dev/null",
      "IdentitiesOnly=yes",
      "LogLevel=ERROR",
    ];
    const args = [
      "-F",
      "none",
      "-b",
      "batch",
      "-P",
      String(port),
      "-i",
      "id",
      ...options.flatMap((option) => ["-o", option]),
    ];
    await promisify(execFile)("sftp", [...args, "alice@127.0.0.1"], { cwd: directory, timeout: 30_000 });
    await server.close({ graceMs: 5000 });
    const records = recordsIn(file);
    const of = (type: string): unknown[] => records.filter((record) => record.type === type);
    expect(of("login").at(-1)).toMatchObject({
      outcome: "ok",
      user: "alice",
      factors: ["key"],
      client: expect.stringMatching(/^OpenSSH_/) as string,
    });
    expect(of("transfer")).toMatchObject([
      { outcome: "completed", direction: "upload", path: "/up", bytesWritten: data.length, sha256: sha256(data) },
      { outcome: "completed", direction: "download", path: "/up", bytesRead: data.length, sha256: sha256(data) },
    ]);
    expect(of("operation")).toMatchObject(
      expect.arrayContaining([
        expect.objectContaining({ op: "mkdir", path: "/made", outcome: "ok" }),
        expect.objectContaining({ op: "rename", path: "/up", to: "/made/up", outcome: "ok" }),
        expect.objectContaining({ op: "remove", path: "/made/up", outcome: "refused", rule: "rule 7" }),
      ]) as object,
    );
    expect(of("session")).toMatchObject([
      { user: "alice", files: 2, bytesRead: data.length, bytesWritten: data.length },
    ]);
  });
});
