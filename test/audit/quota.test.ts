import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { audit } from "@sluice/audit";
import { localFiles } from "@sluice/fs-local";
import { quota } from "@sluice/quota";
import { startTestServer } from "@sluice/testing";
import { expect, it, onTestFinished } from "vitest";

it.each(["available", "strict"] as const)(
  "an upload that is more than the quota leaves nothing behind, and is recorded as refused, with who refused it (%s)",
  async (mode) => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-over-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    mkdirSync(join(folder, "files"));
    const file = join(folder, "audit.jsonl");
    const server = await startTestServer({
      prepare: (given) => given.mount("/", localFiles({ root: join(folder, "files") })),
      plugins: [audit({ file, mode }), quota({ users: { "*": { bytes: 100_000 } } })],
    });
    onTestFinished(() => server.close());
    const client = await (await server.connect()).sftp();
    await client.writeFile("/kept", "as it was");
    for (const path of ["/kept", "/new"]) {
      await expect(client.writeFile(path, Buffer.alloc(300_000))).rejects.toMatchObject({
        code: 4,
        message: "Quota exceeded: no more bytes for user tester",
      });
    }
    await server.close();
    expect(readdirSync(join(folder, "files"))).toEqual(["kept"]);
    expect(readFileSync(join(folder, "files/kept"), "utf8")).toBe("as it was");
    const records = readFileSync(file, "utf8").trimEnd().split("\n");
    const transfers = records.map((line) => JSON.parse(line) as Record<string, unknown>);
    const refused = {
      outcome: "refused",
      status: "quotaExceeded",
      message: "Quota exceeded: no more bytes for user tester",
      rule: "quota: user tester: 100000 bytes at most",
      sha256: null,
      failures: { op: "write", status: "quotaExceeded", rule: "quota: user tester: 100000 bytes at most" },
    };
    expect(transfers.filter(({ type }) => type === "transfer")).toMatchObject([
      { path: "/kept", outcome: "completed" },
      { path: "/kept", ...refused },
      { path: "/new", ...refused },
    ]);
  },
);
