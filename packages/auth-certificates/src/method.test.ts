import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { PublicKey, Verdict } from "@sluice/core";
import { authAttempt, authMethodSuite, capturedLog, runSuite } from "@sluice/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { madeCertificate, madeKey } from "../../core/test/made-keys.ts";
import { certificateOf, offered, plain, temporaryDirectory } from "../test/support.ts";
import { readAuthorities } from "./authorities.ts";
import { certificateMethod, type Trust } from "./method.ts";
import { principalsBy } from "./principals.ts";
import { openRevocations } from "./revocations.ts";
import { readRevokedText } from "./revoked-text.ts";

const [ca, second] = [madeKey(), madeKey("ecdsa-sha2-nistp256")];
const trusting = (trust: Partial<Trust> = {}): Trust => ({
  authorities: async () => [plain(ca), plain(second)],
  revocations: async () => undefined,
  principalsOf: principalsBy(undefined),
  touch: false,
  verification: false,
  ...trust,
});
const verify = async (key: PublicKey, username = "alice", trust: Partial<Trust> = {}): Promise<Verdict> =>
  certificateMethod(trusting(trust)).verify(authAttempt("publickey", { username, credentials: { key } }));
const from = (fields: Parameters<typeof certificateOf>[0] = {}): PublicKey =>
  offered(certificateOf({ authority: ca, ...fields }));
const sample = (username: string, key: PublicKey): { username: string; credentials: { key: PublicKey } } => ({
  username,
  credentials: { key },
});

runSuite(
  "the method certificate",
  authMethodSuite<"publickey">({
    except: {
      "odd credentials are answered, and never proven":
        "they change the blob alone, which core has read: the method is shown the certificate",
    },
    create: async () => ({
      method: certificateMethod(trusting()),
      good: sample("alice", from()),
      other: sample("bob", from({ principals: ["bob"], authority: second })),
      wrong: [
        sample("alice", from({ principals: ["bob"] })),
        sample("alice", from({ authority: madeKey() })),
        sample("alice", plain(ca)),
        sample("alice", plain(madeKey())),
      ],
    }),
  }),
  { describe, it },
);

describe("the method certificate", () => {
  it("trusts the authority that has signed, and tells the audit trail whom it named", async () => {
    const certificate = certificateOf({ authority: second, serial: 2n ** 64n - 1n });
    expect(await verify(offered(certificate))).toEqual({
      is: "proven",
      user: {
        claims: {
          certificate: {
            keyId: "alice's laptop",
            serial: "18446744073709551615",
            key: certificate.key.fingerprint,
            authority: certificate.authority.fingerprint,
          },
        },
      },
      key: { authority: second.blob, touch: true, verification: false },
    });
  });

  it("does not know plain keys, nor certificates of other authorities", async () => {
    expect(await verify(plain(ca))).toEqual({ is: "unknown" });
    expect(await verify(from({ authority: madeKey() }))).toEqual({ is: "unknown" });
  });

  it("refuses a certificate that does not name the user, or names nobody", async () => {
    for (const principals of [[], [""], ["bob"], ["Alice"], ["alice "], ["*"], ["alice,bob"]]) {
      expect(await verify(from({ principals }))).toMatchObject({ is: "refused" });
    }
    expect(await verify(from({ principals: ["bob", "alice"] }))).toMatchObject({ is: "proven" });
    expect(await verify(from({ principals: ["Ame\u0301lie"] }), "Am\u00e9lie")).toMatchObject({ is: "proven" });
  });

  it("takes principals from a map, in which whoever is not listed is nobody", async () => {
    const principalsOf = principalsBy({ alice: ["sftp-users", "admins"], "Am\u00e9lie": ["Zoe\u0308"] });
    const by = (principals: readonly string[], username: string): Promise<Verdict> =>
      verify(from({ principals }), username, { principalsOf });
    expect(await by(["sftp-users"], "alice")).toMatchObject({ is: "proven" });
    expect(await by(["Zo\u00eb"], "Am\u00e9lie")).toMatchObject({ is: "proven" });
    expect(await by(["alice"], "alice")).toMatchObject({ is: "refused" });
    for (const name of ["bob", "constructor", "__proto__"]) {
      expect(await by([name, "sftp-users"], name)).toMatchObject({ is: "refused" });
    }
  });

  it("takes principals from a function, and fails where it does", async () => {
    const principalsOf = principalsBy(async (username) => [`${username}@example.org`]);
    expect(await verify(from({ principals: ["alice@example.org"] }), "alice", { principalsOf })).toMatchObject({
      is: "proven",
    });
    const failing = principalsBy(() => Promise.reject(new Error("down")));
    await expect(verify(from(), "alice", { principalsOf: failing })).rejects.toThrow("down");
  });

  it("refuses what is revoked, and says why fit for a log", async () => {
    const revoked = readRevokedText(Buffer.from("serial: 66\nid: lost\n"));
    const revocations = async (): Promise<typeof revoked> => revoked;
    expect(await verify(from({ serial: 66n, keyId: "a\u001b[2J" }), "alice", { revocations })).toEqual({
      is: "refused",
      reason: 'the certificate "a\\x1b[2J" (serial 66) is revoked: its serial',
    });
    expect(await verify(from({ keyId: "lost" }), "alice", { revocations })).toMatchObject({ is: "refused" });
    expect(await verify(from(), "alice", { revocations })).toMatchObject({ is: "proven" });
  });

  it("waives a touch only where the certificate says so and the options do not demand it", async () => {
    const waiving = from({ extensions: new Map([["no-touch-required", new Uint8Array()]]) });
    expect(await verify(waiving)).toMatchObject({ key: { touch: false, verification: false } });
    expect(await verify(waiving, "alice", { touch: true })).toMatchObject({ key: { touch: true } });
    expect(await verify(from())).toMatchObject({ key: { touch: true } });
    expect(await verify(waiving, "alice", { verification: true })).toMatchObject({ key: { verification: true } });
  });
});

