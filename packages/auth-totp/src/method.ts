import type { AuthMethod } from "@sluice/core";
import { Appended } from "./append.ts";
import { Factor, type FactorParts } from "./factor.ts";

/** Proves the factor `totp`. */
export function totpMethod(parts: FactorParts): AuthMethod<"keyboard-interactive"> {
  const factor = new Factor(parts);
  const method: AuthMethod<"keyboard-interactive"> = {
    name: "totp",
    mechanism: "keyboard-interactive",
    verify: (attempt) => factor.verify(attempt),
  };
  const { mode } = parts.settings;
  if (mode === "keyboard-interactive") return method;
  const appended = new Appended(parts);
  return {
    ...method,
    detach: (attempt) => (mode === "append" ? appended.always(attempt) : appended.whereValid(attempt)),
  };
}
