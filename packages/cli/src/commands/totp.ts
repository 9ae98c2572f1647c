import type { PendingEnrolment, TotpEnrolment, TotpStatus } from "@sluice/auth-totp";
import { Command } from "commander";
import { Failure } from "../failure.ts";
import { Lines } from "../lines.ts";
import { table } from "../table.ts";

const examples = `
Examples:
  sluice totp enroll alice              shows a QR code for the app and asks for the first code
  sluice totp enroll alice --force      for a new phone; the codes of the old one are worth nothing then
  sluice totp recovery alice            makes new recovery codes
  sluice totp reset alice               forgets everything about alice's codes
  sluice totp status --config /etc/sluice/sluice.config.yaml
`;

const confirmations = 3;

interface Configured {
  readonly config?: string;
}

export function totpCommand(): Command {
  const totp = new Command("totp")
    .summary("enrol users for one-time codes")
    .description("Enrol users for one-time codes, in the store of a configuration. The server may be running.")
    .helpCommand(false);
  on(totp, "enroll <user>", "show a new secret, and keep it once a code confirms it")
    .alias("enrol")
    .option("-f, --force", "although the user is enrolled already")
    .action(enroll);
  on(totp, "recovery <user>", "make ten recovery codes, in place of those that there are").action(recovery);
  on(totp, "reset <user>", "forget the user's secret, recovery codes and wrong codes").action(reset);
  on(totp, "status [user]", "tell who is enrolled, without secrets").action(status);
  return totp.addHelpText("afterAll", examples);
}

function on(parent: Command, usage: string, description: string): Command {
  return parent
    .command(usage)
    .description(description)
    .option("-c, --config <file>", "the configuration (default: ./sluice.config.*)");
}

async function enroll(user: string, options: Configured & { readonly force?: boolean }): Promise<void> {
  await withEnrolment(options, async (enrolment) => {
    const pending = await enrolment.enroll(user, { force: options.force ?? false });
    await show(pending);
    await confirm(pending);
    const codes = await enrolment.recoveryCodes(user);
    console.log(`${pending.user}: enrolled`);
    showRecoveryCodes(codes);
  });
}

async function recovery(user: string, options: Configured): Promise<void> {
  await withEnrolment(options, async (enrolment) => showRecoveryCodes(await enrolment.recoveryCodes(user)));
}

async function reset(user: string, options: Configured): Promise<void> {
  await withEnrolment(options, async (enrolment) => {
    const was = await enrolment.reset(user);
    console.log(was ? `${user}: not enrolled any more` : `${user}: was not enrolled; wrong codes are forgotten`);
  });
}

async function status(user: string | undefined, options: Configured): Promise<void> {
  await withEnrolment(options, async (enrolment) => {
    const all: TotpStatus[] = [];
    if (user !== undefined) all.push(await enrolment.status(user));
    else for await (const each of enrolment.list()) all.push(each);
    const rows = all.map((each) => [
      each.user,
      each.enrolledAt?.toISOString() ?? "-",
      each.lastUsedAt?.toISOString() ?? "-",
      String(each.recoveryCodes),
      String(each.failures),
      stateOf(each),
    ]);
    for (const line of table(["NAME", "ENROLLED", "LAST CODE", "RECOVERY", "WRONG", "STATE"], rows)) console.log(line);
  });
}

function stateOf({ enrolledAt, isReadable, isLimited }: TotpStatus): string {
  if (!isReadable) return "its key is not given";
  if (isLimited) return "refused for a while";
  return enrolledAt === undefined ? "not in the store" : "active";
}

async function show({ user, uri, secret }: PendingEnrolment): Promise<void> {
  const { qrText } = await import("../qr.ts");
  const { columns, lines } = qrText(uri);
  if (process.stdout.isTTY && process.stdout.columns >= columns) {
    console.log(`Scan this with the app of ${user}:\n`);
    for (const line of lines) console.log(line);
    console.log();
  } else if (process.stdout.isTTY) {
    console.log(`A terminal of ${columns} columns would show a QR code here.`);
  }
  console.log(`Address  ${uri}`);
  console.log(`Secret   ${secret.match(/.{1,4}/g)?.join(" ")}`);
}

async function confirm(pending: PendingEnrolment): Promise<void> {
  const lines = new Lines();
  try {
    for (let left = confirmations; left > 0; left--) {
      const code = await lines.ask("Code that the app shows: ");
      if (code === undefined) throw new Failure("cancelled; nothing was changed");
      if (await pending.confirm(code)) return;
      const clock = new Date().toISOString().slice(11, 19);
      if (left > 1) console.error(`That is not the code now; the clock of this machine says ${clock} UTC.`);
    }
  } finally {
    lines.close();
  }
  throw new Failure("three wrong codes; nothing was changed");
}

function showRecoveryCodes(codes: readonly string[]): void {
  console.log("Recovery codes: each is good once in place of a code. They are not shown again.");
  for (const code of codes) console.log(`  ${code}`);
}

/** Sets up the configured server, which does not listen, and closes it again. */
async function withEnrolment({ config }: Configured, use: (enrolment: TotpEnrolment) => Promise<void>): Promise<void> {
  const { makeServer, openConfig } = await import("../config/open.ts");
  const assembled = await openConfig(config);
  const { shown } = assembled.source;
  if (!assembled.plugins.some(({ name }) => name === "auth-totp")) {
    throw new Failure(`${shown}: asks for no one-time codes; add "@sluice/auth-totp" to its plugins`);
  }
  const { TotpEnrolment } = await import("@sluice/auth-totp");
  const server = await makeServer(assembled, { level: "silent" });
  try {
    const enrolment = server.services.get(TotpEnrolment);
    if (!enrolment.isDurable) {
      throw new Failure(
        `${shown}: its store is in memory, so that what is enrolled here would be lost; list "@sluice/store-lmdb" before "@sluice/auth-totp"`,
      );
    }
    await use(enrolment);
  } catch (error) {
    throw explained(error);
  } finally {
    await server.close({ graceMs: 0 });
  }
}

/** By name, not `instanceof`: a configuration may bring its own copy of the package. */
function explained(error: unknown): unknown {
  if (!(error instanceof Error) || error.name !== "EnrolmentError") return error;
  const { problem } = error as Error & { readonly problem?: string };
  const advice =
    problem === "enrolled"
      ? "; for a new secret, and an end to the old one, give --force"
      : problem === "notEnrolled"
        ? "; enrol first with: sluice totp enroll"
        : "";
  return new Failure(`${error.message}${advice}`, error);
}
