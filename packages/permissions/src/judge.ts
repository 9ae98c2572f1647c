import { isWithin, namesOf, parentOf, SftpError, sftpPath, type SftpPath } from "@sluice/core";
import { describeRule, type Rule } from "./rule.ts";
import type { UserRules } from "./user-rules.ts";
import { verbs, type Verb } from "./verbs.ts";

/** Refuses what one user's rules do not allow. */
export class Judge {
  readonly #rules: UserRules;
  readonly #now: () => Date;

  constructor(rules: UserRules, now: () => Date) {
    this.#rules = rules;
    this.#now = now;
  }

  allows(verb: Verb, path: SftpPath): boolean {
    return this.#rules.decide(verb, namesOf(path), this.#now).allowed;
  }

  isHidden(path: SftpPath): boolean {
    return this.#rules.hidden(namesOf(path), this.#now) !== undefined;
  }

  /** The largest file that an upload to the path may make. */
  maxFileBytes(path: SftpPath): number {
    const names = namesOf(path);
    const bounds = (["upload", "overwrite"] as const)
      .map((verb) => this.#rules.decide(verb, names, this.#now))
      .map(({ allowed, rule }) => (allowed && rule !== undefined ? rule.maxFileBytes : Infinity));
    return Math.min(...bounds);
  }

  /** @throws SftpError `permissionDenied`, or `noSuchFile` where there is nothing to be seen */
  require(verb: Verb, path: SftpPath, creates = false): void {
    this.requireVisible(path, creates);
    const { allowed, rule } = this.#rules.decide(verb, namesOf(path), this.#now);
    if (!allowed) throw denied(verb, path, rule);
  }

  /** @throws SftpError `noSuchFile`, or `permissionDenied` where it was to be made */
  requireVisible(path: SftpPath, creates = false): void {
    const rule = this.#rules.hidden(namesOf(path), this.#now);
    if (rule === undefined) return;
    throw new SftpError(creates ? "permissionDenied" : "noSuchFile", undefined, {
      detail: detailOf("see", path, rule),
    });
  }

  /** Whether a directory may be looked at though nothing is to be listed in it: because of what may be done there, or further on. */
  mayPass(path: SftpPath): boolean {
    return this.#rules.leadsToAllowed(namesOf(path)) || verbs.some((verb) => this.allows(verb, path));
  }

  /** Which rule keeps a directory from being moved as a whole, from here or to here. */
  obstacleBelow(verb: Verb, path: SftpPath): Rule | undefined {
    return this.#rules.obstacleBelow(verb, namesOf(path), this.#now);
  }

  /**
   * A link must not lead to more than what its target allows: not at the target, and not below it.
   *
   * @throws SftpError `permissionDenied`
   */
  requireNoGain(link: SftpPath, target: SftpPath): void {
    this.require("createLinks", target);
    const names = namesOf(target);
    for (const verb of verbs) {
      if (!this.allows(verb, link)) continue;
      const { allowed, rule } = this.#rules.decide(verb, names, this.#now);
      const obstacle = allowed ? this.#rules.obstacleBelow(verb, names, this.#now) : rule;
      if (!allowed || obstacle !== undefined) throw denied(verb, target, obstacle);
    }
  }
}

/**
 * Where a symbolic link points, by names alone. What goes up after it has gone down may lead elsewhere than its names say, through another link.
 *
 * @throws SftpError `permissionDenied` for such a target, and for one that leads above the root
 */
export function targetOf(link: SftpPath, target: string): SftpPath {
  const names = target.split("/").filter((name) => name !== "" && name !== ".");
  const ups = names.filter((name) => name === "..").length;
  const leading = names.findIndex((name) => name !== "..");
  const goesUpLater = ups > (leading === -1 ? names.length : leading);
  const isAbove = target.startsWith("/") ? ups > 0 : ups > namesOf(parentOf(link)).length;
  if (goesUpLater || isAbove) {
    throw new SftpError("permissionDenied", undefined, { detail: "permissions: a link's target goes up on its way" });
  }
  return sftpPath(target, parentOf(link));
}

/** Whether a directory would be moved into itself, which the file system refuses in its own words. */
export function isIntoItself(from: SftpPath, to: SftpPath): boolean {
  return from !== to && isWithin(to, from);
}

/** The refusal of a verb; the client reads only that it is denied. */
export function denied(verb: string, path: SftpPath, rule: Rule | undefined): SftpError {
  return new SftpError("permissionDenied", undefined, { detail: detailOf(verb, path, rule) });
}

function detailOf(verb: string, path: SftpPath, rule: Rule | undefined): string {
  const why = rule === undefined ? "no rule allows it" : describeRule(rule);
  return `permissions: ${verb} ${path}: ${why}`;
}
