import { parsePublicKey, type Certificate } from "@sluice/core";
import { describe, expect, it } from "vitest";
import { string, u32 } from "../../core/test/raw-wire.ts";
import { madeKey, u64 } from "../../core/test/made-keys.ts";
import { certificateOf } from "../test/support.ts";
import { isKrl, readKrl } from "./krl.ts";

/**
 * By ssh-keygen of OpenSSH 9.2: -k -s ca.pub, for the serials 7, 100-200, 1000, 1002, 1004 and 2^64 - 1, the key id "bad id", and three keys: one as it is,
 * one by SHA-1, one by SHA-256.
 */
const byOpenSsh = Buffer.from(
  "U1NIS1JMCgAAAAABAAAAAAAAAAMAAAAAawNQvgAAAAAAAAAAAAAAAAAAAAABAAAAiwAAADMAAAALc3NoLWVkMjU1MTkAAAAgeYKhbOexz90duo5V1J0Wpb93vBon0hP/SjZNV+UvJkMAAAAAIAAAAAgAAAAAAAAAByEAAAAQAAAAAAAAAGQAAAAAAAAAyCIAAAANAAAAAAAAA+gAAAABFSAAAAAI//////////8jAAAACgAAAAZiYWQgaWQCAAAANwAAADMAAAALc3NoLWVkMjU1MTkAAAAgKJ48crnAXkFdFi+uizYlCyDZwHZy0tTEz43f78hwJcoDAAAAGAAAABRv9a1Bce3rfnr+0j2kxiKq7NhZGAUAAAAkAAAAIBzDUY9v89q8tTwYqwv+smwmSKh8yFnFeruQjWWirUM/",
  "base64",
);
const ca = parsePublicKey("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHmCoWznsc/dHbqOVdSdFqW/d7waJ9IT/0o2TVflLyZD");
const keys = [
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICiePHK5wF5BXRYvros2JQsg2cB2ctLUxM+N3+/IcCXK",
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMrxj5Sv25gFYnYgmPl/UrkQ+EYG/WAnXeITWEnejaxB",
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEYjjKHaNx0pOgjKpdrVFmj+c4X4enaynOmpN6HWq53r",
].map(parsePublicKey);
const good = parsePublicKey("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBG81b7JXkSXw8YENu/D0k9jLdfDh8z0PJRZNMMJYnyj");

const of = (fields: Parameters<typeof certificateOf>[0] = {}): Certificate =>
  certificateOf({ key: good, authority: ca, serial: 5n, ...fields } as Parameters<typeof certificateOf>[0]);

const header = Buffer.concat([
  Buffer.from("SSHKRL\n\0", "latin1"),
  u32(1),
  u64(1n),
  u64(0n),
  u64(0n),
  string(""),
  string(""),
]);
const sectionOf = (type: number, ...data: Uint8Array[]): Buffer =>
  Buffer.concat([Buffer.of(type), string(Buffer.concat(data))]);
const krl = (...sections: Uint8Array[]): Buffer => Buffer.concat([header, ...sections]);
/** Of all authorities unless one is given. */
const certificates = (parts: readonly Uint8Array[], authority: Uint8Array = Buffer.alloc(0)): Buffer =>
  krl(sectionOf(1, string(authority), string(""), ...parts));

describe("a key revocation list by ssh-keygen", () => {
  const revoked = readKrl(byOpenSsh);

  it.each([7n, 100n, 150n, 200n, 1000n, 1002n, 1004n, 2n ** 64n - 1n])("revokes the serial %i", (serial) => {
    expect(revoked.why(of({ serial }))).toBe("its serial");
  });

  it.each([0n, 1n, 6n, 8n, 99n, 201n, 999n, 1001n, 1003n, 1005n, 2n ** 64n - 2n])("leaves the serial %i", (serial) => {
    expect(revoked.why(of({ serial }))).toBeUndefined();
  });

  it("revokes serials and key ids of that authority alone", () => {
    expect(revoked.why(of({ serial: 7n, authority: madeKey() }))).toBeUndefined();
    expect(revoked.why(of({ keyId: "bad id" }))).toBe("its key id");
    expect(revoked.why(of({ keyId: "bad id", authority: madeKey() }))).toBeUndefined();
    expect(revoked.why(of({ keyId: "bad" }))).toBeUndefined();
  });

  it.each([0, 1, 2])("revokes key %i, and as an authority too", (i) => {
    expect(revoked.why(of({ key: keys[i]! as never }))).toBe("its key");
    expect(revoked.why(of({ authority: keys[i]! as never }))).toBe("its authority");
  });

  it("is told from text", () => {
    expect(isKrl(byOpenSsh)).toBe(true);
    expect(isKrl(Buffer.from("SSHKRL"))).toBe(false);
    expect(isKrl(Buffer.alloc(0))).toBe(false);
  });

  it("is refused when it is cut off anywhere inside of a section", () => {
    // Where a section ends, a shorter list is a list.
    const ends = [header.length - u64(0n).length * 0];
    let at = header.length;
    while (at < byOpenSsh.length) {
      at += 5 + byOpenSsh.readUInt32BE(at + 1);
      ends.push(at);
    }
    expect(at).toBe(byOpenSsh.length);
    for (let length = 8; length < byOpenSsh.length; length++) {
      const read = (): unknown => readKrl(byOpenSsh.subarray(0, length));
      if (ends.includes(length)) expect(read).not.toThrow();
      else expect(read).toThrow("cannot be used");
    }
  });

  it("with any bit changed is refused or read, and never throws anything else", () => {
    for (let bit = 64; bit < byOpenSsh.length * 8; bit++) {
      const changed = Buffer.from(byOpenSsh);
      changed.writeUInt8((changed[bit >> 3] ?? 0) ^ (1 << (bit & 7)), bit >> 3);
      try {
        readKrl(changed).why(of());
      } catch (error) {
        expect((error as Error).message).toMatch(/^the key revocation list cannot be used: /);
      }
    }
  });
});

