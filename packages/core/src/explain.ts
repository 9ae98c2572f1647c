import type { Policy } from "./auth/policy.ts";
import { operationNames } from "./context.ts";
import type { Registrations } from "./host.ts";
import { appliesTo, phases, type Phase } from "./pipeline.ts";

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
