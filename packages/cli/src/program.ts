import { Command, CommanderError } from "commander";
import { auditCommand } from "./commands/audit.ts";
import { checkCommand } from "./commands/check.ts";
import { explainCommand } from "./commands/explain.ts";
import { hostkeyCommand } from "./commands/hostkey.ts";
import { quotaCommand } from "./commands/quota.ts";
import { serveCommand } from "./commands/serve.ts";
import { totpCommand } from "./commands/totp.ts";
import { userCommand } from "./commands/user.ts";
import { Failure, isSetupError, usersFileLines } from "./failure.ts";
import { version } from "./version.ts";

const examples = `
Examples:
  sluice serve ./files                  share a directory on this machine, with a password made up for the occasion
  sluice serve                          serve what ./sluice.config.{ts,mjs,js,yaml,yml,json} says
  sluice check --config /etc/sluice/sluice.config.yaml
  sluice hostkey ./host_ed25519         make a host key
  sluice user add alice                 add a user to ./users.yaml; asks for the password
`;

/** Commands import what they need when they run: help and mistakes in the arguments answer at once. */
function program(): Command {
  const sluice = new Command("sluice")
    .description("An SFTP server: a directory at once, or whatever a configuration file puts together.")
    .version(`sluice ${version}`, "-V, --version", "print the version")
    .helpCommand("help [command]", "print the help of a command")
    .addHelpText("after", examples);
  for (const command of [
    serveCommand(),
    checkCommand(),
    explainCommand(),
    hostkeyCommand(),
    totpCommand(),
    userCommand(),
    auditCommand(),
    quotaCommand(),
  ]) {
    sluice.addCommand(command);
  }
  configure(sluice);
  return sluice;
}

/** Settings that commander hands on only to commands it makes itself. */
function configure(command: Command): void {
  command
    .helpOption("-h, --help", "print this help")
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({ outputError: (text, write) => write(`${oneLine(text)}\n`) });
  for (const child of command.commands) configure(child);
}

function oneLine(text: string): string {
  return text
    .trim()
    .replace(/^error: /, "sluice: ")
    .replaceAll(/\s*\n\s*/g, " ");
}

/** Runs the command that the arguments name. @returns the exit code */
export async function run(args: readonly string[]): Promise<number> {
  try {
    await program().parseAsync(args, { from: "user" });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    if (error instanceof Failure) {
      for (const line of error.lines) console.error(line);
    } else if (isSetupError(error)) {
      for (const line of usersFileLines(error) ?? [`sluice: ${error.message}`]) console.error(line);
    } else {
      console.error("sluice: this should not have happened; please report it with what follows");
      console.error(error);
    }
    return 1;
  }
}
