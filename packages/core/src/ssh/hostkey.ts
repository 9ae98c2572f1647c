import { readFileSync, statSync } from "node:fs";
import { fingerprintOf } from "../auth/fingerprint.ts";
import { SetupError } from "../errors.ts";
import type { HostKeyInput } from "../options.ts";
import type { HostKeyInfo } from "./hostkeys.ts";
import { utils, type ParsedKey } from "./ssh2.ts";

/** A host key that is ready to sign. */
export interface HostKey extends HostKeyInfo {
  readonly parsed: ParsedKey;
}

/** Reads a host key. @throws SetupError `ERR_SLUICE_HOST_KEY` with one line that says which and why. */
export function loadHostKey(input: HostKeyInput): HostKey {
  const source = typeof input === "string" ? { path: input } : input;
  const name = "path" in source ? source.path : "given as text";
  const text = "path" in source ? readKeyFile(source.path) : source.key;
  const parsed = utils.parseKey(typeof text === "string" ? text : Buffer.from(text), source.passphrase) as
    | ParsedKey
    | ParsedKey[]
    | Error;
  if (parsed instanceof Error)
    throw new SetupError("ERR_SLUICE_HOST_KEY", `Host key ${name}: ${remedy(parsed, source.passphrase)}`);
  const key = Array.isArray(parsed) ? parsed[0] : parsed;
  if (key === undefined || !key.isPrivateKey()) {
    throw new SetupError("ERR_SLUICE_HOST_KEY", `Host key ${name}: holds a public key; the private one is needed`);
  }
  if (key.type === "ssh-dss")
    throw new SetupError("ERR_SLUICE_HOST_KEY", `Host key ${name}: DSA keys are not supported`);
  return { parsed: key, ...describe(key) };
}

/** Files of host keys that other users of this machine may read or change: sshd would refuse them. None on Windows, which has other rights. */
export function exposedKeyFiles(inputs: readonly HostKeyInput[]): string[] {
  if (process.platform === "win32") return [];
  return inputs
    .flatMap((input) => (typeof input === "string" ? input : "path" in input ? input.path : []))
    .filter((path) => (statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o077);
}

function describe(key: ParsedKey): HostKeyInfo {
  const blob = key.getPublicSSH();
  return { type: key.type, fingerprint: fingerprintOf(blob), publicKey: `${key.type} ${blob.toString("base64")}` };
}

function readKeyFile(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why =
      code === "ENOENT"
        ? 'there is no such file; make one with "sluice hostkey" or ssh-keygen'
        : code === "EACCES"
          ? "this user may not read it"
          : code === "EISDIR"
            ? "it is a directory; name the file of a private key"
            : `it cannot be read (${code ?? "unknown"})`;
    throw new SetupError("ERR_SLUICE_HOST_KEY", `Host key ${path}: ${why}`, { cause: error });
  }
}

function remedy(error: Error, passphrase: string | undefined): string {
  if (/passphrase given|no passphrase/i.test(error.message) && passphrase === undefined) {
    return "it is encrypted; a server is given its passphrase as { path, passphrase }";
  }
  if (passphrase !== undefined) return "the passphrase is wrong, or the file is no private key";
  return "it is no private key in OpenSSH, PEM or PPK format";
}
