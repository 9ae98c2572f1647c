import { checkExchange } from "./exchange-check.ts";
import { offerHybrid } from "./exchange.ts";
import { encapsulateByNode, encapsulateByScript, type Encapsulate } from "./mlkem.ts";
import type { Ssh2Protocol } from "./ssh2.ts";

/** Who encapsulates, or why nobody can. */
type Choice = { readonly encapsulate: Encapsulate } | { readonly problem: Error };

let choice: Choice | undefined;

/** The first that passes the check is used by all connections of the process. */
function choose(): Choice {
  const errors: unknown[] = [];
  for (const encapsulate of [encapsulateByNode, encapsulateByScript]) {
    if (encapsulate === undefined) continue;
    try {
      checkExchange(encapsulate);
      return { encapsulate };
    } catch (error) {
      errors.push(error);
    }
  }
  return { problem: new Error("The self-test of the key exchange failed", { cause: errors.at(-1) }) };
}

/** Why post-quantum key exchange cannot be offered, if so. Tried out once, which takes some tens of milliseconds. */
export function postQuantumProblem(): Error | undefined {
  choice ??= choose();
  return "problem" in choice ? choice.problem : undefined;
}

/**
 * Offers `mlkem768x25519-sha256` to a client, in front of everything else, so that what is recorded today cannot be read with a quantum
 * computer later. Where it cannot be had, or `curve25519-sha256` is not offered either, ssh2 goes on by itself.
 *
 * Has to be called when the client's identification has come and ssh2's KEXINIT has not been sent.
 */
export function offerPostQuantum(protocol: Ssh2Protocol): void {
  choice ??= choose();
  if ("encapsulate" in choice) offerHybrid(protocol, choice.encapsulate);
}
