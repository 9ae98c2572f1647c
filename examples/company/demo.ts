import { setTimeout } from "node:timers/promises";
import { sftp, type ClientLogin } from "./client.ts";
import { passwords } from "./directory.ts";
import { codeAt, enrol, periodMs, play, say, type Secret } from "./stage.ts";

const user = "alice";
const password = passwords[user];
/** Ends after the logins that it shows. */
const isOnce = process.argv.includes("--once");

process.exitCode = await play(async ({ folder, server, port, hostKey }, signal) => {
  const secret = await enrol(server, user);
  await show(folder, { port, user, password, hostKey, commands: "" }, secret, signal);
  if (!isOnce) await serve(port, secret, signal);
});

async function show(folder: string, login: ClientLogin, secret: Secret, signal: AbortSignal): Promise<void> {
  const code = codeAt(secret.secret, Date.now());
  const run = (more: Partial<ClientLogin>): Promise<number> => sftp(folder, { ...login, ...more }, signal);
  say("OpenSSH's sftp: the password, then a code");
  await run({ code, commands: "pwd\nls /groups\nls /groups/finance\n" });
  say("The same code a second time");
  await run({ code });
  say("A recovery code behind the password, as for clients that ask for a password alone");
  await run({ password: `${password}${secret.recovery}`, commands: "ls /groups/staff\n" });
}

/** Goes on until it is interrupted, and shows each code. */
async function serve(port: number, { secret }: Secret, signal: AbortSignal): Promise<void> {
  say(`Your turn: sftp -P ${port} ${user}@127.0.0.1   (password ${password}; Ctrl-C ends it)`);
  for (;;) {
    const now = Date.now();
    console.log(`  the app of ${user} shows ${codeAt(secret, now)}`);
    await setTimeout(periodMs - (now % periodMs), undefined, { signal });
  }
}
