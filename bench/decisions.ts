/**
 * What a decision of @sluice/permissions costs with many rules.
 *
 * npx tsx -C @sluice/source bench/decisions.ts [rules]
 */
import { readRule, type RuleOptions } from "../packages/permissions/src/rule.ts";
import { RuleBook } from "../packages/permissions/src/rule-book.ts";
import { verbs } from "../packages/permissions/src/verbs.ts";

const count = Number(process.argv[2] ?? 10_000);
const rules: RuleOptions[] = [{ name: "no secrets", paths: ["/**/.*"], hide: true }];
for (let i = 1; i < count - 1; i++) {
  const paths = [`/customers/c${i % 1000}/project${i}/**`];
  const whom = i % 2 === 0 ? { groups: [`g${i % 20}`] } : {};
  rules.push({ ...whom, paths, allow: i % 3 === 0 ? "read-only" : ["list", "download", "upload"] });
}
rules.push({ paths: ["/home/{user}/**"], allow: "all" });

const groups = Array.from({ length: 20 }, (_, i) => `g${i}`);
const started = performance.now();
const mine = new RuleBook(rules.map(readRule)).rulesFor({ name: "alice", groups, remoteAddress: "10.0.0.1" });
const readMs = performance.now() - started;

const paths = Array.from({ length: 1000 }, (_, i) =>
  i % 4 === 0 ? ["home", "alice", "a", `f${i}`] : ["customers", `c${i}`, `project${i}`, "in", "2026", `file${i}.csv`],
);
const now = (): Date => new Date();
let allowed = 0;
function decide(rounds: number): number {
  // CPU time: others may be using the machine.
  const begun = process.cpuUsage();
  for (let round = 0; round < rounds; round++) {
    for (const path of paths) {
      const verb = verbs[round % verbs.length] ?? "list";
      if (mine.hidden(path, now) === undefined && mine.decide(verb, path, now).allowed) allowed += 1;
    }
  }
  const { user, system } = process.cpuUsage(begun);
  return (user + system) / (rounds * paths.length);
}
decide(50);
const medians = Array.from({ length: 9 }, () => decide(50)).sort((a, b) => a - b);
console.log(
  `${count} rules: ${readMs.toFixed(1)} ms to read; a decision ${medians[4]?.toFixed(2)} µs (median of 9), ${allowed} allowed`,
);
