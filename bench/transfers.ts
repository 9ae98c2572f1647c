import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { runSftp } from "./client.ts";
import { rotated, type Figures } from "./figure.ts";
import type { Options } from "./options.ts";
import type { Peer } from "./peer.ts";
import type { Workspace } from "./workspace.ts";

/** The file that both sides have. */
export const largeFile = "large";
const copy = "copy";

/** A download that the client throws away, as a program does that only reads; one that it keeps in a file; an upload. */
export const directions = ["down", "down, kept", "up"] as const;
export type Direction = (typeof directions)[number];

/** Downloads or uploads the large file once. What an earlier transfer left is removed first, and not timed. */
export async function transfer(
  workspace: Workspace,
  peer: Peer,
  direction: Direction,
  cipher: string,
): ReturnType<typeof runSftp> {
  const target = join(direction === "up" ? workspace.served : workspace.local, copy);
  rmSync(target, { force: true });
  const command = direction === "up" ? "put" : "get";
  const to = direction === "down" ? "/dev/null" : copy;
  return runSftp(workspace, peer, [`${command} ${largeFile} ${to}`], cipher);
}

/** Throughput and CPU time of one large file, down and up. */
export async function measureTransfers(
  workspace: Workspace,
  peers: readonly Peer[],
  options: Options,
  figures: Figures,
  progress: (text: string) => void,
): Promise<void> {
  const runs = options.ciphers.flatMap((cipher) => directions.map((direction) => ({ cipher, direction })));
  // The round that is not timed: everything is warm after it, and what was kept has proven that the right bytes were moved.
  for (const { cipher, direction } of runs) {
    for (const peer of peers) {
      progress(`verify ${direction} ${cipher} ${peer.name}`);
      await transfer(workspace, peer, direction, cipher);
      if (direction === "down") continue;
      const at = direction === "up" ? workspace.served : workspace.local;
      execFileSync("cmp", [join(workspace.local, largeFile), join(at, copy)]);
    }
  }
  for (let round = 0; round < options.rounds; round++) {
    for (const { cipher, direction } of runs) {
      for (const peer of rotated(peers, round)) {
        progress(`round ${round + 1} of ${options.rounds}: ${direction} ${cipher} ${peer.name}`);
        const { seconds, cpuSeconds } = await transfer(workspace, peer, direction, cipher);
        const what = `${options.mib} MiB ${direction}, ${cipher}`;
        figures.add(what, "MB/s", "more", peer, (options.mib * 1.048576) / seconds);
        figures.add(what, "CPU s/GiB", "less", peer, (cpuSeconds * 1024) / options.mib);
      }
    }
  }
  for (const directory of [workspace.local, workspace.served]) rmSync(join(directory, copy), { force: true });
}
