import { Command } from "commander";

const examples = `
Examples:
  sluice check
  sluice check --config /etc/sluice/sluice.config.yaml && systemctl restart sluice
`;

export function checkCommand(): Command {
  return new Command("check")
    .summary("check a configuration without serving")
    .description(
      "Check a configuration without serving: every option, plugins, host keys, users. Prints OK or each error.",
    )
    .option("-c, --config <file>", "the configuration (default: ./sluice.config.*)")
    .addHelpText("after", examples)
    .action(check);
}

async function check(options: { readonly config?: string }): Promise<void> {
  const { makeServer, openConfig } = await import("../config/open.ts");
  const assembled = await openConfig(options.config);
  // Plugins are set up, which is where they read their files; nothing is served or written, and nothing goes to the log.
  const server = await makeServer(assembled, { level: "silent" }, "rehearse");
  await server.close({ graceMs: 0 });
  console.log(`OK  ${assembled.source.shown}`);
}
