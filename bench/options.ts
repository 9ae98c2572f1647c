import { existsSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { resolve } from "node:path";
import { parseArgs } from "node:util";

export const groups = ["transfers", "metadata", "memory", "edge"] as const;
export type Group = (typeof groups)[number];

export interface Options {
  readonly rounds: number;
  readonly only: readonly Group[];
  /** Size of the file that is transferred, in MiB. */
  readonly mib: number;
  readonly ciphers: readonly string[];
  /** Silent connections, and as many that send a byte a second. */
  readonly crowd: number;
  /** Where the files are, of client and servers alike. */
  readonly dir: string;
  readonly json: string | undefined;
  /** A program to measure beside `server.mjs`, with the same arguments: how a change is compared with what is there. */
  readonly also: string | undefined;
  /** A directory for CPU profiles of the servers that run on Node. */
  readonly profile: string | undefined;
}

export const usage = `npm run bench -- [options]

  --rounds N       rounds to take medians of (default 5)
  --only GROUP     ${groups.join(", ")}; may be given several times (default all but edge)
  --mib N          size of the transferred file (default 1024)
  --cipher NAME    may be given several times (default aes256-gcm@openssh.com and chacha20-poly1305@openssh.com)
  --crowd N        connections of each hostile kind in the group edge (default 2000)
  --dir DIR        where files are put (default /dev/shm where it has room, otherwise the temporary directory)
  --json FILE      write every sample there
  --also FILE      measure another server program too, called as server.mjs is
  --profile DIR    write CPU profiles of the servers that run on Node; the figures are then lower
`;

/** @throws Error that names the option. */
export function readOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string", default: "5" },
      only: { type: "string", multiple: true },
      mib: { type: "string", default: "1024" },
      cipher: { type: "string", multiple: true },
      crowd: { type: "string", default: "2000" },
      dir: { type: "string" },
      json: { type: "string" },
      also: { type: "string" },
      profile: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const only = values.only ?? groups.filter((group) => group !== "edge");
  for (const name of only) {
    if (!groups.includes(name as Group)) throw new Error(`--only ${name}: one of ${groups.join(", ")} is needed`);
  }
  const mib = positive("--mib", values.mib);
  return {
    rounds: positive("--rounds", values.rounds),
    only: only as readonly Group[],
    mib,
    ciphers: values.cipher ?? ["aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com"],
    crowd: positive("--crowd", values.crowd),
    dir: resolve(values.dir ?? roomyDirectory(mib)),
    json: values.json,
    also: values.also === undefined ? undefined : resolve(values.also),
    profile: values.profile === undefined ? undefined : resolve(values.profile),
  };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`${name} ${text}: a whole number from 1 is needed`);
  return value;
}

/** Memory, where there is room for the file, its copy on either side, and as much again. */
function roomyDirectory(mib: number): string {
  const memory = "/dev/shm";
  if (!existsSync(memory)) return tmpdir();
  const { bavail, bsize } = statfsSync(memory);
  return bavail * bsize > 4 * mib * 1024 * 1024 ? memory : tmpdir();
}
