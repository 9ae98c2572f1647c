import fs from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { LocalFilesOptions } from "@sluice/fs-local";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { fromEnvironment, makeGround, randomFrom, startVictim, type Ground } from "./victim.ts";

/** Servers killed in all; FAULTS_KILLS=1000 for a campaign. */
const rounds = fromEnvironment("FAULTS_KILLS", 200);
const seed = fromEnvironment("FAULTS_SEED", 20_261_122);
/** Roots that are worked on at once: while one server starts, another is killed. */
const lanes: readonly Partial<LocalFilesOptions>[] = [{}, { durable: true }, { keepPartial: true }];
/** After how many acknowledged uploads a server is killed at the latest, and how much later, in milliseconds. */
const mostAcknowledged = 6;
const mostLaterMs = 10;
const bigBytes = 400_000;

/** What may be found under a name: contents by their first bytes are not enough, so all of them. */
interface Target {
  /** What was there, or nothing. */
  committed: Buffer | undefined;
  /** What is being put there. */
  coming: Buffer | undefined;
}

/** A content of its own, told apart from every other at any place. */
function content(label: string, bytes: number): Buffer {
  return Buffer.alloc(bytes, `${label};`);
}

function isTemporary(name: string): boolean {
  return name.startsWith(".sluice-upload-");
}

/** What is under a root: name → content, temporaries apart. */
function contentsOf(root: string): { readonly files: Map<string, Buffer>; readonly temporaries: readonly string[] } {
  const names = (fs.readdirSync(root, { recursive: true }) as string[]).filter((name) =>
    fs.statSync(join(root, name)).isFile(),
  );
  const temporaries = names.filter((name) => isTemporary(name.replace(/.*\//, "")));
  const files = names.filter((name) => !temporaries.includes(name));
  return { files: new Map(files.map((name) => [name, fs.readFileSync(join(root, name))])), temporaries };
}

describe("a server that is killed during uploads", () => {
  let ground: Ground;
  beforeAll(() => {
    ground = makeGround();
  });
  afterAll(() => ground.remove());

  /** One server: start, sweep, uploads, death. Returns how each target was found, and what else was. */
  async function round(root: string, options: Partial<LocalFilesOptions>, number: number, random: () => number) {
    const stale = contentsOf(root).temporaries;
    const server = await startVictim(ground, { root, ...options });
    const client = await server.client();
    await vi.waitFor(() => expect(stale.filter((name) => fs.existsSync(join(root, name)))).toEqual([]), 10_000);

    const before = contentsOf(root).files;
    const targets = new Map<string, Target>();
    let acknowledged = 0;
    const enough = Math.floor(random() * (mostAcknowledged + 1));
    let reached = (): void => undefined;
    const moment = new Promise<void>((resolve) => (reached = resolve));
    if (enough === 0) reached();
    const upload = async (name: string, bytes: number): Promise<void> => {
      const target: Target = { committed: before.get(name), coming: content(`${name} of ${number}`, bytes) };
      targets.set(name, target);
      await client.writeFile(`/${name}`, target.coming!);
      if (++acknowledged >= enough) reached();
      target.committed = target.coming;
      target.coming = undefined;
    };
    const many = async (): Promise<void> => {
      for (let i = 0; ; i++) await upload(`inner/small-${i % 40}`, 100 + i);
    };
    const uploads = [
      upload("big", bigBytes),
      upload(`inner/new-${number}`, bigBytes / 2),
      upload("gone", 70_000),
      many(),
    ];
    // An upload that fails before the kill is a fault of the server, and told by its name.
    await Promise.race([moment, Promise.all(uploads)]);
    await setTimeout(random() * mostLaterMs);
    await server.kill();
    await Promise.allSettled(uploads);

    const { files, temporaries } = contentsOf(root);
    const torn = [...targets].filter(([name, { committed, coming }]) => {
      const found = files.get(name);
      if (found === undefined) return committed !== undefined;
      return ![committed, coming].some((whole) => whole?.equals(found) === true);
    });
    const strangers = [...files.keys()].filter((name) => !targets.has(name) && !before.has(name));
    for (const name of ["gone", `inner/new-${number}`]) fs.rmSync(join(root, name), { force: true });
    return {
      torn: torn.map(([name]) => name),
      strangers,
      temporaries: temporaries.length,
      acknowledged,
      log: server.log(),
    };
  }

  function makeRoot(name: string): string {
    const root = join(ground.directory, name);
    fs.mkdirSync(join(root, "inner"), { recursive: true });
    return root;
  }

  it(
    `leaves every target old or new, what it acknowledged, and temporaries for the next start to sweep, ${rounds} times`,
    {
      timeout: 60_000 + rounds * 1_000,
    },
    async () => {
      const sums = { acknowledged: 0, temporaries: 0 };
      let next = 0;
      await Promise.all(
        lanes.map(async (options, lane) => {
          const root = makeRoot(`lane-${lane}`);
          const random = randomFrom(seed + lane);
          while (next < rounds) {
            const { torn, strangers, temporaries, acknowledged, log } = await round(root, options, next++, random);
            expect({ torn, strangers, log }, `seed ${seed}`).toEqual({ torn: [], strangers: [], log: "" });
            sums.acknowledged += acknowledged;
            sums.temporaries += temporaries;
          }
        }),
      );
      // Both sides of the commit were met, or nothing was tried.
      expect(sums.acknowledged).toBeGreaterThan(rounds);
      expect(sums.temporaries).toBeGreaterThan(rounds / 4);
    },
  );

  it("tears targets without atomic uploads, so that the test above can fail", { timeout: 90_000 }, async () => {
    const root = makeRoot("plain");
    const random = randomFrom(seed);
    let torn = 0;
    for (let number = 0; torn === 0 && number < 50; number++) {
      torn += (await round(root, { atomic: false }, number, random)).torn.length;
    }
    expect(torn).toBeGreaterThan(0);
  });
});
