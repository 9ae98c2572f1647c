import { Command, Option } from "commander";

const examples = `
Examples:
  sluice audit verify /var/log/sluice/audit.jsonl
  sluice audit verify audit.jsonl --key audit.pub --head 3f7a…   with a hash that was kept elsewhere
  sluice audit tail -f /var/log/sluice/audit.jsonl
  sluice audit search audit.jsonl --user alice --path '/in/**' --since 7d
  sluice audit search audit.jsonl --outcome refused --json | jq .rule
`;

const times = "2026-11-22, 2026-11-22T20:00, or 30m, 12h, 7d ago";

export function auditCommand(): Command {
  const audit = new Command("audit")
    .summary("verify and read audit logs")
    .description("Verify and read what the audit plugin has written. Rotated files beside a log are read with it.")
    .helpCommand(false);
  audit
    .command("verify <files...>")
    .description("find the first record that was changed, removed or put elsewhere; exit status 1 where there is one")
    .option(
      "-k, --key <file>",
      "a public key that signs the checkpoints (repeatable; default: the .pub beside the log)",
      listed,
    )
    .option("--head <hash>", "the hash of a record that must be there: the last one of an earlier verification")
    .option("--only", "read the files that are named, not the rotated ones beside them")
    .option("--json", "print the result as JSON")
    .action(async (files: string[], options: VerifyArguments) =>
      (await import("./audit-verify.ts")).verify(files, options),
    );
  audit
    .command("tail <file>")
    .description("print the last records")
    .option("-n, --lines <count>", "how many", "20")
    .option("-f, --follow", "go on with what is written from now on")
    .option("--json", "print the records as they are in the file")
    .action(async (file: string, options: TailArguments) => (await import("./audit-read.ts")).tail(file, options));
  audit
    .command("search <files...>")
    .description("print the records for which all that is given holds, oldest first")
    .option("-u, --user <name>", "of this user")
    .option("-p, --path <glob>", "with such a path: * and ? within a name, ** across names")
    .option("-o, --outcome <outcome>", "ok, refused, failed, completed, aborted or ended")
    .addOption(
      new Option("-t, --type <type>", "of this kind").choices([
        "login",
        "session",
        "operation",
        "transfer",
        "intent",
        "log",
        "checkpoint",
      ]),
    )
    .option("--op <operation>", "such as rename or remove")
    .option("--address <address>", "from this address")
    .option("--session <id>", "of this session")
    .option("--since <time>", `from then on: ${times}`)
    .option("--until <time>", `up to then: ${times}`)
    .option("--json", "print the records as they are in the file")
    .action(async (files: string[], options: SearchArguments) =>
      (await import("./audit-read.ts")).search(files, options),
    );
  return audit.addHelpText("afterAll", examples);
}

function listed(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

/** The options of `sluice audit verify`. */
export interface VerifyArguments {
  readonly key?: readonly string[];
  readonly head?: string;
  readonly only?: boolean;
  readonly json?: boolean;
}

/** The options of `sluice audit tail`. */
export interface TailArguments {
  readonly lines: string;
  readonly follow?: boolean;
  readonly json?: boolean;
}

/** The options of `sluice audit search`. */
export interface SearchArguments {
  readonly user?: string;
  readonly path?: string;
  readonly outcome?: string;
  readonly type?: string;
  readonly op?: string;
  readonly address?: string;
  readonly session?: string;
  readonly since?: string;
  readonly until?: string;
  readonly json?: boolean;
}
