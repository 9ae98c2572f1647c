import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { SetupError } from "@sluice/core";
import type { Settings } from "./settings.ts";
import type { Security } from "./transport.ts";

/** Reads the certificates and keys that the options name. @throws SetupError `ERR_SLUICE_OPTIONS` that names the option */
export function readSecurity({ tls, startTls }: Settings): Security {
  const { ca, cert, key, passphrase, serverName, minVersion } = tls;
  const read = {
    ...(ca === undefined ? {} : { ca: [ca].flat().map((file) => contents("ca", file)) }),
    ...(cert === undefined ? {} : { cert: contents("cert", cert) }),
    ...(key === undefined ? {} : { key: contents("key", key) }),
    ...(passphrase === undefined ? {} : { passphrase }),
    minVersion,
  };
  tryOut("ca", { ca: read.ca });
  tryOut("cert", { cert: read.cert });
  tryOut("key", { cert: read.cert, key: read.key, passphrase });
  return { startTls, serverName, tls: read };
}

function contents(option: string, file: string): string {
  try {
    const text = readFileSync(file, "utf8");
    if (!text.includes("-----BEGIN ")) throw mistake(option, `${file} holds no PEM`);
    return text;
  } catch (error) {
    if (error instanceof SetupError) throw error;
    throw mistake(option, `${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? "unknown"})`, error);
  }
}

/** What Node cannot use is told now, rather than at the first login. */
function tryOut(option: string, parts: Record<string, unknown>): void {
  try {
    createSecureContext(Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined)));
  } catch (error) {
    throw mistake(option, `cannot be used: ${(error as Error).message}`, error);
  }
}

function mistake(option: string, message: string, cause?: unknown): SetupError {
  return new SetupError("ERR_SLUICE_OPTIONS", `tls.${option}: ${message}`, {
    issues: [{ path: ["tls", option], message }],
    ...(cause === undefined ? {} : { cause }),
  });
}
