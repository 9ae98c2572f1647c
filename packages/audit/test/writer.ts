import { AuditLog } from "../src/log.ts";
import { logOptions } from "./fixture-options.ts";

/** Writes records until it is killed, and prints the number of each that the kernel has. */
const log = await AuditLog.open(logOptions(process.argv[2] ?? "", { rotateBytes: 16 * 1024 }), {
  failed: (what) => process.stderr.write(`${what}\n`),
  recovered: () => undefined,
});
for (;;) {
  const seq = await log.commit({ type: "log", event: "lost", count: 0, since: "", reason: "x".repeat(100) });
  process.stdout.write(`${seq}\n`);
  if (seq % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
}
