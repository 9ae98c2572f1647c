import { describe, expect, it } from "vitest";
import { keyTypes, madeCertificate, madeKey } from "../../test/made-keys.ts";
import { parsePublicKey } from "./key-line.ts";

describe("parsePublicKey", () => {
  it.each(keyTypes)("reads a line with a key of type %s", (type) => {
    const key = madeKey(type);
    expect(parsePublicKey(key.line)).toMatchObject({ type, blob: key.blob });
    expect(parsePublicKey(`  ${type}\t${key.blob.toString("base64")}  `).fingerprint).toMatch(/^SHA256:.{43}$/);
  });

  it("throws for whatever is no plain key, whole and strong enough", () => {
    const key = madeKey();
    const certificate = madeCertificate(key, key).toString("base64");
    for (const line of [
      "",
      "ssh-ed25519",
      "ssh-ed25519 AAAA!",
      `restrict ${key.line}`,
      `ssh-rsa ${key.blob.toString("base64")}`,
      `ssh-ed25519 ${key.blob.subarray(0, -1).toString("base64")}`,
      `ssh-ed25519-cert-v01@openssh.com ${certificate}`,
      `ssh-ed25519 ${certificate}`,
      "ssh-dss AAAA",
      madeKey("ssh-rsa", { bits: 1024 }).line,
    ]) {
      expect(() => parsePublicKey(line)).toThrow(TypeError);
    }
  });
});
