import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Verdict } from "@sluice/core";
import { authAttempt, authMethodSuite, runSuite } from "@sluice/testing";
import { describe, expect, it, vi } from "vitest";
import { cheapHash, ed25519Key, fidoKey, rsaKey, temporaryDirectory, TestLog } from "../test/support.ts";
import { Directory } from "./directory.ts";
import { keyMethod } from "./key-method.ts";
import * as passwords from "./password.ts";
import { passwordMethod } from "./password-method.ts";

const alice = ed25519Key();
const build = rsaKey(2048);
const stale = ed25519Key();
const other = ed25519Key();

const [plainFido, untouched, verified] = [fidoKey("ed25519"), fidoKey("ecdsa"), fidoKey("ed25519")];
const [ca, teamCa] = [ed25519Key(), ed25519Key()];

const file = `
users:
  alice:
    password: ${cheapHash("correct horse")}
    keys:
      - ${alice.line} laptop
      - from="10.0.0.0/8,!10.0.0.5" ${build.line} build
      - expiry-time="20200101" ${stale.line} stale
    home: /projects
    groups: [staff]
    claims: { department: sales }
  Zo\u00eb:
    password: ${cheapHash("battery staple")}
    keys: ["${other.line}"]
  blocked:
    password: ${cheapHash("correct horse")}
    keys: ["${alice.line}"]
    disabled: true
  former:
    password: ${cheapHash("correct horse")}
    keys: ["${alice.line}"]
    expires: 2020-01-01
  future:
    password: ${cheapHash("correct horse")}
    keys: ["${alice.line}"]
    expires: 2999-01-01T00:00:00Z
  keyed:
    keys:
      - ${plainFido.line}
      - no-touch-required ${untouched.line}
      - verify-required ${verified.line}
  certified:
    keys:
      - cert-authority ${ca.line}
      - cert-authority,principals="team,crew",no-touch-required,verify-required ${teamCa.line}
  bare: {}
  shut: { disabled: true }
`;

async function directory(): Promise<Directory> {
  const path = join(await temporaryDirectory(), "users.yaml");
  await writeFile(path, file, { mode: 0o600 });
  return Directory.open(path, new TestLog().logger, { watch: false });
}

runSuite(
  "the method password",
  authMethodSuite<"password">({
    create: async () => ({
      method: passwordMethod(await directory()),
      good: { username: "alice", credentials: { password: "correct horse" } },
      other: { username: "Zoe\u0308", credentials: { password: "battery staple" } },
      wrong: [
        { username: "alice", credentials: { password: "battery staple" } },
        { username: "alice", credentials: { password: "Correct horse" } },
        { username: "Alice", credentials: { password: "correct horse" } },
        { username: "blocked", credentials: { password: "correct horse" } },
        { username: "former", credentials: { password: "correct horse" } },
        { username: "bare", credentials: { password: "correct horse" } },
      ],
    }),
  }),
  { describe, it },
);

runSuite(
  "the method authorized-keys",
  authMethodSuite<"publickey">({
    create: async () => ({
      method: keyMethod(await directory()),
      good: { username: "alice", credentials: { key: alice.key } },
      other: { username: "Zo\u00eb", credentials: { key: other.key } },
      wrong: [
        { username: "alice", credentials: { key: other.key } },
        { username: "alice", credentials: { key: stale.key } },
        { username: "alice", credentials: { key: build.key } },
        { username: "blocked", credentials: { key: alice.key } },
        { username: "former", credentials: { key: alice.key } },
        { username: "bare", credentials: { key: alice.key } },
      ],
    }),
  }),
  { describe, it },
);

async function byPassword(username: string, password: string, signal?: AbortSignal): Promise<Verdict> {
  const method = passwordMethod(await directory());
  const options = signal === undefined ? {} : { signal };
  return method.verify(authAttempt("password", { username, credentials: { password } }, options));
}

async function byKey(username: string, { key }: typeof alice, remoteAddress = "192.0.2.1"): Promise<Verdict> {
  return keyMethod(await directory()).verify(
    authAttempt("publickey", { username, credentials: { key } }, { remoteAddress }),
  );
}

const provenAlice = {
  is: "proven",
  user: { name: "alice", home: "/projects", groups: ["staff"], claims: { department: "sales" } },
};

const provenByKey = { ...provenAlice, key: { touch: true, verification: false } };

