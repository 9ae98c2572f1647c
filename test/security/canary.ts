import { connect } from "node:net";
import { connectSsh } from "@sluice/core/ssh-client";
import { SftpClient } from "@sluice/testing";

/**
 * An honest client in a process of its own: every 100 ms a STAT and a READ of 4 KiB, whatever else happens to the server. Asked for a
 * report, it does another round first.
 */
const [, , port = "", username = "", password = ""] = process.argv;

export interface CanaryReport {
  readonly rounds: number;
  readonly failures: readonly string[];
  readonly maxMs: number;
}

const socket = connect({ port: Number(port), host: "127.0.0.1", localAddress: "127.0.0.250", noDelay: true });
const connection = await connectSsh({ socket, username, password, ident: "canary" });
const client = await SftpClient.start(await connection.openSftp());
const handle = await client.open("/canary.bin", { read: true });

let rounds = 0;
let failures: string[] = [];
let maxMs = 0;

async function round(): Promise<void> {
  const started = performance.now();
  try {
    const { size } = await client.stat("/canary.bin");
    const data = await client.read(handle, (rounds % 16) * 4096, 4096);
    if (size !== 65_536 || data?.length !== 4096) throw new Error("It read something else");
  } catch (error) {
    failures.push(String(error));
  }
  rounds += 1;
  maxMs = Math.max(maxMs, performance.now() - started);
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
    process.send?.({ rounds, failures, maxMs } satisfies CanaryReport);
    asked = false;
    rounds = maxMs = 0;
    failures = [];
  }
  if (asked) continue;
  await new Promise<void>((resolve) => {
    wake = resolve;
    setTimeout(resolve, 100);
  });
}
