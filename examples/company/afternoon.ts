import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout } from "node:timers/promises";
import { sftpPath, type Server, type User } from "@sluice/core";
import { Quota } from "@sluice/quota";
import { sftp, type ClientLogin } from "./client.ts";
import { passwords } from "./directory.ts";
import { testVirus } from "./scan.ts";
import { codeAt, enrol, play, say } from "./stage.ts";

type Person = keyof typeof passwords;

/** What somebody does, and what differs from a login as it should be. */
interface Play extends Partial<Omit<ClientLogin, "commands">> {
  readonly commands?: readonly string[];
}

process.exitCode = await play(async (stage, signal) => {
  const { folder, server, port, hostKey, audit } = stage;
  const desk = await fill(folder);
  const secrets = { alice: await enrol(server, "alice"), bob: await enrol(server, "bob") };
  const run = (user: Person, { commands = [], ...more }: Play, until = signal): Promise<number> => {
    const [password, code] = [passwords[user], codeAt(secrets[user].secret, Date.now())];
    const login = { port, user, password, code, hostKey, directory: desk, ...more };
    return sftp(folder, { ...login, commands: commands.map((line) => `${line}\n`).join("") }, until);
  };

  say("13:00  Alice puts a report into the folder of finance, and one into her home");
  await run("alice", { commands: ["put report.txt /groups/finance/", "put report.txt", "ls /groups"] });

  say("13:30  Somebody tries bob's account");
  await run("bob", { password: "password1" });

  say(
    "14:00  Bob: finance is not there for him, and archives are closed; the film is larger than a group's folder, and the invoice is infected",
  );
  const [finance, archive] = ["put report.txt /groups/finance/", "put report.txt /groups/staff/archive/"];
  const rest = [
    "put report.txt /groups/staff/",
    "put film.mp4 /groups/staff/",
    "put invoice.com",
    "ls /groups/staff",
    "ls",
  ];
  await run("bob", { commands: ["ls /groups", finance, archive, ...rest] });

  say("15:00  Alice's connection breaks down in the middle of an upload");
  const password = `${passwords.alice}${secrets.alice.recovery}`;
  // 1 Mbit/s, so that there is a middle.
  const slow = { password, options: ["-l", "1000"], commands: ["put slides.pdf"] };
  await cut(server, (until) => run("alice", slow, AbortSignal.any([signal, until])));

  say("16:00  What has the quota in its books?");
  await tellUsage(server);

  say("17:00  The server is closed. Is the audit log as it was written?");
  await server.close();
  await sluice("audit", "verify", audit);
  say("Who was refused what?");
  await sluice("audit", "search", audit, "--outcome", "refused");
  say("What was uploaded, and what came of it?");
  await sluice("audit", "search", audit, "--type", "transfer");
});

/** What lies on everybody's desk. Resolves to its folder. */
async function fill(folder: string): Promise<string> {
  const desk = join(folder, "desk");
  await mkdir(desk);
  await writeFile(join(desk, "report.txt"), "All is well\n");
  await writeFile(join(desk, "film.mp4"), Buffer.alloc(5 * 1024 * 1024));
  await writeFile(join(desk, "slides.pdf"), Buffer.alloc(2 * 1024 * 1024));
  await writeFile(join(desk, "invoice.com"), testVirus);
  return desk;
}

/** Ends a client when the server has some of its upload; resolves when the server knows. */
async function cut(server: Server, upload: (until: AbortSignal) => Promise<number>): Promise<void> {
  const broken = new AbortController();
  const watch = setInterval(() => {
    const sessions = [...server.connections].flatMap((connection) => [...connection.sessions]);
    const files = sessions.flatMap((session) => [...session.files]);
    if (files.some(({ bytesWritten }) => bytesWritten > 0)) broken.abort();
  }, 20);
  try {
    await upload(broken.signal);
  } catch (error) {
    if (!broken.signal.aborted) throw error;
  } finally {
    clearInterval(watch);
  }
  while (server.connections.size > 0) await setTimeout(20);
  console.log("  the client was ended while it wrote");
}

async function tellUsage(server: Server): Promise<void> {
  const claims = {};
  const told = new Set<string>();
  for (const [name, groups] of [
    ["alice", ["staff", "finance"]],
    ["bob", ["staff"]],
  ] as const) {
    const user: User = { name, home: sftpPath("/"), groups, claims };
    for (const folder of groups.map((group) => sftpPath(`/groups/${group}`))) {
      for (const { title, used, held, limit } of await server.services.get(Quota).usage(user, folder))
        told.add(`  ${title}: ${used.bytes} of ${limit.bytes} bytes, ${held.bytes} reserved`);
    }
  }
  console.log([...told].join("\n"));
}

/** The `sluice` command, with its output on this terminal. */
async function sluice(...args: readonly string[]): Promise<void> {
  console.log(`  $ sluice ${args.join(" ")}`);
  const bin = fileURLToPath(new URL("../../node_modules/.bin", import.meta.url));
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env["PATH"] ?? ""}` };
  await once(spawn("sluice", args, { env, stdio: ["ignore", "inherit", "inherit"] }), "close");
}
