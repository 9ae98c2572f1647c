import { namesOf, operationNames, type Explanation, type Question, type SftpPath } from "@sluice/core";
import type { RuleBook } from "./rule-book.ts";
import { describeRule } from "./rule.ts";
import { verbs, type Verb } from "./verbs.ts";

/** The verbs that an operation may need, where it is not one of that name. */
const verbsOfOperation: Readonly<Record<string, readonly Verb[]>> = {
  open: ["download", "upload", "overwrite"],
  read: ["download"],
  write: ["upload", "overwrite"],
  opendir: ["list"],
  readdir: ["list"],
  mkdir: ["createDirectories"],
  rmdir: ["delete"],
  remove: ["delete"],
  setstat: ["chmod", "chown", "chtimes"],
  stat: ["list"],
  readlink: ["list"],
  symlink: ["createLinks"],
  link: ["createLinks"],
};
const twoPaths: ReadonlySet<string> = new Set(["rename", "copy", "link"]);

/** Which rule decides, for each verb of a question. @throws RangeError where there is no such operation */
export function explainRules(book: RuleBook, question: Question): Explanation | undefined {
  const { user, op, path, to, remoteAddress, at = new Date() } = question;
  const asked = verbs.find((verb) => verb === op);
  const needed = asked === undefined ? verbsOfOperation[op] : [asked];
  if (needed === undefined) {
    if ((operationNames as readonly string[]).includes(op)) return undefined;
    throw new RangeError(
      `There is no operation "${op}"; there are: ${[...new Set([...verbs, ...operationNames])].join(", ")}`,
    );
  }
  if (twoPaths.has(op) && to === undefined) throw new RangeError(`"${op}" has two paths: say where to`);
  const mine = book.rulesFor({ name: user.name, groups: user.groups, remoteAddress });
  const now = (): Date => at;
  const paths = [path, ...(to === undefined ? [] : [to])] as SftpPath[];
  const lines = paths.flatMap((each) => {
    const names = namesOf(each);
    const hiding = mine.hidden(names, now);
    if (hiding !== undefined) return [{ allowed: false, reason: `${each} is hidden by ${describeRule(hiding)}` }];
    return needed.map((verb) => {
      const { allowed, rule } = mine.decide(verb, names, now);
      const why = rule === undefined ? "no rule allows it" : describeRule(rule);
      return { allowed, reason: `${verb} ${each}: ${allowed ? "allowed" : "refused"} (${why})` };
    });
  });
  // Of opening, any one suffices for something; the lines tell which.
  const some = needed.length > 1;
  return {
    allowed: some ? lines.some(({ allowed }) => allowed) : lines.every(({ allowed }) => allowed),
    reason: lines.map(({ reason }) => reason).join("\n"),
  };
}
