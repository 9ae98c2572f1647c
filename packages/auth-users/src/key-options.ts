import { parseAddressList, type AddressList } from "./address.ts";
import { Mistake } from "./mistake.ts";
import { nearest } from "@sluice/core";
import { parseKeyExpiry } from "./time.ts";

/** What an `authorized_keys` line demands besides the key. */
export interface KeyOptions {
  readonly from: AddressList | undefined;
  readonly expiresAt: Date | undefined;
  /** Of a FIDO key, or of certificates over one: whether it must be touched. For a certificate, `false` counts where the certificate says so too. */
  readonly touchRequired: boolean;
  /** Whether it must be a FIDO key that verifies its user, by a PIN or a fingerprint. */
  readonly verifyRequired: boolean;
  /** Set where the key does not log in itself, but signs certificates that do. */
  readonly authority: Authority | undefined;
}

/** A key that signs certificates. */
export interface Authority {
  /** One of these has to be in the certificate; where it is `undefined`, the user's name has to be. */
  readonly principals: readonly string[] | undefined;
}

/** What a line without options demands. */
export const noOptions: KeyOptions = {
  from: undefined,
  expiresAt: undefined,
  touchRequired: true,
  verifyRequired: false,
  authority: undefined,
};

/** What a server without shells, terminals and forwarding does anyway. */
const implied = ["no-pty", "no-agent-forwarding", "no-port-forwarding", "no-x11-forwarding", "no-user-rc", "restrict"];
const flags = ["cert-authority", "no-touch-required", "verify-required", ...implied];
const known = ["from", "expiry-time", "command", "principals", ...flags];

/**
 * Reads the options of an `authorized_keys` line (sshd(8)): those that can be kept. Any other is refused, since a restriction
 * that is not enforced is worse than none.
 *
 * @throws Mistake that names the option.
 */
export function parseKeyOptions(text: string): KeyOptions {
  const seen = new Map<string, string | undefined>();
  for (const { name, value } of split(text)) {
    if (seen.has(name)) throw new Mistake(`option ${name} is given twice`);
    check(name, value);
    seen.set(name, value);
  }
  const from = seen.get("from");
  const expiry = seen.get("expiry-time");
  const principals = seen.get("principals");
  if (principals !== undefined && !seen.has("cert-authority")) {
    throw new Mistake("option principals is for keys with the option cert-authority");
  }
  return {
    from: from === undefined ? undefined : parseAddressList(from),
    expiresAt: expiry === undefined ? undefined : parseKeyExpiry(expiry),
    touchRequired: !seen.has("no-touch-required"),
    verifyRequired: seen.has("verify-required"),
    authority: seen.has("cert-authority") ? { principals: principals?.split(",").map(parsePrincipal) } : undefined,
  };
}

function parsePrincipal(text: string): string {
  if (text === "") throw new Mistake("option principals has an empty name");
  return text.normalize("NFC");
}

function check(name: string, value: string | undefined): void {
  if (!known.includes(name)) {
    const near = nearest(name, known);
    const hint = near === undefined ? "" : `; did you mean "${near}"?`;
    throw new Mistake(`option "${name}" is not supported and would not be enforced${hint}`);
  }
  if (flags.includes(name)) {
    if (value !== undefined) throw new Mistake(`option ${name} takes no value`);
    return;
  }
  if (value === undefined) throw new Mistake(`option ${name} needs a value in double quotes: ${name}="…"`);
  if (name === "command" && value !== "internal-sftp") {
    throw new Mistake(
      'option command can only be "internal-sftp": nothing else is run, and its arguments are not kept',
    );
  }
}

/** Options up to the end of the text; names are case-insensitive, values are in double quotes, `\"` is a quote. */
function* split(text: string): Generator<{ readonly name: string; readonly value: string | undefined }> {
  const option = /([a-z0-9-]+)(?:="((?:[^"\\]|\\.)*)")?(,|$)/iy;
  for (;;) {
    const match = option.exec(text);
    if (match === null)
      throw new Mistake('its options are malformed; name or name="value", with commas between, is needed');
    yield { name: (match[1] ?? "").toLowerCase(), value: match[2]?.replaceAll('\\"', '"') };
    if (match[3] === "") return;
  }
}
