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

  /** Whether what is there may be known. */
  mayLook(path: SftpPath): boolean {
    return this.allows("list", path) || this.allows("download", path);
  }

  /** Whether a directory may be looked at though nothing is to be listed in it: because of what may be done there, or further on. */
  mayPass(path: SftpPath): boolean {
    return this.#rules.leadsToAllowed(namesOf(path)) || verbs.some((verb) => this.allows(verb, path));
  }

  /** Which rule keeps a directory from being moved as a whole, from here or to here. */
  obstacleBelow(verb: Verb, path: SftpPath): Rule | undefined {
    return this.#rules.obstacleBelow(verb, namesOf(path), this.#now);
  }

  /** The refusal of a file's new name, or of that of a directory with everything in it, by which more would be allowed than by the old one. */
  gainByMoving(from: SftpPath, to: SftpPath, whole: boolean): SftpError | undefined {
    // Links in a directory that moves may lead to where nothing may be made.
    return this.#gain(whole ? verbs : keptVerbs, { from, to }, whole);
  }

  /**
   * A link must not lead to more than what its target allows: not at the target, and not below it.
   *
   * @throws SftpError `permissionDenied`
   */
  requireNoGain(link: SftpPath, target: SftpPath): void {
    this.require("createLinks", target);
    const refusal = this.#gain(verbs, { from: target, to: link }, true);
    if (refusal !== undefined) throw refusal;
  }

  #gain(
    among: readonly Verb[],
    { from, to }: { readonly from: SftpPath; readonly to: SftpPath },
    whole: boolean,
  ): SftpError | undefined {
    const gain = this.#rules.gain(among, { from: namesOf(from), to: namesOf(to) }, whole, this.#now);
    return gain && denied(gain.verb, from, gain.rule);
  }
}

/** What is allowed with a file that is there. What may be made is a matter of the place. */
const keptVerbs: readonly Verb[] = verbs.filter(
  (verb) => !["upload", "createDirectories", "createLinks"].includes(verb),
);

/**
 * Where a symbolic link points, by names alone. What goes up may lead elsewhere than its names say, through another link or once the directory that
 * it is in has moved.
 *
 * @throws SftpError `permissionDenied` for such a target
 */
export function targetOf(link: SftpPath, target: string): SftpPath {
  if (target.split("/").includes("..")) {
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
