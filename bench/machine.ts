import { spawnSync } from "node:child_process";
import { cpus, loadavg, release, totalmem } from "node:os";

/** What a figure depends on besides the programs. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  readonly openssh: string;
  /** Processes that wanted a core in the minute before: whatever is above 0 disturbs. */
  readonly load: number;
}

export function describeMachine(): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model ?? "unknown",
    cores: all.length,
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    kernel: release(),
    node: process.version,
    openssh: spawnSync("ssh", ["-V"], { encoding: "utf8" }).stderr.trim(),
    load: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  };
}
