import type { Policy } from "./auth/policy.ts";
import { operationNames } from "./context.ts";
import type { Listener, Registrations } from "./host.ts";
import { appliesTo, phases, type Phase } from "./pipeline.ts";
import { sftpPath } from "./path.ts";
import { printable } from "./protocol/text.ts";
import type { Explainer, Question } from "./question.ts";

const verbs: Readonly<Record<Phase, string>> = { observe: "after", divert: "divert", guard: "before", serve: "use" };

/** Tells how a server is put together: plugins, login alternatives, mounts, extensions, and each operation's steps from outside in. */
export function explain(plugins: readonly string[], registrations: Registrations, policy: Policy): string {
  const { steps, methods, mounts, extensions } = registrations;
  const lines = [
    `Plugins: ${plugins.length === 0 ? "none" : plugins.join(", ")}`,
    "",
    "Login, any of:",
    ...policy.describe().map((sequence) => `  ${sequence}`),
    `Methods: ${methods.map((method) => `${method.name} (${method.mechanism})`).join(", ")}`,
    "",
    "Mounts:",
    ...mounts.describe().map((mount) => `  ${mount}`),
    "",
    "Operations, from the outside in:",
  ];
  const width = Math.max(...operationNames.map((op) => op.length));
  for (const op of operationNames) {
    const mine = steps.filter((step) => appliesTo(step, op));
    const ordered = phases.flatMap((phase) => mine.filter((step) => step.phase === phase));
    const path = ordered.map(
      (step) => `${verbs[step.phase]} ${step.plugin}${step.run.name ? ` (${step.run.name})` : ""}`,
    );
    lines.push(`  ${op.padEnd(width)}  ${[...path, op === "extended" ? "extension" : "file system"].join(" > ")}`);
  }
  lines.push("", `Extensions: ${[...extensions.keys()].join(", ")}`);
  return `${lines.join("\n")}\n`;
}

/** Asks the plugins; refused by one is refused. Paths are cleaned as a client's are. */
export async function answerQuestion(question: Question, explainers: readonly Listener<Explainer>[]): Promise<string> {
  const { user, op, path, to } = question;
  const cleaned = { ...question, path: sftpPath(path), ...(to === undefined ? {} : { to: sftpPath(to) }) };
  const lines: string[] = [];
  let allowed = true;
  for (const { plugin, run } of explainers) {
    const explanation = await run(cleaned);
    if (explanation === undefined) continue;
    allowed &&= explanation.allowed;
    const verdict = explanation.allowed ? "allows it" : "refuses it";
    lines.push(`  ${plugin} ${verdict}: ${explanation.reason.replaceAll("\n", "\n    ")}`);
  }
  if (lines.length === 0) lines.push("  No plugin judges it; the file system decides");
  const paths = [cleaned.path, ...(cleaned.to === undefined ? [] : [cleaned.to])].map(printable).join(" to ");
  return `${printable(user.name)}, ${op} ${paths}: ${allowed ? "allowed" : "refused"}\n${lines.join("\n")}\n`;
}