describe("a key revocation list", () => {
  it("may revoke certificates of every authority", () => {
    const revoked = readKrl(
      certificates([sectionOf(0x20, u64(9n), u64(3n)), sectionOf(0x23, string("a"), string("b"))]),
    );
    expect(revoked.why(of({ serial: 3n }))).toBe("its serial");
    expect(revoked.why(of({ serial: 9n, authority: madeKey() }))).toBe("its serial");
    expect(revoked.why(of({ keyId: "b" }))).toBe("its key id");
    expect(revoked.why(of({ serial: 4n }))).toBeUndefined();
  });

  it("finds each bit of a bitmap, and no other", () => {
    // Bits 0, 9 and 15 above 2^40.
    const first = 2n ** 40n;
    const revoked = readKrl(certificates([sectionOf(0x22, u64(first), string(Buffer.of(0, 0x82, 0x01)))], ca.blob));
    const found = Array.from({ length: 40 }, (_, i) => i - 8).filter(
      (i) => revoked.why(of({ serial: first + BigInt(i) })) !== undefined,
    );
    expect(found).toEqual([0, 9, 15]);
  });

  it("takes a bitmap up to the last serial, and none beyond", () => {
    const at = (first: bigint): Buffer => certificates([sectionOf(0x22, u64(first), string(Buffer.of(3)))]);
    expect(readKrl(at(2n ** 64n - 2n)).why(of({ serial: 2n ** 64n - 1n }))).toBe("its serial");
    expect(() => readKrl(at(2n ** 64n - 1n))).toThrow("none can have");
  });

  it("leaves certificates without a serial, whatever it revokes", () => {
    const revoked = readKrl(certificates([sectionOf(0x21, u64(1n), u64(2n ** 64n - 1n))]));
    expect(revoked.why(of({ serial: 0n }))).toBeUndefined();
    expect(revoked.why(of({ serial: 1n }))).toBe("its serial");
  });

  it("may hold extensions that it is allowed to ignore", () => {
    const extension = [string("x@example.org"), Buffer.of(0), string("data")];
    const revoked = readKrl(
      Buffer.concat([
        certificates([sectionOf(0x39, ...extension)]),
        sectionOf(255, ...extension),
        sectionOf(2, string(good.blob)),
      ]),
    );
    expect(revoked.why(of())).toBe("its key");
  });

  it.each([
    [
      "a critical extension",
      krl(sectionOf(255, string("x\n"), Buffer.of(1), string(""))),
      'critical extension "x\\x0a"',
    ],
    [
      "a critical extension of certificates",
      certificates([sectionOf(0x39, string("x"), Buffer.of(1), string(""))]),
      "critical",
    ],
    [
      "something behind an extension",
      krl(sectionOf(255, string("x"), Buffer.of(0), string(""), Buffer.of(0))),
      "behind its end",
    ],
    ["an unknown section", krl(sectionOf(6, string("x"))), "unknown type 6"],
    ["an unknown section of certificates", certificates([sectionOf(0x24, string("x"))]), "unknown type 36"],
    ["a signature", krl(sectionOf(4, string(good.blob)), string("signature")), "signed inside"],
    ["a hash of another length", krl(sectionOf(5, string(Buffer.alloc(20)))), "20 bytes in place of 32"],
    ["a list of serials that is cut off", certificates([sectionOf(0x20, u64(1n), Buffer.of(1))]), "cut off"],
    ["the serial 0", certificates([sectionOf(0x20, u64(1n), u64(0n))]), "the serial 0"],
    ["a range from 0", certificates([sectionOf(0x21, u64(0n), u64(1n))]), "a range of serials"],
    ["a range turned around", certificates([sectionOf(0x21, u64(2n), u64(1n))]), "a range of serials"],
    ["something behind a range", certificates([sectionOf(0x21, u64(1n), u64(2n), Buffer.of(0))]), "behind its end"],
    ["a bitmap with the serial 0", certificates([sectionOf(0x22, u64(0n), string(Buffer.of(1)))]), "none can have"],
    ["a bitmap that is negative", certificates([sectionOf(0x22, u64(1n), string(Buffer.of(0x80)))]), "malformed"],
    [
      "a bitmap over 2^24 bits",
      certificates([sectionOf(0x22, u64(1n), string(Buffer.alloc(2 ** 21 + 2, 1)))]),
      "malformed",
    ],
    ["a key id with NUL", certificates([sectionOf(0x23, string("a\0"))]), "NUL"],
    ["another format", Buffer.concat([header.subarray(0, 8), u32(2), header.subarray(12)]), "format is 2"],
    ["nothing but its name", header.subarray(0, 8), "too short"],
  ])("is refused for %s", (_, bytes, why) => {
    expect(() => readKrl(bytes)).toThrow(why);
  });
});
