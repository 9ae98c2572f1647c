import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fingerprintOf, type Certificate, type PublicKey } from "@sluice/core";
import { onTestFinished } from "vitest";
import { always, certificateType, madeKey, type MadeKey } from "../../core/test/made-keys.ts";

/** A directory of the test's own, removed after it. */
export async function temporaryDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "sluice-certificates-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

export function plain({ type, blob }: Pick<MadeKey, "type" | "blob">): PublicKey {
  return { type, blob, fingerprint: fingerprintOf(blob) };
}

/** What core shows a method of a certificate. */
export function certificateOf(
  fields: Partial<Omit<Certificate, "key" | "authority">> & {
    key?: Pick<MadeKey, "type" | "blob">;
    authority?: Pick<MadeKey, "type" | "blob">;
  } = {},
): Certificate {
  const { key = madeKey(), authority = madeKey(), ...rest } = fields;
  return {
    serial: 1n,
    keyId: "alice's laptop",
    principals: ["alice"],
    ...always,
    criticalOptions: new Map(),
    extensions: new Map(),
    ...rest,
    key: plain(key),
    authority: plain(authority),
  };
}

/** A key that is a certificate. Its blob is nothing that core would let pass: the method does not look at it. */
export function offered(certificate: Certificate): PublicKey {
  const blob = Buffer.from(`certificate over ${certificate.key.fingerprint}`);
  return { type: certificateType(certificate.key.type), blob, fingerprint: fingerprintOf(blob), certificate };
}
