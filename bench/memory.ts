import type { Options } from "./options.ts";
import { memory } from "./process.ts";
import { startSluice, type Program } from "./sluice.ts";
import { transfer } from "./transfers.ts";
import type { Workspace } from "./workspace.ts";

const transfers = 10;
/** How much more may be resident after ten transfers than after one. */
export const allowedGrowth: number = 32 * 1024 * 1024;

/** Memory of one server process over ten transfers in one direction. */
export interface MemoryResult {
  readonly server: string;
  readonly direction: "down" | "up";
  /** Resident bytes after each transfer. */
  readonly resident: readonly number[];
  readonly peak: number;
  /** What is resident after the last transfer beyond what was after the first. */
  readonly growth: number;
}

/** Resident memory of servers on Node: a fresh process for each direction. */
export async function measureMemory(
  workspace: Workspace,
  programs: readonly Program[],
  options: Options,
  progress: (text: string) => void,
): Promise<MemoryResult[]> {
  const [cipher = ""] = options.ciphers;
  const results: MemoryResult[] = [];
  for (const program of programs) {
    for (const direction of ["down", "up"] as const) {
      const peer = await startSluice(workspace, program);
      try {
        const resident: number[] = [];
        for (let i = 1; i <= transfers; i++) {
          progress(`memory: ${program.name}, transfer ${i} of ${transfers} ${direction}`);
          await transfer(workspace, peer, direction, cipher);
          resident.push(memory(peer.pid).resident);
        }
        const growth = (resident.at(-1) ?? 0) - (resident[0] ?? 0);
        results.push({ server: program.name, direction, resident, peak: memory(peer.pid).peak, growth });
      } finally {
        await peer.stop();
      }
    }
  }
  return results;
}
