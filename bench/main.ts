import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { edgeText, measureEdge, type EdgeResult } from "./edge.ts";
import { Figures } from "./figure.ts";
import { describeMachine } from "./machine.ts";
import { measureMemory, type MemoryResult } from "./memory.ts";
import { measureMetadata } from "./metadata.ts";
import { readOptions, usage, type Options } from "./options.ts";
import type { Peer } from "./peer.ts";
import { startSluice, type Program } from "./sluice.ts";
import { startSshd } from "./sshd.ts";
import { figureTable, memoryTable } from "./table.ts";
import { largeFile, measureTransfers } from "./transfers.ts";
import { createWorkspace, makeLargeFile } from "./workspace.ts";

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

function programsOf(options: Options): Program[] {
  const own = { name: "sluice", file: fileURLToPath(new URL("server.mjs", import.meta.url)) };
  return options.also === undefined ? [own] : [own, { name: "also", file: options.also }];
}

async function run(options: Options): Promise<number> {
  const machine = describeMachine();
  const workspace = createWorkspace(options.dir);
  const peers: Peer[] = [];
  const cleanUp = async (): Promise<void> => {
    await Promise.all(peers.splice(0).map((peer) => peer.stop()));
    workspace.remove();
  };
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => void cleanUp().then(() => process.exit(1)));
  const figures = new Figures();
  let memory: MemoryResult[] = [];
  const edge: EdgeResult[] = [];
  let names: string[];
  try {
    progress("making files");
    if (options.only.some((group) => group !== "metadata")) makeLargeFile(workspace, largeFile, options.mib);
    const programs = programsOf(options);
    peers.push(await startSshd(workspace));
    for (const program of programs) peers.push(await startSluice(workspace, program, options.profile));
    names = peers.map((peer) => peer.name);
    if (options.only.includes("transfers")) await measureTransfers(workspace, peers, options, figures, progress);
    if (options.only.includes("metadata")) await measureMetadata(workspace, peers, options, figures, progress);
    if (options.only.includes("memory")) memory = await measureMemory(workspace, programs, options, progress);
    if (options.only.includes("edge")) {
      for (const program of programs) edge.push(...(await measureEdge(workspace, program, options, progress)));
    }
  } finally {
    await cleanUp();
    progress("");
  }
  const { cpu, cores, memoryGiB, kernel, node, openssh, load } = machine;
  console.log(`${cpu}, ${cores} cores, ${memoryGiB} GiB, Linux ${kernel}, Node ${node}, ${openssh}`);
  console.log(`load before: ${load}; files in ${options.dir}; medians of ${options.rounds} rounds\n`);
  const all = figures.all();
  if (all.length > 0) console.log(`${figureTable(all, names)}\n`);
  if (memory.length > 0) console.log(`${memoryTable(memory)}\n`);
  if (edge.length > 0) console.log(`${edgeText(edge)}\n`);
  if (options.json !== undefined) {
    const plain = all.map((figure) => ({ ...figure, samples: Object.fromEntries(figure.samples) }));
    const report = { date: new Date().toISOString(), machine, options, figures: plain, memory, edge };
    writeFileSync(options.json, `${JSON.stringify(report, undefined, 2)}\n`);
  }
  return memory.some(({ growth, allowed }) => growth > allowed) || edge.some(({ good }) => !good) ? 1 : 0;
}

try {
  const options = readOptions(process.argv.slice(2));
  if (options === undefined) console.log(usage);
  else process.exitCode = await run(options);
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