describe("authorities", () => {
  it("come from lines and files together, and files are followed", async () => {
    const path = join(await temporaryDirectory(), "ca.pub");
    await writeFile(path, `# ours\n${second.line}\n\n`);
    const authorities = await readAuthorities([ca.line, path], capturedLog());
    onTestFinished(() => authorities.close());
    const blobs = async (): Promise<unknown> => (await authorities.current()).map(({ blob }) => blob);
    expect(await blobs()).toEqual([ca.blob, second.blob]);
    const third = madeKey();
    await writeFile(path, `${second.line}\n${third.line}\n`);
    expect(await blobs()).toEqual([ca.blob, second.blob, third.blob]);
    await writeFile(path, "");
    expect(await blobs()).toEqual([ca.blob, second.blob, third.blob]);
  });

  it.each([
    ["an empty file", "# nothing\n", "holds no keys"],
    [
      "a certificate",
      `ssh-ed25519-cert-v01@openssh.com ${madeCertificate(ca, ca).toString("base64")}\n`,
      "line 1: A key is needed",
    ],
    ["options", `\ncert-authority ${ca.line}\n`, "line 2: A key is needed"],
    ["a short RSA key", madeKey("ssh-rsa", { bits: 1024 }).line, "too short"],
  ])("are not read from %s", async (_, content, why) => {
    const path = join(await temporaryDirectory(), "ca.pub");
    await writeFile(path, content);
    await expect(readAuthorities([path], capturedLog())).rejects.toThrow(why);
  });

  it("are not read from a malformed line or a file that is not there", async () => {
    await expect(readAuthorities(["ssh-ed25519 AAAA"], capturedLog())).rejects.toThrow(
      "authorities.0: The key cannot be used",
    );
    await expect(readAuthorities(["./missing.pub"], capturedLog())).rejects.toThrow("there is no such file");
  });
});

describe("a revocation list", () => {
  it("takes effect at the next login, text or binary", async () => {
    const path = join(await temporaryDirectory(), "revoked");
    await writeFile(path, "");
    const revocations = await openRevocations(path, capturedLog());
    onTestFinished(() => revocations.close());
    const now = async (): Promise<string> =>
      (await verify(from(), "alice", { revocations: () => revocations.current() })).is;
    expect(await now()).toBe("proven");
    await writeFile(path, "serial: 1\n");
    expect(await now()).toBe("refused");
    await writeFile(
      path,
      Buffer.from("5353484b524c0a000000000100000000000000010000000000000000000000000000000000000000", "hex"),
    );
    expect(await now()).toBe("refused");
    await writeFile(
      path,
      Buffer.from("5353484b524c0a00000000010000000000000001000000000000000000000000000000000000000000000000", "hex"),
    );
    expect(await now()).toBe("proven");
  });
});
