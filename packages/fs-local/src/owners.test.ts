import fs from "node:fs";
import os from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeGround, refusal, variants } from "../test/fixture.ts";
import { Owners } from "./owners.ts";

describe("owner names", () => {
  let folder: string;
  let owners: Owners;
  beforeEach(() => {
    folder = fs.mkdtempSync(join(os.tmpdir(), "sluice-owners-"));
    fs.writeFileSync(
      join(folder, "passwd"),
      "# comment\nroot:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:\ntoor:x:0:0::/root:\nbroken\n+::::::\nbad:x:abc:1\n",
    );
    fs.writeFileSync(join(folder, "group"), "root:x:0:\nstaff:x:50:alice,bob\n");
    owners = new Owners(join(folder, "passwd"), join(folder, "group"));
  });
  afterEach(() => fs.rmSync(folder, { recursive: true }));

  it("come in the order of the numbers, and are undefined where there is none", async () => {
    expect(await owners.names([1000, 7, 0], [50, 0, 1])).toEqual({
      users: ["alice", undefined, "root"],
      groups: ["staff", "root", undefined],
    });
  });

  it("are read again when the file has changed", async () => {
    await owners.names([1], []);
    fs.writeFileSync(join(folder, "passwd"), "bin:x:1:1::/:\n");
    expect(await owners.names([1, 1000], [])).toEqual({ users: ["bin", undefined], groups: [] });
  });

  it("are missing where the files are", async () => {
    const none = new Owners(join(folder, "no-passwd"), join(folder, "no-group"));
    expect(await none.names([0], [0])).toEqual({ users: [undefined], groups: [undefined] });
  });

  it("turn into numbers: plain, with a domain, or as digits", async () => {
    expect(await owners.resolve({ owner: "alice", group: "staff@example.org", size: 1 })).toEqual({
      uid: 1000,
      gid: 50,
      size: 1,
    });
    expect(await owners.resolve({ owner: "4242" })).toEqual({ uid: 4242 });
    expect(await owners.resolve({ mode: 0o600 })).toEqual({ mode: 0o600 });
    expect(await refusal(owners.resolve({ owner: "mallory" }))).toBe("ownerInvalid");
    expect(await refusal(owners.resolve({ owner: "4294967296" }))).toBe("ownerInvalid");
    expect(await refusal(owners.resolve({ group: "" }))).toBe("groupInvalid");
  });

  it("are those of this machine in a file system", async () => {
    const ground = await makeGround(variants[0]!);
    try {
      expect(await ground.fs.ownerNames!([0], [0])).toEqual({ users: ["root"], groups: ["root"] });
    } finally {
      await ground.cleanUp();
    }
  });
});
