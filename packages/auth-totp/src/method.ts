import type { AuthMethod } from "@sluice/core";
import type { Appended } from "./append.ts";
import { Factor, type FactorParts } from "./factor.ts";

/** Proves the factor `totp`. */
export function totpMethod(parts: FactorParts, appended: Appended): AuthMethod<"keyboard-interactive"> {
  const factor = new Factor(parts);
  const { mode, claim } = parts.settings;
  const method: AuthMethod<"keyboard-interactive"> = {
    name: "totp",
    mechanism: "keyboard-interactive",
    // Whichever factors let a user in, neither sessions nor other plugins nor logs are to have the secret.
    ...(claim === undefined ? {} : { secretClaims: [claim] }),
    verify: (attempt) => factor.verify(attempt),
  };
  if (mode === "keyboard-interactive") return method;
  return {
    ...method,
    detach: (attempt) => (mode === "append" ? appended.always(attempt) : appended.whereValid(attempt)),
  };
}
