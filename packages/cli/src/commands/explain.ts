import { Command } from "commander";

const examples = `
Examples:
  sluice explain
  sluice explain --config /etc/sluice/sluice.config.yaml
`;

export function explainCommand(): Command {
  return new Command("explain")
    .summary("print what a configuration amounts to")
    .description("Print what a configuration amounts to: plugins in order, steps of each operation, mounts, logins.")
    .option("-c, --config <file>", "the configuration (default: ./sluice.config.*)")
    .addHelpText("after", examples)
    .action(explain);
}

async function explain(options: { readonly config?: string }): Promise<void> {
  const { makeServer, openConfig } = await import("../config/open.ts");
  const server = await makeServer(await openConfig(options.config), { level: "silent" });
  console.log((await server.explain()).trimEnd());
  await server.close({ graceMs: 0 });
}
