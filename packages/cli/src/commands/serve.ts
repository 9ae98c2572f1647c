import type { LogLevel } from "@sluice/core";
import { Command, InvalidArgumentError, Option } from "commander";
import { Failure } from "../failure.ts";
import type { QuickOptions } from "../quick.ts";

const logLevels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const satisfies readonly LogLevel[];

/** What `sluice serve` takes; all but `config` are for a directory. */
interface ServeOptions extends QuickOptions {
  readonly config?: string;
}

const examples = `
Examples:
  sluice serve ./files                         this machine only, port 2022, a new password each time
  sluice serve ./files --host 0.0.0.0 --read-only
  sluice serve --config /etc/sluice/sluice.config.yaml

The host key of \`sluice serve DIRECTORY\` is kept in the state folder: --state, else $SLUICE_STATE_DIR, else
$XDG_STATE_HOME/sluice, else ~/.local/state/sluice.
`;

export function serveCommand(): Command {
  return new Command("serve")
    .summary("serve a directory, or what a configuration says")
    .description(
      "Serve a directory at once, or what a configuration says. SIGINT or SIGTERM ends it; transfers may finish.",
    )
    .argument("[directory]", "the directory to share; without it, a configuration is needed")
    .option("-c, --config <file>", "the configuration (default: ./sluice.config.*)")
    .optionsGroup("With a directory:")
    .option("-p, --port <port>", "TCP port, 0 for any free one (default: 2022)", portOf)
    .option("--host <address>", "address to listen on (default: 127.0.0.1, this machine only)")
    .option("-u, --user <name>", "name to log in with (default: demo)", userOf)
    .option("--password-file <file>", "file with the password (default: a new one at each start)")
    .option("-r, --read-only", "refuse whatever would change a file")
    .option("--state <folder>", "where the host key is kept")
    .addOption(new Option("--log-level <level>", "log on standard error (default: warn)").choices(logLevels))
    .addHelpText("after", examples)
    .action(serve);
}

function portOf(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535) throw new InvalidArgumentError("Expected a number from 0 to 65535.");
  return port;
}

function userOf(text: string): string {
  if (!/^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/.test(text)) {
    throw new InvalidArgumentError("Expected 1 to 64 letters, digits, dots, dashes or underscores.");
  }
  return text;
}

async function serve(directory: string | undefined, options: ServeOptions): Promise<void> {
  const { config, ...quick } = options;
  if (directory === undefined) {
    const [given] = Object.keys(quick);
    if (given !== undefined)
      throw new Failure(`${flagOf(given)} is for a directory; the configuration has its own options`);
    const { serveConfig } = await import("../serve-config.ts");
    process.exitCode = await serveConfig(config);
    return;
  }
  if (config !== undefined) throw new Failure("give a directory or --config, not both");
  const { serveDirectory } = await import("../quick.ts");
  process.exitCode = await serveDirectory(directory, quick);
}

function flagOf(name: string): string {
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
