import { createLogger, rootPath, sftpPath, State, type SessionIdentity, type SftpPath, type User } from "@sluice/core";
import { Quota, type CountedView, type Recounted } from "@sluice/quota";
import { Command } from "commander";
import type { Assembled } from "../config/assemble.ts";
import { makeServer, openConfig } from "../config/open.ts";
import { Failure, firstLine } from "../failure.ts";

const examples = `
Examples:
  sluice quota recount --user alice                     count what alice sees, and correct her books
  sluice quota recount --user alice --group staff       and those of a group that she is in, by the same difference
  sluice quota recount --tree /home/alice               count a folder that has a limit
  sluice quota show --user alice
`;

interface QuotaCommandOptions {
  readonly config?: string;
  readonly user?: string;
  readonly group?: readonly string[];
  readonly home?: string;
  readonly tree?: string;
}

export function quotaCommand(): Command {
  const command = new Command("quota")
    .summary("show and correct what is counted against quotas")
    .description("Show and correct what is counted against quotas.")
    .helpCommand(false)
    .addHelpText("afterAll", examples);
  command.addCommand(
    withOptions(new Command("recount"))
      .description(
        "Count the files that are there, and set the quota's books to it. Servers may go on serving: those that share the store tell what changes " +
          "meanwhile. Mounts of the configuration are counted; those that plugins make are not.",
      )
      .action(recount),
  );
  command.addCommand(
    withOptions(new Command("show")).description("Show what is used, reserved and allowed.").action(show),
  );
  return command;
}

function withOptions(command: Command): Command {
  return command
    .option("-c, --config <file>", "the configuration (default: ./sluice.config.*)")
    .option("-u, --user <name>", "the user's canonical name")
    .option("-g, --group <name>", "a group that the user is in (repeatable)", (value, before?: string[]) => [
      ...(before ?? []),
      value,
    ])
    .option("--home <path>", "the user's home, as clients see it", "/")
    .option("-t, --tree <path>", "a folder with a limit of its own, as clients see it");
}

async function recount(options: QuotaCommandOptions): Promise<void> {
  await withQuota(options, async (quota, user, tree, assembled) => {
    const { views, close } = await viewsOf(assembled, user);
    try {
      const result = await quota.recount(tree === undefined ? { user } : { user, tree }, views);
      console.log(report(tree === undefined ? `user ${user.name}` : `folder ${tree}`, result));
      if (!result.settled) throw new Failure("changes never paused, and the books stay as they were; try again later");
    } catch (error) {
      throw error instanceof Failure ? error : new Failure(firstLine(error), error);
    } finally {
      await close();
    }
  });
}

async function show(options: QuotaCommandOptions): Promise<void> {
  await withQuota(options, async (quota, user, tree) => {
    const found = await quota.usage(user, tree);
    if (found.length === 0) throw new Failure("no quota applies");
    for (const { title, used, held, limit } of found) {
      const of = (most: number): string => (most === Infinity ? "no limit" : `of ${most}`);
      console.log(
        `${title}: ${used.bytes} bytes ${of(limit.bytes)}, ${used.files} files ${of(limit.files)}; ${held.bytes} bytes reserved`,
      );
    }
  });
}

async function withQuota(
  options: QuotaCommandOptions,
  run: (quota: Quota, user: User, tree: SftpPath | undefined, assembled: Assembled) => Promise<void>,
): Promise<void> {
  const { user: name, tree, group = [], home = "/" } = options;
  if (name === undefined && tree === undefined)
    throw new Failure("name whom to look at: --user alice, or --tree /home/alice");
  const user: User = { name: name ?? "recount", home: sftpPath(home), groups: group, claims: {} };
  const assembled = await openConfig(options.config);
  const server = await makeServer(assembled, { level: "warn" }, "rehearse");
  try {
    if (!server.services.has(Quota))
      throw new Failure("the configuration has no quota: list @sluice/quota under plugins");
    await run(server.services.get(Quota), user, tree === undefined ? undefined : sftpPath(tree), assembled);
  } finally {
    await server.close({ graceMs: 0 });
  }
}

/** The file systems that the user would see. */
async function viewsOf(
  { mounts }: Assembled,
  user: User,
): Promise<{ readonly views: readonly CountedView[]; readonly close: () => Promise<void> }> {
  const own: CountedView[] = [];
  const views: CountedView[] = [];
  const close = async (): Promise<void> => {
    for (const { fs } of own) await fs.close?.();
  };
  try {
    for (const { path, source } of mounts) {
      const view = {
        path: sftpPath(path, rootPath),
        fs: typeof source === "function" ? await source(identityOf(user)) : source,
      };
      views.push(view);
      if (typeof source === "function") own.push(view);
    }
  } catch (error) {
    await close();
    throw new Failure(`the files of ${user.name} cannot be opened: ${firstLine(error)}`, error);
  }
  return { views, close };
}

/** A session that nobody has: enough for a file system to know whose files are asked for. */
function identityOf(user: User): SessionIdentity {
  const nobody = { id: "recount", remoteAddress: "", remotePort: 0, localAddress: "", localPort: 0, user };
  return {
    id: "recount",
    connection: nobody as unknown as SessionIdentity["connection"],
    version: 3,
    user,
    openedAt: new Date(),
    signal: new AbortController().signal,
    state: new State(),
    log: createLogger({ level: "warn" }),
    end: () => undefined,
  };
}

function report(title: string, { before, counted, settled }: Recounted): string {
  const change = settled ? "" : " (not entered)";
  return `${title}: ${counted.bytes} bytes in ${counted.files} files; the books had ${before.bytes} in ${before.files}${change}`;
}
