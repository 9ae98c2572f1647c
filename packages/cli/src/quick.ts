import { createServer, runUntilSignal, type LogLevel, type TcpAddress } from "@sluice/core";
import { localFiles } from "@sluice/fs-local";
import { readFileSync, statSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { resolve } from "node:path";
import { Failure, reasonOf } from "./failure.ts";
import { checked } from "./prompt.ts";
import { onePassword, randomPassword, refuseChanges } from "./quick-login.ts";
import { openState, stateDirectory, type KeptState } from "./state.ts";

/** How to share one directory without a configuration. */
export interface QuickOptions {
  readonly port?: number;
  readonly host?: string;
  readonly user?: string;
  readonly passwordFile?: string;
  readonly readOnly?: boolean;
  readonly state?: string;
  readonly logLevel?: LogLevel;
}

const defaultPort = 2022;
const loopback = "127.0.0.1";

/** Shares a directory with one user until the process is asked to end. @returns the exit code */
export async function serveDirectory(directory: string, options: QuickOptions): Promise<number> {
  const root = existingDirectory(directory);
  const password = options.passwordFile === undefined ? randomPassword() : passwordIn(options.passwordFile);
  const user = options.user ?? "demo";
  const state = openState(stateDirectory(options.state));
  const server = createServer({
    hostKeys: [{ path: state.hostKeyPath }],
    log: { level: options.logLevel ?? "warn", destination: 2 },
  });
  server.authenticate(onePassword(user, password));
  // Only Linux can contain a directory strictly. The one user here is whoever was given the password.
  const containment = process.platform === "linux" ? "strict" : "best-effort";
  server.mount("/", localFiles({ root, containment }));
  if (options.readOnly === true) refuseChanges(server);
  const start = async (): Promise<void> => {
    const where = { host: options.host ?? loopback, port: options.port ?? defaultPort };
    const address = await server.listen(where);
    const shownPassword = options.passwordFile === undefined ? password : `as in ${options.passwordFile}`;
    process.stdout.write(welcome({ root, readOnly: options.readOnly === true, address, state, user, shownPassword }));
  };
  const closing = (): void => {
    const rest = server.connections.size > 0 ? "; transfers may finish, a second Ctrl-C ends them" : "";
    process.stdout.write(`\nClosing${rest}\n`);
  };
  return runUntilSignal(server, { start, closing });
}

function existingDirectory(directory: string): string {
  try {
    if (!statSync(directory).isDirectory()) throw new Failure(`${directory}: is not a directory; name one to share`);
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(`${directory}: ${reasonOf(error)}; name a directory to share`, error);
  }
  return resolve(directory);
}

function passwordIn(path: string): string {
  try {
    return checked(readFileSync(path, "utf8").replace(/\r?\n$/, ""));
  } catch (error) {
    const why = error instanceof Failure ? error.message.replace(/^sluice: /, "") : reasonOf(error);
    throw new Failure(`${path}: ${why}; name a file with the password`, error);
  }
}

interface Welcome {
  readonly root: string;
  readonly readOnly: boolean;
  readonly address: TcpAddress;
  readonly state: KeptState;
  readonly user: string;
  readonly shownPassword: string;
}

function welcome({ root, readOnly, address, state, user, shownPassword }: Welcome): string {
  const isLocal = address.host === "::1" || address.host.startsWith("127.");
  const reach = isLocal ? "this machine only; --host 0.0.0.0 opens it to others" : "open to the network";
  const rows = [
    ["Sharing", `${root} ${readOnly ? "(read-only)" : "(read and write)"}`],
    ["Address", `${inBrackets(address.host)}:${address.port} (${reach})`],
    ["Host key", `${state.fingerprint} (${state.keyType}${state.isNew ? ", new" : ""})`],
    ["User", user],
    ["Password", shownPassword],
    ["", ""],
    ["Connect", sftpCommand(user, address, isLocal ? state.knownHostsPath : undefined)],
  ];
  return `${rows.map(([name, value]) => `${name?.padEnd(10)}${value}`.trimEnd()).join("\n")}\n\nCtrl-C ends it.\n`;
}

function sftpCommand(user: string, address: TcpAddress, knownHosts: string | undefined): string {
  // ssh expands percent signs and splits at spaces that are not in quotes.
  const path = knownHosts?.replaceAll("%", "%%");
  const known =
    path === undefined ? "" : `-o ${shellQuoted(`UserKnownHostsFile=${/\s/.test(path) ? `"${path}"` : path}`)} `;
  return `sftp -P ${address.port} ${known}${user}@${inBrackets(reachable(address.host))}`;
}

/** An address that others can name, for one that stands for all of them. */
function reachable(host: string): string {
  if (host !== "0.0.0.0" && host !== "::") return host;
  const outside = Object.values(networkInterfaces())
    .flat()
    .find((end) => end !== undefined && !end.internal && end.family === "IPv4");
  return outside?.address ?? loopback;
}

function inBrackets(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

function shellQuoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
