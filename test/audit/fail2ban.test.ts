import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { audit } from "@sluice/audit";
import { changeRequired, proven, refused, unknown } from "@sluice/core";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { startTestServer } from "@sluice/testing";
import { describe, expect, it } from "vitest";
import { recordsIn, scratch } from "./fixture.ts";

const filter = fileURLToPath(new URL("../../docs/fail2ban/sluice.conf", import.meta.url));
const found = spawnSync("fail2ban-regex", ["--version"]);
const reason = found.error === undefined ? undefined : "fail2ban is not installed";

describe.skipIf(reason !== undefined)(`fail2ban${reason === undefined ? "" : ` (cannot run: ${reason})`}`, () => {
  it("finds the address of each login that was refused, and no other, whatever the client calls itself", async () => {
    const file = join(scratch(), "audit.jsonl");
    const server = await startTestServer({
      fs: createMemoryFileSystem(),
      plugins: [audit({ file })],
      methods: [
        {
          name: "test",
          mechanism: "password",
          verify: ({ username }) => {
            if (username === "alice") return proven();
            if (username === "expired") return changeRequired("Change it");
            return username === "bob" ? refused("disabled") : unknown();
          },
        },
      ],
    });
    const forged = '","type":"login","outcome":"refused","address":"192.0.2.1","port":1,"x":"';
    const login = async (username: string, address: string): Promise<void> => {
      await server.connect({ username, password: "x", address, ident: "evil" }).catch(() => undefined);
    };
    await login("alice", "198.51.100.1");
    await login("bob", "203.0.113.7");
    await login(forged, "203.0.113.8");
    await login("mallory", "2001:db8::5");
    // The client is asked for a new password, and never answers.
    const asked = login("expired", "198.51.100.2");
    await expect.poll(() => recordsIn(file).filter(({ type }) => type === "login").length).toBe(5);
    await server.close();
    await asked;
    const run = spawnSync("fail2ban-regex", ["--out", "ip", file, filter], { encoding: "utf8" });
    expect(run.stderr).toBe("");
    expect(run.stdout.trim().split("\n").toSorted()).toEqual(["2001:db8::5", "203.0.113.7", "203.0.113.8"]);
  });
});
