import { setTimeout as sleep } from "node:timers/promises";
import { Crowd } from "./crowd.ts";
import type { Done, Job } from "./job.ts";
import { logIn } from "./login.ts";

/** A process of its own for clients: what they cost is not taken from who measures. The job comes as JSON in the first argument. */
const job = JSON.parse(process.argv[2] ?? "{}") as Job;
const crowd = new Crowd(job.port);
const over = new AbortController();
let logins = 0;

async function stay(manner: "silent" | "dripping", count: number): Promise<void> {
  for (let i = 0; i < count && !over.signal.aborted; i++) {
    void crowd.stay(manner, `127.0.0.${2 + (i % 50)}`);
    if (i % 50 === 49) await sleep(20);
  }
}

/** As many as are due by the clock, however late a turn comes. */
async function flood(perSecond: number): Promise<void> {
  const began = performance.now();
  for (let made = 0; !over.signal.aborted;) {
    const due = ((performance.now() - began) * perSecond) / 1000;
    for (; made < due; made++) void crowd.connect("identified", `127.0.0.${2 + (made % 250)}`);
    await sleep(5);
  }
}

async function logInAgainAndAgain(userKey: string, from: string): Promise<void> {
  while (!over.signal.aborted) {
    const { client } = await logIn({ userKey }, job, from);
    client.end();
    await client.closed;
    logins += 1;
  }
}

process.on("disconnect", () => process.exit(0));
process.once("message", () => {
  over.abort();
  const { made, longestMs } = crowd;
  crowd.leave();
  const done: Done = { made: job.does === "logins" ? logins : made, longestMs };
  process.send?.(done, () => process.exit(0));
});
process.send?.("ready");

if (job.does === "stay") await stay(job.manner, job.count);
else if (job.does === "flood") await flood(job.perSecond);
else {
  const { userKey, atOnce, net } = job;
  await Promise.all(Array.from({ length: atOnce }, (_, i) => logInAgainAndAgain(userKey, `127.0.${net}.${i + 1}`)));
}
