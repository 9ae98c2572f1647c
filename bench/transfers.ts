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

/** Downloads or uploads the large file once. What an earlier transfer left is removed first, and not timed. */
export async function transfer(
  workspace: Workspace,
  peer: Peer,
  direction: "down" | "up",
  cipher: string,
): ReturnType<typeof runSftp> {
  const [target, command] =
    direction === "down" ? [join(workspace.local, copy), "get"] : [join(workspace.served, copy), "put"];
  rmSync(target, { force: true });
  return runSftp(workspace, peer, [`${command} ${largeFile} ${copy}`], cipher);
}

/** Throughput and CPU time of one large file, down and up. */
export async function measureTransfers(
  workspace: Workspace,
  peers: readonly Peer[],
  options: Options,
  figures: Figures,
  progress: (text: string) => void,
): Promise<void> {
  const runs = options.ciphers.flatMap((cipher) =>
    (["down", "up"] as const).map((direction) => ({ cipher, direction })),
  );
  // The round that is not timed: everything is warm after it, and has proven that it moves the right bytes.
  for (const { cipher, direction } of runs) {
    for (const peer of peers) {
      progress(`verify ${direction} ${cipher} ${peer.name}`);
      await transfer(workspace, peer, direction, cipher);
      const at = direction === "down" ? workspace.local : workspace.served;
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
