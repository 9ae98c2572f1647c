import { linkSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Options } from "./options.ts";
import { forgetPeak, memory } from "./process.ts";
import { startSluice, type Program } from "./sluice.ts";
import { fileName, runStorm } from "./storm.ts";
import { transfer } from "./transfers.ts";
import type { Workspace } from "./workspace.ts";

const transfers = 10;
const warmEntries = 100_000;
const manyEntries = 1_000_000;
/** How much more may be resident after ten transfers than after one. */
const afterTransfers = 32 * 1024 * 1024;
/** How much more may be resident at any time while a million entries are listed than before. */
const whileListing = 16 * 1024 * 1024;

/** Memory of one server process over work that must not make it grow. */
export interface MemoryResult {
  readonly server: string;
  readonly what: string;
  /** Resident bytes when it was warm, and at the end. */
  readonly first: number;
  readonly last: number;
  readonly peak: number;
  readonly growth: number;
  readonly allowed: number;
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
        const [first = 0] = resident;
        const last = resident.at(-1) ?? 0;
        results.push({
          server: program.name,
          what: `${transfers} transfers ${direction}`,
          first,
          last,
          peak: memory(peer.pid).peak,
          growth: last - first,
          allowed: afterTransfers,
        });
      } finally {
        await peer.stop();
      }
    }
  }
  progress(`memory: making ${manyEntries} entries`);
  makeEntries(join(workspace.served, "warm"), warmEntries);
  makeEntries(join(workspace.served, "million"), manyEntries);
  for (const program of programs) results.push(await measureListing(workspace, program, progress));
  for (const name of ["warm", "million"]) rmSync(join(workspace.served, name), { recursive: true });
  return results;
}

/** The most that is resident while a directory is listed, beyond what is after a smaller one. */
async function measureListing(
  workspace: Workspace,
  program: Program,
  progress: (text: string) => void,
): Promise<MemoryResult> {
  progress(`memory: ${program.name}, listing`);
  const peer = await startSluice(workspace, program);
  try {
    await runStorm(workspace, peer, "list", "warm", warmEntries);
    const first = memory(peer.pid).resident;
    forgetPeak(peer.pid);
    await runStorm(workspace, peer, "list", "million", manyEntries);
    const { resident: last, peak } = memory(peer.pid);
    const what = `listing ${manyEntries} entries`;
    return { server: program.name, what, first, last, peak, growth: peak - first, allowed: whileListing };
  } finally {
    await peer.stop();
  }
}

/** Names of one empty file: a million inodes would take a gigabyte of the memory that files are kept in. */
function makeEntries(directory: string, count: number): void {
  mkdirSync(directory);
  const first = join(directory, fileName(0));
  writeFileSync(first, "");
  for (let i = 1; i < count; i++) linkSync(first, join(directory, fileName(i)));
}
