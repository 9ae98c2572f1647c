import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Who logs in where, and what is typed. */
export interface ClientLogin {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** At the prompt for codes; without it the password has to do. */
  readonly code?: string;
  /** The server's key as in `known_hosts`. */
  readonly hostKey: string;
  /** Commands of sftp. */
  readonly commands: string;
  /** Where the files that are put lie. */
  readonly directory?: string;
  /** More arguments of sftp. */
  readonly options?: readonly string[];
}

/** Runs OpenSSH's sftp. A script types in our place, and shows what was asked; the rest goes to this terminal. @returns its exit code */
export async function sftp(folder: string, login: ClientLogin, signal: AbortSignal): Promise<number> {
  const { port, user, password, code = "", hostKey, commands, directory = folder, options = [] } = login;
  const askpass = join(folder, "askpass");
  const knownHosts = join(folder, "known_hosts");
  await writeFile(knownHosts, `* ${hostKey}\n`);
  await writeFile(askpass, answering, { mode: 0o700 });
  const settings = [
    `Port=${port}`,
    `User=${user}`,
    "StrictHostKeyChecking=yes",
    `UserKnownHostsFile=${knownHosts}`,
    "GlobalKnownHostsFile=/dev/null",
    "PreferredAuthentications=password,keyboard-interactive",
    "NumberOfPasswordPrompts=1",
    "LogLevel=ERROR",
  ];
  const child = spawn(
    "sftp",
    ["-q", "-F", "/dev/null", ...options, ...settings.flatMap((setting) => ["-o", setting]), "127.0.0.1"],
    {
      cwd: directory,
      env: {
        PATH: process.env["PATH"],
        HOME: folder,
        SSH_ASKPASS: askpass,
        SSH_ASKPASS_REQUIRE: "force",
        DEMO_PASSWORD: password,
        DEMO_CODE: code,
      },
      stdio: ["pipe", "inherit", "inherit"],
      signal,
    },
  );
  child.stdin.on("error", () => undefined);
  child.stdin.end(commands);
  const [status] = (await once(child, "close")) as [number | null];
  return status ?? 1;
}

const answering = `#!/bin/sh
case "$1" in
  *assword*) answer=$DEMO_PASSWORD ;;
  *) answer=$DEMO_CODE ;;
esac
echo "  client was asked: $1" >&2
echo "  client answered:  $answer" >&2
printf '%s\\n' "$answer"
`;
