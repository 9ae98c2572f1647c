import { createMemoryFileSystem } from "@sluice/fs-memory";
import { startTestServer } from "@sluice/testing";
import { afterAll, describe, expect, it } from "vitest";
import { permissions } from "./index.ts";

const { server, close } = await startTestServer({
  fs: createMemoryFileSystem(),
  plugins: [
    permissions({
      rules: [
        { name: "no secrets", paths: ["/**/.*"], hide: true },
        {
          name: "office hours",
          groups: ["staff"],
          paths: ["/in/**"],
          allow: ["upload"],
          hours: [{ to: "18:00", timeZone: "UTC" }],
        },
        { name: "archive", paths: ["/archive/**"], allow: "read-only" },
      ],
    }),
  ],
});
afterAll(() => close());

const alice = { name: "alice", groups: ["staff"] };

describe("server.explain with permissions", () => {
  it("names the rule that decides, and does nothing", async () => {
    expect(await server.explain({ user: alice, op: "download", path: "/archive/a" })).toBe(
      "alice, download /archive/a: allowed\n  permissions allows it: download /archive/a: allowed (archive: allows read-only on /archive/**)\n",
    );
    expect(await server.explain({ user: alice, op: "remove", path: "/archive/../archive/a" })).toBe(
      "alice, remove /archive/a: refused\n  permissions refuses it: delete /archive/a: refused (no rule allows it)\n",
    );
    expect(await server.explain({ user: alice, op: "opendir", path: "/.ssh/x" })).toContain(
      "/.ssh/x is hidden by no secrets: hides on /**/.*",
    );
  });

  it("goes by the time that is asked about", async () => {
    const question = { user: alice, op: "upload", path: "/in/a" };
    const at = (time: string): Date => new Date(`2026-11-23T${time}:00Z`);
    expect(await server.explain({ ...question, at: at("17:59") })).toContain("/in/a: allowed\n");
    expect(await server.explain({ ...question, at: at("18:00") })).toContain("/in/a: refused\n");
    expect(await server.explain({ ...question, user: { name: "bob", groups: [] }, at: at("12:00") })).toContain(
      "refused",
    );
  });

  it("asks both paths of what has two, and says so where one is missing", async () => {
    await expect(server.explain({ user: alice, op: "rename", path: "/archive/a" })).rejects.toThrow(
      '"rename" has two paths',
    );
    const told = await server.explain({ user: alice, op: "rename", path: "/archive/a", to: "/in/a" });
    expect(told).toContain("alice, rename /archive/a to /in/a: refused");
    expect(told.match(/rename \/\S+: refused/g)).toHaveLength(2);
  });

  it("knows no operation that there is not, and leaves others to the file system", async () => {
    await expect(server.explain({ user: alice, op: "erase", path: "/" })).rejects.toThrow(
      'There is no operation "erase"',
    );
    expect(await server.explain({ user: alice, op: "realpath", path: "/" })).toContain("No plugin judges it");
  });
});
