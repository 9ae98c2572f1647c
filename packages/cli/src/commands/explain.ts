import { Command } from "commander";
import { Failure } from "../failure.ts";

const examples = `
Examples:
  sluice explain
  sluice explain --config /etc/sluice/sluice.config.yaml
  sluice explain alice delete /archive/2026.zip         may she, and which rule says so?
  sluice explain alice rename /in/a.csv /done/a.csv --group staff --from 10.1.2.3
`;

interface ExplainOptions {
  readonly config?: string;
  readonly group?: readonly string[];
  readonly from?: string;
  readonly at?: string;
}

export function explainCommand(): Command {
  return new Command("explain")
    .summary("print what a configuration amounts to, or what a user may do")
    .description(
      "Print what a configuration amounts to: plugins in order, steps of each operation, mounts, logins. With a user, an operation and a path: whether " +
        "the user may do that, and which rule decides, without doing it.",
    )
    .argument("[user]", "the user's canonical name")
    .argument("[op]", "an operation, such as rename, or a verb of the rules, such as download")
    .argument("[path]", "what it is done to, as clients see it")
    .argument("[to]", "where to, of what has two paths")
    .option("-c, --config <file>", "the configuration (default: ./sluice.config.*)")
    .option("-g, --group <name>", "a group that the user is in (repeatable)", listed)
    .option("--from <address>", "the address that the user comes from")
    .option("--at <time>", "when, such as 2027-01-31T18:00 (default: now)")
    .addHelpText("after", examples)
    .action(explain);
}

function listed(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value];
}

async function explain(
  user: string | undefined,
  op: string | undefined,
  path: string | undefined,
  to: string | undefined,
  options: ExplainOptions,
): Promise<void> {
  if (user !== undefined && (op === undefined || path === undefined)) {
    throw new Failure(
      "say what about the user: sluice explain USER OP PATH, such as: sluice explain alice download /reports",
    );
  }
  const at = options.at === undefined ? new Date() : new Date(options.at);
  if (Number.isNaN(at.getTime()))
    throw new Failure(`--at: "${options.at}" is no time; write one such as 2027-01-31T18:00`);
  const { makeServer, openConfig } = await import("../config/open.ts");
  const server = await makeServer(await openConfig(options.config), { level: "silent" }, "rehearse");
  try {
    if (user === undefined || op === undefined || path === undefined) {
      console.log((await server.explain()).trimEnd());
      return;
    }
    const question = {
      user: { name: user.normalize("NFC"), groups: options.group ?? [] },
      op,
      path,
      at,
      ...(to === undefined ? {} : { to }),
      ...(options.from === undefined ? {} : { remoteAddress: options.from }),
    };
    console.log((await server.explain(question)).trimEnd());
  } catch (error) {
    if (error instanceof RangeError) throw new Failure(error.message, error);
    throw error;
  } finally {
    await server.close({ graceMs: 0 });
  }
}
