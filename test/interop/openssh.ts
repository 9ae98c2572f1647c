import { spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import * as path from "node:path";
import type { Target } from "./client.ts";

/** An environment in which a client finds nothing of the user who runs the tests: no keys, agents, known hosts or settings. */
export function environment(target: Target): NodeJS.ProcessEnv {
  return { PATH: process.env["PATH"], HOME: target.scratch, TMPDIR: target.scratch, LC_ALL: "C.UTF-8" };
}

/** How `ssh`, and whatever runs it, logs in. */
export interface OpenSshLogin {
  readonly configFile: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Writes a configuration for `ssh -F`, and for a password the program that answers the prompt. */
export async function openSshLogin(target: Target): Promise<OpenSshLogin> {
  const { server, login, scratch } = target;
  const configFile = path.join(scratch, "ssh_config");
  const knownHosts = path.join(scratch, "known_hosts");
  await writeFile(knownHosts, `${server.knownHostsLine}\n`);
  const lines = [
    "Host *",
    `Port ${server.port}`,
    `User ${server.user}`,
    `UserKnownHostsFile ${knownHosts}`,
    "GlobalKnownHostsFile /dev/null",
    "StrictHostKeyChecking yes",
    "IdentitiesOnly yes",
    `IdentityFile ${login.by === "key" ? server.keyFile : "none"}`,
    `PreferredAuthentications ${login.by === "key" ? "publickey" : "password"}`,
    "NumberOfPasswordPrompts 1",
    "LogLevel ERROR",
  ];
  await writeFile(configFile, `${lines.join("\n")}\n`);
  const env = environment(target);
  if (login.by === "key") return { configFile, env };
  const askpass = path.join(scratch, "askpass");
  await writeFile(askpass, `#!/bin/sh\nprintf '%s\\n' '${login.password}'\n`, { mode: 0o700 });
  return { configFile, env: { ...env, SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: "force" } };
}

/** Why something that came with a version of OpenSSH cannot be done; undefined when it can. */
export function olderThan(wanted: number): string | undefined {
  const version = /OpenSSH_([\d.]+)/.exec(spawnSync("ssh", ["-V"]).stderr?.toString() ?? "")?.[1] ?? "0";
  return Number.parseFloat(version) < wanted ? `OpenSSH ${wanted} is needed, this is ${version}` : undefined;
}
