import type { editUsersFile, NewUser, UserSummary } from "@sluice/auth-users";
import { Command } from "commander";
import { readFile } from "node:fs/promises";
import { Failure, reasonOf } from "../failure.ts";
import { readNewPassword, readStdin } from "../prompt.ts";
import { table } from "../table.ts";

const examples = `
Examples:
  sluice user add alice                            asks for the password
  sluice user add bob --no-password --key ~/bob.pub
  printf %s "$PASSWORD" | sluice user passwd alice --password-stdin
  sluice user key alice ~/.ssh/id_ed25519.pub      let a key in
  sluice user key alice --remove SHA256:…          and out again
  sluice user list --file /etc/sluice/users.yaml
`;

interface InFile {
  readonly file: string;
}

export function userCommand(): Command {
  const user = new Command("user")
    .summary("add, change and list users")
    .description("Add, change and list the users of a users file.")
    .helpCommand(false);
  on(user, "add <name>", "add a user; makes the file where there is none")
    .option("--password-stdin", "read the password from standard input")
    .option("--no-password", "add the user without a password")
    .option("-k, --key <file>", "let in the public keys of a file (repeatable)", listed)
    .option("-g, --group <name>", "put the user into a group (repeatable)", listed)
    .option("--home <path>", "where sessions start, as clients see it")
    .option("--expires <date>", "until when the user may log in, such as 2027-12-31")
    .action(add);
  on(user, "passwd <name>", "change a password")
    .option("--password-stdin", "read the password from standard input")
    .action(passwd);
  on(user, "key <name> [source]", "let in the public keys of a file (- for standard input), or take one away")
    .option("-r, --remove <fingerprint>", "take away the key with this fingerprint")
    .action(key);
  on(user, "list", "list the users, without secrets").action(list);
  on(user, "disable <name>", "keep a user from logging in").action((name: string, { file }: InFile) => {
    return change(file, name, "disabled", (users) => users.setDisabled(name, true));
  });
  on(user, "enable <name>", "let a disabled user log in again").action((name: string, { file }: InFile) => {
    return change(file, name, "enabled", (users) => users.setDisabled(name, false));
  });
  on(user, "remove <name>", "remove a user").action((name: string, { file }: InFile) => {
    return change(file, name, "removed", (users) => users.removeUser(name));
  });
  return user.addHelpText("afterAll", examples);
}

function on(parent: Command, usage: string, description: string): Command {
  return parent.command(usage).description(description).option("-f, --file <file>", "the users file", "users.yaml");
}

function listed(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

interface AddOptions extends InFile {
  readonly password: boolean;
  readonly passwordStdin?: boolean;
  readonly key?: readonly string[];
  readonly group?: readonly string[];
  readonly home?: string;
  readonly expires?: string;
}

async function add(name: string, options: AddOptions): Promise<void> {
  const { file, password, passwordStdin = false, key: files = [], group, home, expires } = options;
  if (!password && passwordStdin) throw new Failure("give --password-stdin or --no-password, not both");
  const keys = (await Promise.all(files.map(readKeys))).flat();
  const user: NewUser = {
    keys,
    ...(group === undefined ? {} : { groups: group }),
    ...(home === undefined ? {} : { home }),
    ...(expires === undefined ? {} : { expires }),
  };
  await change(file, name, "added", async (users) => {
    // First, so that nobody types a password for a user who cannot be added.
    users.addUser(name, user);
    if (password) users.setPassword(name, await newHash(name, passwordStdin));
  });
}

async function passwd(name: string, options: InFile & { readonly passwordStdin?: boolean }): Promise<void> {
  await change(options.file, name, "changed", async (users) => {
    if (!users.listUsers().some((user) => user.name === name.normalize("NFC"))) {
      throw new Failure(`there is no user "${name}" in ${options.file}; add one with: sluice user add ${name}`);
    }
    users.setPassword(name, await newHash(name, options.passwordStdin ?? false));
  });
}

async function key(
  name: string,
  source: string | undefined,
  options: InFile & { readonly remove?: string },
): Promise<void> {
  const { file, remove } = options;
  if ((source === undefined) === (remove === undefined)) {
    throw new Failure("give a file of public keys (- for standard input), or --remove FINGERPRINT");
  }
  if (remove !== undefined) {
    await edit(file, (users) => users.removeKey(name, remove));
    console.log(`${name}: removed ${remove}`);
    return;
  }
  const keys = await readKeys(source ?? "-");
  const added = await edit(file, (users) => keys.map((line) => users.addKey(name, line)));
  for (const fingerprint of added) console.log(`${name}: added ${fingerprint}`);
}

async function list({ file }: InFile): Promise<void> {
  const { listUsers } = await import("@sluice/auth-users");
  const users = await listUsers(file);
  const rows = users.map((user) => [
    user.name,
    user.password ?? "none",
    keysOf(user),
    user.home ?? "/",
    user.groups.join(",") || "-",
    statusOf(user),
  ]);
  for (const line of table(["NAME", "PASSWORD", "KEYS", "HOME", "GROUPS", "STATUS"], rows)) console.log(line);
}

/** Authorities are told apart: they do not log in themselves, and let in all keys that they certify. */
function keysOf({ keys }: UserSummary): string {
  const authorities = keys.filter(({ isAuthority }) => isAuthority).length;
  const plain = keys.length - authorities;
  if (authorities === 0) return String(plain);
  return plain === 0 ? `${authorities} CA` : `${plain}, ${authorities} CA`;
}

function statusOf({ disabled, expiresAt }: UserSummary): string {
  if (disabled) return "disabled";
  if (expiresAt === undefined) return "active";
  return `${expiresAt.getTime() <= Date.now() ? "expired" : "active until"} ${expiresAt.toISOString()}`;
}

async function change(file: string, name: string, done: string, how: Change<unknown>): Promise<void> {
  await edit(file, how);
  console.log(`${name}: ${done} in ${file}`);
}

type Change<T> = Parameters<typeof editUsersFile<T>>[1];

async function edit<T>(file: string, how: Change<T>): Promise<T> {
  const { editUsersFile } = await import("@sluice/auth-users");
  return editUsersFile(file, how);
}

async function newHash(name: string, fromStdin: boolean): Promise<string> {
  const { hashPassword } = await import("@sluice/auth-users");
  return hashPassword(await readNewPassword(fromStdin, `Password for ${name}`));
}

/** The keys of a `.pub` or `authorized_keys` file, without its comments. */
async function readKeys(source: string): Promise<string[]> {
  const text =
    source === "-"
      ? await readStdin()
      : await readFile(source, "utf8").catch((error: unknown) => {
          throw new Failure(`${source}: ${reasonOf(error)}; name a file of public keys`, error);
        });
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "" && !line.trimStart().startsWith("#"));
  if (lines.length === 0) throw new Failure(`${source === "-" ? "standard input" : source}: holds no key`);
  if (text.includes("PRIVATE KEY"))
    throw new Failure(`${source}: is a private key; name the public one, ${source}.pub`);
  return lines;
}
