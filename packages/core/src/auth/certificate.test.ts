import { describe, expect, it } from "vitest";
import {
  certificateType,
  keyTypes,
  madeCertificate,
  madeKey,
  value,
  type CertificateFields,
} from "../../test/made-keys.ts";
import { string } from "../../test/raw-wire.ts";
import { readCertificate } from "./certificate.ts";

/** By ssh-keygen of OpenSSH 9.2, with an address list and a command. */
const byOpenSsh = Buffer.from(
  "AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAIIoVTZAecwdZVDF90OegX8muvrW8brWZ9RHL8cas798mAAAAICiyoOGRvRwQphT1JSWBJL/yhzooGfk5F/JMtfpXQ8mzAAAAAAAAACoAAAABAAAAEWFsaWNlQGV4YW1wbGUub3JnAAAAEgAAAAVhbGljZQAAAAVzdGFmZgAAAABeC+EAAAAAAIOqfoAAAABYAAAADWZvcmNlLWNvbW1hbmQAAAARAAAADWludGVybmFsLXNmdHAAAAAOc291cmNlLWFkZHJlc3MAAAAcAAAAGDEwLjAuMC4wLzgsMjAwMTpkYjg6Oi8zMgAAAIIAAAAVcGVybWl0LVgxMS1mb3J3YXJkaW5nAAAAAAAAABdwZXJtaXQtYWdlbnQtZm9yd2FyZGluZwAAAAAAAAAWcGVybWl0LXBvcnQtZm9yd2FyZGluZwAAAAAAAAAKcGVybWl0LXB0eQAAAAAAAAAOcGVybWl0LXVzZXItcmMAAAAAAAAAAAAAADMAAAALc3NoLWVkMjU1MTkAAAAgeYKhbOexz90duo5V1J0Wpb93vBon0hP/SjZNV+UvJkMAAABTAAAAC3NzaC1lZDI1NTE5AAAAQESg7fvjYdn4f0yY1LY80h+gKK6Tz+/nXmVQbTHjj3xXVmz3sebT3HurckkGyfVuLmgczuhe5KQu/6Bivbl2SwI=",
  "base64",
);
const ca = madeKey();
const key = madeKey();

describe("readCertificate", () => {
  it("reads what ssh-keygen has made", () => {
    const read = readCertificate(byOpenSsh);
    expect(read).toMatchObject({
      type: 1,
      serial: 42n,
      keyId: "alice@example.org",
      principals: ["alice", "staff"],
      validAfter: 1_577_836_800n,
      validBefore: 2_208_988_800n,
      key: { type: "ssh-ed25519", fingerprint: "SHA256:MQYqISUlr/jgtI9gaQzRHeqyIuZ30QNpMmaqJP8rg4w" },
      authority: { type: "ssh-ed25519", fingerprint: "SHA256:mm8GWOjn/R6cc/xM3yJNoR3yKGGMHqBzL5AhEPATevk" },
    });
    expect([...read.criticalOptions]).toEqual([
      ["force-command", value("internal-sftp")],
      ["source-address", value("10.0.0.0/8,2001:db8::/32")],
    ]);
    expect([...read.extensions.keys()]).toContain("permit-pty");
    expect(Buffer.concat([read.signed, string(read.signature)])).toEqual(byOpenSsh);
  });

  it.each(keyTypes)("finds the plain key in a certificate over one of type %s", (type) => {
    const certified = madeKey(type);
    const read = readCertificate(madeCertificate(certified, ca, { serial: 2n ** 64n - 1n }));
    expect(read.key.type).toBe(type);
    expect(read.key.blob).toEqual(certified.blob);
    expect(read.serial).toBe(2n ** 64n - 1n);
  });

  it("throws for every beginning of a certificate, and for one with something behind its end", () => {
    const whole = madeCertificate(key, ca, { criticalOptions: [["source-address", value("10.0.0.0/8")]] });
    for (let length = 0; length < whole.length; length++) {
      expect(() => readCertificate(whole.subarray(0, length))).toThrow(Error);
    }
    expect(() => readCertificate(Buffer.concat([whole, Buffer.of(0)]))).toThrow("behind its end");
  });

  it.each([
    ["a name with NUL in its principals", { principals: ["alice\0"] }],
    ["a name with NUL as its key id", { keyId: "a\0b" }],
    [
      "an option twice",
      {
        criticalOptions: [
          ["a", Buffer.alloc(0)],
          ["a", Buffer.alloc(0)],
        ],
      },
    ],
    [
      "an extension twice",
      {
        extensions: [
          ["a", Buffer.alloc(0)],
          ["a", Buffer.alloc(0)],
        ],
      },
    ],
    ["257 principals", { principals: Array.from({ length: 257 }, (_, i) => `${i}`) }],
    [
      "65 extensions",
      { extensions: Array.from({ length: 65 }, (_, i) => [`${i}`, Buffer.alloc(0)] as [string, Buffer]) },
    ],
    ["an authority that is a certificate", { authority: madeCertificate(key, ca) }],
    ["an authority of an unknown type", { authority: string("ssh-dss") }],
    ["no authority", { authority: Buffer.alloc(0) }],
  ] satisfies [string, CertificateFields][])("throws for %s", (_, fields) => {
    expect(() => readCertificate(madeCertificate(key, ca, fields))).toThrow(Error);
  });

  it("throws for an option without a value", () => {
    expect(readCertificate(withOptions(Buffer.concat([string("other"), string("")]))).criticalOptions.size).toBe(1);
    expect(() => readCertificate(withOptions(string("lonely")))).toThrow(Error);
  });

  it("takes 256 principals, and any text for a key id", () => {
    const principals = Array.from({ length: 256 }, (_, i) => `user${i}`);
    const read = readCertificate(madeCertificate(key, ca, { principals, keyId: "\u{1f600}\n" }));
    expect(read.principals).toEqual(principals);
    expect(read.keyId).toBe("\u{1f600}\n");
  });

  it.each(["ssh-ed25519", "ssh-dss-cert-v01@openssh.com", certificateType("ssh-ed25519-cert-v01@openssh.com")])(
    "throws for the type %s",
    (type) => expect(() => readCertificate(string(type))).toThrow("unknown type"),
  );
});

/** A certificate whose critical options are these bytes. */
function withOptions(bytes: Buffer): Buffer {
  const good = madeCertificate(key, ca, { criticalOptions: [["here", Buffer.alloc(0)]] });
  const from = string(Buffer.concat([string("here"), string("")]));
  const at = good.indexOf(from);
  return Buffer.concat([good.subarray(0, at), string(bytes), good.subarray(at + from.length)]);
}
