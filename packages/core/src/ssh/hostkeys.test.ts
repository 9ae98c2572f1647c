import { generateKeyPairSync } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fingerprintOf } from "../auth/fingerprint.ts";
import { Writer } from "../protocol/writer.ts";
import { exposedKeyFiles, loadHostKey } from "./hostkey.ts";
import { generateHostKey, readHostKey, type GeneratedHostKey } from "./hostkeys.ts";
import { utils } from "./ssh2.ts";

let directory: string;
let key: GeneratedHostKey;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "sluice-hostkeys-"));
  key = generateHostKey();
});
afterAll(() => rmSync(directory, { recursive: true }));

const refused = (message: string | RegExp): unknown =>
  expect.objectContaining({
    code: "ERR_SLUICE_HOST_KEY",
    message: typeof message === "string" ? message : (expect.stringMatching(message) as string),
  });

function file(name: string, content: string | Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}

/** An unencrypted key in OpenSSH's format, of any type (OpenSSH, PROTOCOL.key). */
function openSshKey(type: string, publicFields: readonly Uint8Array[], privateFields: readonly Uint8Array[]): string {
  const publicKey = new Writer().text(type);
  for (const field of publicFields) publicKey.bytes(field);
  const secret = new Writer().u32(7).u32(7).text(type);
  for (const field of privateFields) secret.bytes(field);
  secret.text("comment");
  for (let i = 1; secret.length % 8 !== 0; i++) secret.u8(i);
  const whole = new Writer().raw(Buffer.from("openssh-key-v1\0")).text("none").text("none").text("").u32(1);
  const body = whole.bytes(publicKey.finish()).bytes(secret.finish()).finish().toString("base64");
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${body.replace(/.{70}/g, "$&\n")}\n-----END OPENSSH PRIVATE KEY-----\n`;
}

describe("generateHostKey", () => {
  it.each([
    [undefined, "ssh-ed25519"],
    ["ed25519", "ssh-ed25519"],
    ["ecdsa", "ecdsa-sha2-nistp256"],
    ["rsa", "ssh-rsa"],
  ] as const)("makes a key of type %s that can be loaded and can sign", (type, sshType) => {
    const made = generateHostKey(type);
    expect(made.privateKey).toMatch(/^-----BEGIN OPENSSH PRIVATE KEY-----\n/);
    expect(made.type).toBe(sshType);
    const loaded = loadHostKey({ key: made.privateKey });
    expect(loaded).toMatchObject({ type: sshType, fingerprint: made.fingerprint, publicKey: made.publicKey });
    const data = Buffer.from("session id");
    const hash = type === "rsa" ? "sha256" : undefined;
    const signature = loaded.parsed.sign(data, hash);
    expect(loaded.parsed.verify(data, signature, hash)).toBe(true);
    expect(loaded.parsed.verify(Buffer.from("another"), signature, hash)).toBe(false);
    if (type !== "rsa") return;
    // Type, exponent, and a modulus of 3,072 bits behind a zero, each behind its length.
    const blob = Buffer.from(made.publicKey.split(" ")[1] ?? "", "base64");
    expect(blob.length).toBe(4 + 7 + 4 + 3 + 4 + 385);
  });

  it("makes a key that can be read, every time", () => {
    for (let i = 0; i < 1500; i++) expect(() => loadHostKey({ key: generateHostKey().privateKey })).not.toThrow();
  });

  it("makes another key each time", () => {
    expect(generateHostKey().fingerprint).not.toBe(key.fingerprint);
  });
});

describe("loadHostKey", () => {
  it("reads a key from a file, from text or from bytes", () => {
    const path = file("host_ed25519", key.privateKey);
    for (const input of [path, { path }, { key: key.privateKey }, { key: new TextEncoder().encode(key.privateKey) }]) {
      expect(loadHostKey(input)).toMatchObject({ fingerprint: key.fingerprint, type: "ssh-ed25519" });
    }
  });

  it.each([
    ["PKCS#1", "rsa", { type: "pkcs1", format: "pem" }, "ssh-rsa"],
    ["SEC 1", "ec", { type: "sec1", format: "pem" }, "ecdsa-sha2-nistp384"],
  ] as const)("reads PEM of %s", (_, kind, privateKeyEncoding, type) => {
    const options = { modulusLength: 2048, namedCurve: "P-384", privateKeyEncoding };
    const { privateKey } = generateKeyPairSync(kind as "rsa", options as never) as unknown as { privateKey: string };
    expect(loadHostKey({ key: privateKey }).type).toBe(type);
  });

  it("reads an encrypted key with its passphrase", () => {
    const options = { passphrase: "correct horse", cipher: "aes256-cbc", rounds: 4 } as const;
    // ECDSA: one Ed25519 key in 256 that ssh2 makes cannot be read.
    const text = utils.generateKeyPairSync("ecdsa", { bits: 256, ...options }).private;
    const path = file("host_encrypted", text);
    expect(loadHostKey({ path, passphrase: "correct horse" }).type).toBe("ecdsa-sha2-nistp256");
    expect(() => loadHostKey(path)).toThrow(
      refused(`Host key ${path}: it is encrypted; a server is given its passphrase as { path, passphrase }`),
    );
    expect(() => loadHostKey({ path, passphrase: "wrong" })).toThrow(
      refused(`Host key ${path}: the passphrase is wrong, or the file is no private key`),
    );
    expect(() => loadHostKey({ key: text, passphrase: "battery staple" })).toThrow(/^(?!.*(battery|BEGIN))/);
  });

  it("says what to do where there is no such file", () => {
    const path = join(directory, "missing");
    expect(() => loadHostKey(path)).toThrow(
      refused(`Host key ${path}: there is no such file; make one with "sluice hostkey" or ssh-keygen`),
    );
  });

  it("says why a file cannot be read", () => {
    expect(() => loadHostKey(directory)).toThrow(
      refused(`Host key ${directory}: it is a directory; name the file of a private key`),
    );
  });

  it("wants the private key where it is given the public one", () => {
    const path = file("host_ed25519.pub", `${key.publicKey} comment\n`);
    expect(() => loadHostKey(path)).toThrow(refused(`Host key ${path}: holds a public key; the private one is needed`));
  });

  it.each([
    "",
    "hello\n",
    "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
    "\0\u0001",
  ])("refuses %j, which is no key", (text) => {
    expect(() => loadHostKey({ key: text })).toThrow(
      refused("Host key given as text: it is no private key in OpenSSH, PEM or PPK format"),
    );
  });

  it("refuses DSA, which no client takes any more", () => {
    const [p, q, g, y, x] = [23, 11, 4, 8, 7].map((number) => Buffer.of(number));
    const text = openSshKey("ssh-dss", [p!, q!, g!, y!], [p!, q!, g!, y!, x!]);
    expect(() => loadHostKey({ key: text })).toThrow(refused("Host key given as text: DSA keys are not supported"));
  });

  it("shows nothing of the key in a message", () => {
    const damaged = key.privateKey.slice(0, 120);
    let message = "";
    try {
      loadHostKey({ key: damaged });
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).not.toBe("");
    expect(message).not.toContain(key.privateKey.split("\n")[1]?.slice(0, 12));
  });
});

describe("readHostKey", () => {
  it("tells what may be told of a key, and nothing that can sign", () => {
    const info = readHostKey({ key: key.privateKey });
    expect(Object.keys(info).toSorted()).toEqual(["fingerprint", "publicKey", "type"]);
    const [type, blob = ""] = info.publicKey.split(" ");
    expect(type).toBe("ssh-ed25519");
    expect(fingerprintOf(Buffer.from(blob, "base64"))).toBe(info.fingerprint);
  });
});

describe("files of host keys", () => {
  it.skipIf(process.platform === "win32")("are told where other users may read or change them", () => {
    const [own, group, others] = ["own", "group", "others"].map((name) => file(name, key.privateKey)) as [
      string,
      string,
      string,
    ];
    chmodSync(group, 0o640);
    chmodSync(others, 0o602);
    const text = { key: key.privateKey };
    expect(exposedKeyFiles([own, group, { path: others }, text])).toEqual([group, others]);
  });
});
