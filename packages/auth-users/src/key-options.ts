import { parseAddressList, type AddressList } from "./address.ts";
import { Mistake } from "./mistake.ts";
import { nearest } from "@sluice/core";
import { parseKeyExpiry } from "./time.ts";

/** What an `authorized_keys` line demands besides the key. */
export interface KeyOptions {
  readonly from: AddressList | undefined;
  readonly expiresAt: Date | undefined;
}

/** What a server without shells, terminals and forwarding does anyway. */
const implied = ["no-pty", "no-agent-forwarding", "no-port-forwarding", "no-x11-forwarding", "no-user-rc", "restrict"];
const known = ["from", "expiry-time", "command", ...implied];

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
  return {
    from: from === undefined ? undefined : parseAddressList(from),
    expiresAt: expiry === undefined ? undefined : parseKeyExpiry(expiry),
  };
}

function check(name: string, value: string | undefined): void {
  if (name === "cert-authority") throw new Mistake("cert-authority: certificates are not supported");
  if (!known.includes(name)) {
    const near = nearest(name, known);
    const hint = near === undefined ? "" : `; did you mean "${near}"?`;
    throw new Mistake(`option "${name}" is not supported and would not be enforced${hint}`);
  }
  if (implied.includes(name)) {
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
