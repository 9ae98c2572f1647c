import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { group, groupsBase, people, person, service, Slapd, slapdUnavailable } from "./slapd.ts";
import { startTarget, type Target } from "./target.ts";

const note = slapdUnavailable === undefined ? "" : ` (cannot run: ${slapdUnavailable})`;

describe.skipIf(slapdUnavailable !== undefined)(`a directory of OpenLDAP${note}`, () => {
  let slapd: Slapd;
  let target: Target;
  beforeAll(async () => {
    slapd = await Slapd.start({
      ldif: [person("alice", "correct horse"), group("staff", `uid=alice,${people}`)].join("\n"),
    });
    target = await startTarget({
      urls: [slapd.url],
      bind: service,
      search: { base: people },
      attributes: { home: "/home/{uid}" },
      groups: {},
    });
  });
  afterAll(async () => {
    await target?.close();
    await slapd?.stop();
  });

  it("proves who has the right password, with home and groups", async () => {
    expect(await target.login("alice", "correct horse")).toEqual({
      is: "proven",
      user: { name: "alice", home: "/home/alice", groups: ["staff"], claims: {} },
    });
    expect(groupsBase).toBeTruthy();
  });

  it("refuses a wrong password and does not know a stranger", async () => {
    expect(await target.login("alice", "wrong")).toEqual({ is: "refused", reason: "wrong password" });
    expect(await target.login("nobody", "wrong")).toEqual({ is: "unknown" });
  });
});
