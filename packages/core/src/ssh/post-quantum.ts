import { checkExchange } from "./exchange-check.ts";
import { encapsulateByNode, encapsulateByScript, type Encapsulate } from "./mlkem.ts";

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

/** Who encapsulates for `mlkem768x25519-sha256`; nobody where it cannot be had, and ssh2 goes on with what it knows. */
export function trustedEncapsulate(): Encapsulate | undefined {
  choice ??= choose();
  return "encapsulate" in choice ? choice.encapsulate : undefined;
}
