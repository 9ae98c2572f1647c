import { readFileSync } from "node:fs";
import { once } from "node:events";
import { connect } from "node:net";
import { connectSsh } from "@sluice/core/ssh-client";
import { SftpClient } from "@sluice/testing";

/**
 * An honest client in a process of its own: every 100 ms a STAT and a READ of 4 KiB, whatever else happens to the server. In the same moments it asks as much of a
 * server that nobody attacks and that only echoes: what both wait for is the machine's doing. Asked for a report, it does another round first.
 */
const [, , port = "", username = "", password = "", pid = "", echoPort = ""] = process.argv;
const ownPid = String(process.pid);

export interface CanaryReport {
  readonly rounds: number;
  readonly failures: readonly string[];
  /** The 99th percentile of its waits for the server, without what either of them waited for a processor; in milliseconds. */
  readonly p99Ms: number;
  /** The same of its waits for the echo. */
  readonly baselineMs: number;
}

const socket = connect({ port: Number(port), host: "127.0.0.1", localAddress: "127.0.0.250", noDelay: true });
const connection = await connectSsh({ socket, username, password, ident: "canary" });
const client = await SftpClient.start(await connection.openSftp());
const handle = await client.open("/canary.bin", { read: true });
const echo = connect({ port: Number(echoPort), host: "127.0.0.1", noDelay: true });

let rounds = 0;
let failures: string[] = [];
let waits: number[] = [];
let baseline: number[] = [];

/** How long the main threads of the server and of this process have been kept from running by what else runs on the machine, in milliseconds (sched-stats of Linux). */
function kept(): number {
  let nanoseconds = 0;
  for (const process of [pid, ownPid]) {
    try {
      nanoseconds += Number(readFileSync(`/proc/${process}/task/${process}/schedstat`, "latin1").split(" ")[1] ?? 0);
    } catch {
      // A kernel that does not count: the echo alone tells of the machine.
    }
  }
  return nanoseconds / 1e6;
}

async function timed(act: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await act();
  return performance.now() - started;
}

async function ask(): Promise<void> {
  try {
    const { size } = await client.stat("/canary.bin");
    const data = await client.read(handle, (rounds % 16) * 4096, 4096);
    if (size !== 65_536 || data?.length !== 4096) throw new Error("It read something else");
  } catch (error) {
    failures.push(String(error));
  }
}

async function askEcho(): Promise<void> {
  for (let i = 0; i < 2; i++) {
    echo.write("?");
    await once(echo, "data");
  }
}

async function round(): Promise<void> {
  const before = kept();
  const [wait, echoed] = await Promise.all([timed(ask), timed(askEcho)]);
  waits.push(Math.max(wait - (kept() - before), 0));
  baseline.push(echoed);
  rounds += 1;
}

function p99(values: number[]): number {
  values.sort((a, b) => a - b);
  return values[Math.ceil(values.length * 0.99) - 1] ?? 0;
}

let asked = false;
let wake: () => void = () => {};
process.on("message", () => {
  asked = true;
  wake();
});
process.on("disconnect", () => process.exit(0));
process.send?.({ ready: true });

for (;;) {
  const report = asked;
  await round();
  if (report) {
    process.send?.({ rounds, failures, p99Ms: p99(waits), baselineMs: p99(baseline) } satisfies CanaryReport);
    asked = false;
    rounds = 0;
    failures = [];
    waits = [];
    baseline = [];
  }
  if (asked) continue;
  await new Promise<void>((resolve) => {
    wake = resolve;
    setTimeout(resolve, 100);
  });
}
