import type { AuthMethod, UserDraft, Verdict } from "./method.ts";

/** A method's answer, if it is one. @throws Error for anything else, also for a change of something that is no password */
export function verdictOf(method: AuthMethod, value: unknown): Verdict {
  if (!isVerdict(value)) throw new Error(`The method "${method.name}" answered with no verdict`);
  if (value.is === "changeRequired" && method.mechanism !== "password") {
    throw new Error(`The method "${method.name}" asks for another password, and is no password method`);
  }
  return value;
}

function isVerdict(value: unknown): value is Verdict {
  if (typeof value !== "object" || value === null) return false;
  const verdict = value as { is?: unknown; user?: unknown; reason?: unknown; prompt?: unknown };
  if (verdict.is === "unknown") return true;
  if (verdict.is === "refused") return typeof verdict.reason === "string";
  if (verdict.is === "changeRequired") return typeof verdict.prompt === "string";
  return verdict.is === "proven" && isDraft(verdict.user);
}

/** A method's values come from directories and files: a list where a text belongs must not get further than this. */
function isDraft(value: unknown): value is UserDraft {
  if (typeof value !== "object" || value === null) return false;
  const { name, home, groups, claims } = value as Record<keyof UserDraft, unknown>;
  const isText = (text: unknown): boolean => text === undefined || typeof text === "string";
  const areGroups =
    groups === undefined || (Array.isArray(groups) && groups.every((group) => typeof group === "string"));
  return (
    isText(name) &&
    isText(home) &&
    areGroups &&
    (claims === undefined || (typeof claims === "object" && claims !== null))
  );
}