describe("a password", () => {
  it("proves the user whom the file describes", async () => {
    expect(await byPassword("alice", "correct horse")).toEqual(provenAlice);
    expect(await byPassword("Zoe\u0308", "battery staple")).toEqual({
      is: "proven",
      user: { name: "Zo\u00eb", groups: [], claims: {} },
    });
    expect((await byPassword("future", "correct horse")).is).toBe("proven");
  });

  it.each([
    ["alice", "wrong", { is: "refused", reason: "wrong password" }],
    ["blocked", "correct horse", { is: "refused", reason: "disabled" }],
    ["blocked", "wrong", { is: "refused", reason: "disabled" }],
    ["former", "correct horse", { is: "refused", reason: "expired" }],
    ["bare", "correct horse", { is: "unknown" }],
    ["shut", "correct horse", { is: "unknown" }],
    ["nobody", "correct horse", { is: "unknown" }],
  ])("of %s, %j, is answered %j", async (username, password, verdict) => {
    expect(await byPassword(username, password)).toEqual(verdict);
  });

  it("costs the same for everybody: one hash of the file's parameters", async () => {
    const method = passwordMethod(await directory());
    const verify = vi.spyOn(passwords, "verifyPassword");
    for (const username of ["alice", "blocked", "former", "bare", "shut", "nobody", "", "a".repeat(9999), "../x"]) {
      verify.mockClear();
      await method.verify(authAttempt("password", { username, credentials: { password: "guess" } }));
      expect(verify).toHaveBeenCalledTimes(1);
      expect(String(verify.mock.calls[0]?.[0])).toMatch(/^\$scrypt\$ln=1,r=1,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
    }
    verify.mockRestore();
  });

  it("is refused while too many others are being checked, and not for long", async () => {
    const method = passwordMethod(await directory());
    const sample = { username: "alice", credentials: { password: "correct horse" } };
    const attempt = async (): Promise<Verdict> => method.verify(authAttempt("password", sample));
    const verdicts = await Promise.all(Array.from({ length: 100 }, attempt));
    const refusals = verdicts.filter((verdict) => verdict.is === "refused");
    expect(refusals.length).toBe(34);
    expect(refusals[0]).toEqual({ is: "refused", reason: "too many password checks are waiting" });
    expect((await attempt()).is).toBe("proven");
  });

  it("is not checked for a client that has left", async () => {
    expect(await byPassword("alice", "correct horse", AbortSignal.abort())).toEqual({
      is: "refused",
      reason: "the client left",
    });
  });
});

describe("a key", () => {
  it("proves the user whom the file describes", async () => {
    expect(await byKey("alice", alice)).toEqual(provenByKey);
    expect((await byKey("future", alice)).is).toBe("proven");
  });

  it.each([
    ["alice", other, { is: "refused", reason: "key not authorised" }],
    ["alice", stale, { is: "refused", reason: "key expired" }],
    ["blocked", alice, { is: "refused", reason: "disabled" }],
    ["blocked", other, { is: "refused", reason: "disabled" }],
    ["former", alice, { is: "refused", reason: "expired" }],
    ["bare", alice, { is: "unknown" }],
    ["nobody", alice, { is: "unknown" }],
  ])("for %s is answered as it should be", async (username, key, verdict) => {
    expect(await byKey(username, key)).toEqual(verdict);
  });

  it("counts only from where it may come", async () => {
    for (const address of ["10.0.0.4", "::ffff:10.200.0.1"])
      expect(await byKey("alice", build, address)).toEqual(provenByKey);
    for (const address of ["10.0.0.5", "::ffff:10.0.0.5", "192.0.2.1", "2001:db8::1", ""]) {
      expect(await byKey("alice", build, address)).toEqual({ is: "refused", reason: "address not allowed by from=" });
    }
  });

  it("is compared whole: neither its type nor its fingerprint counts", async () => {
    const forged = { key: { ...alice.key, blob: other.key.blob } };
    expect((await byKey("alice", { ...alice, ...forged })).is).toBe("refused");
  });

  it("that is a security key is demanded what its line says", async () => {
    expect(await byKey("keyed", plainFido)).toMatchObject({ key: { touch: true, verification: false } });
    expect(await byKey("keyed", untouched)).toMatchObject({ key: { touch: false, verification: false } });
    expect(await byKey("keyed", verified)).toMatchObject({ key: { touch: true, verification: true } });
  });
});

/** A certificate as core shows it to methods. */
function certified(authority: typeof alice, principals: readonly string[]): typeof alice {
  const certificate = {
    key: other.key,
    serial: 1n,
    keyId: "a certificate",
    principals,
    validAfter: 0n,
    validBefore: 2n ** 64n - 1n,
    authority: authority.key,
    criticalOptions: new Map(),
    extensions: new Map(),
  };
  const blob = Buffer.from("a certificate's blob");
  return { line: "", key: { type: "ssh-ed25519-cert-v01@openssh.com", blob, fingerprint: "SHA256:", certificate } };
}

describe("a certificate", () => {
  it("of an authority in the user's lines counts for the user's name, and names the authority", async () => {
    expect(await byKey("certified", certified(ca, ["x", "certified"]))).toMatchObject({
      is: "proven",
      user: { name: "certified" },
      key: { authority: ca.key.blob, touch: true, verification: false },
    });
    expect((await byKey("certified", certified(ca, ["alice"]))).is).toBe("refused");
    expect((await byKey("certified", certified(ca, []))).is).toBe("refused");
  });

  it("counts for the principals of the line in place of the user's name", async () => {
    expect(await byKey("certified", certified(teamCa, ["team"]))).toMatchObject({
      is: "proven",
      key: { authority: teamCa.key.blob, touch: false, verification: true },
    });
    expect((await byKey("certified", certified(teamCa, ["certified"]))).is).toBe("refused");
  });

  it("of another authority is left to other methods, unless the user is barred", async () => {
    expect(await byKey("certified", certified(other, ["certified"]))).toEqual({ is: "unknown" });
    expect(await byKey("alice", certified(alice, ["alice"]))).toEqual({ is: "unknown" });
    expect(await byKey("blocked", certified(other, ["blocked"]))).toEqual({ is: "refused", reason: "disabled" });
  });

  it("is needed: an authority does not log in by its own key", async () => {
    expect(await byKey("certified", ca)).toEqual({ is: "refused", reason: "key not authorised" });
  });
});
