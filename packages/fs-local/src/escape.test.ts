import fs from "node:fs";
import { join } from "node:path";
import { type FileSystem } from "@sluice/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  at,
  contentOf,
  exclusively,
  forReading,
  forUpload,
  inPlace,
  makeFifo,
  makeGround,
  secret,
  variants,
  type Ground,
} from "../test/fixture.ts";

/** Everything beside the root, with content and times. Reading does not count as touching, so access times are left out. */
function snapshot(ground: Ground): string[] {
  return ["outside", "root2", "roo"].flatMap((folder) => {
    const top = join(ground.base, folder);
    return ["", ...(fs.readdirSync(top, { recursive: true }) as string[])].map((name) => {
      const stats = fs.lstatSync(join(top, name));
      const content = stats.isFile() ? fs.readFileSync(join(top, name), "utf8") : "";
      return [folder, name, stats.mode, stats.uid, stats.nlink, stats.mtimeMs, stats.ctimeMs, content].join(" ");
    });
  });
}

/** Every operation on a path that leads, or tries to lead, to something outside. What it finds there is returned. */
async function tryEverything(system: FileSystem, path: string): Promise<string[]> {
  const found: string[] = [];
  const attempt = async (work: () => Promise<unknown>): Promise<void> => {
    try {
      const result = await work();
      if (result !== undefined) found.push(JSON.stringify(result));
    } catch {
      // A refusal is as good as an answer that stays inside.
    }
  };
  const open = (flags: typeof forReading): Promise<void> =>
    attempt(async () => {
      const handle = await system.open(at(path), flags, { mode: 0o666 });
      const content = flags.read ? await contentOf(handle) : "";
      if (flags.write) await handle.write(Buffer.from("written"), 0);
      await handle.setAttributes?.({ mode: 0o600, mtimeMs: 1 });
      await handle.close("completed");
      return content;
    });
  for (const flags of [
    forReading,
    inPlace,
    { ...inPlace, append: true },
    { ...inPlace, truncate: true },
    { ...inPlace, read: true },
  ]) {
    await open(flags);
  }
  for (const flags of [forUpload, exclusively, { ...inPlace, create: true }]) await open(flags);
  for (const follow of [true, false]) {
    await attempt(() =>
      system.setAttributes!(at(path), { mode: 0o777, uid: 1, gid: 1, mtimeMs: 1, atimeMs: 1 }, { follow }),
    );
    await attempt(() => system.setAttributes!(at(path), { size: 0 }, { follow }));
  }
  await attempt(async () => {
    const names: string[] = [];
    for await (const batch of system.list(at(path))) names.push(...batch.map(({ name }) => name));
    return names;
  });
  await attempt(() => system.mkdir!(at(path), {}));
  await attempt(() => system.link!(at("/stolen"), at(path)));
  await attempt(() => system.link!(at(path), at("/mine")));
  await attempt(() => system.symlink!(at(path), "planted"));
  for (const overwrite of [false, true]) {
    await attempt(() => system.rename!(at("/mine"), at(path), { overwrite }));
    await attempt(() => system.rename!(at("/mydir"), at(path), { overwrite }));
  }
  await attempt(() => system.realpath!(at(path)));
  await attempt(() => system.rmdir!(at(path)));
  for (const overwrite of [false, true]) {
    await attempt(() => system.rename!(at(path), at(`/taken-${overwrite}`), { overwrite }));
  }
  await attempt(() => system.remove!(at(path)));
  return found;
}

interface Trap {
  readonly title: string;
  set(ground: Ground): void;
  readonly paths: readonly string[];
}

const names = ["", "/secret", "/empty", "/new", "/empty/new"];

function leading(to: string): string[] {
  return names.map((name) => to + name);
}

const traps: readonly Trap[] = [
  {
    title: "an absolute link",
    set: (ground) => fs.symlinkSync(ground.outside, ground.host("trap")),
    paths: leading("/trap"),
  },
  {
    title: "a relative link",
    set: (ground) => fs.symlinkSync("../outside", ground.host("trap")),
    paths: leading("/trap"),
  },
  {
    title: "a relative link from below",
    set: (ground) => fs.symlinkSync("../../../outside/.//", ground.host("deep", "er", "trap")),
    paths: leading("/deep/er/trap"),
  },
  {
    title: "a link to a file outside",
    set: (ground) => fs.symlinkSync(join(ground.outside, "secret"), ground.host("trap")),
    paths: ["/trap", "/trap/x"],
  },
  {
    title: "a chain of links",
    set: (ground) => {
      fs.symlinkSync("../outside", ground.host("0"));
      for (let i = 1; i < 40; i++) fs.symlinkSync(String(i - 1), ground.host(String(i)));
    },
    paths: leading("/39"),
  },
  {
    title: "a loop that ends outside",
    set: (ground) => {
      fs.symlinkSync("b/../../outside", ground.host("a"));
      fs.symlinkSync("a/../../outside", ground.host("b"));
    },
    paths: [...leading("/a"), ...leading("/b")],
  },
  {
    title: "a dangling link",
    set: (ground) => fs.symlinkSync(join(ground.outside, "new"), ground.host("trap")),
    paths: ["/trap", "/trap/x"],
  },
  {
    title: "a link to a FIFO outside",
    set: (ground) => {
      if (!fs.existsSync(join(ground.outside, "fifo"))) makeFifo(join(ground.outside, "fifo"));
      fs.symlinkSync("../outside/fifo", ground.host("trap"));
    },
    paths: ["/trap", "/trap/x"],
  },
  {
    title: "links to the neighbours whose names begin alike",
    set: (ground) => {
      fs.symlinkSync("../root2", ground.host("trap"));
      fs.symlinkSync(`${ground.root}/../roo`, ground.host("trap2"));
    },
    paths: [...leading("/trap"), ...leading("/trap2")],
  },
  {
    title: "a magic link of /proc",
    set: (ground) => fs.symlinkSync("/proc/self/root", ground.host("trap")),
    paths: ["/trap", "/trap/etc/passwd", "/trap/new"],
  },
  {
    title: "no link, but spellings of the way up",
    set: () => undefined,
    paths: [
      "/../outside/secret",
      "../outside/secret",
      "/deep/../../outside/secret",
      "//..//outside//secret",
      "/./.././outside/./secret",
      "/deep/er/../../../outside/secret/.",
      `${"../".repeat(800)}outside/secret`,
      "/..\\outside\\secret",
      "/%2e%2e/outside/secret",
      "/．．/outside/secret",
      "/..",
      "/../root2/secret",
      "/deep/..",
      "/.../outside",
    ],
  },
  {
    title: "ways up that are not UTF-8",
    set: () => undefined,
    paths: ["/\udcc0\udcae\udcc0\udcae/outside/secret", "/\udce0\udc80\udcae\udce0\udc80\udcae/outside/secret"],
  },
];

describe.each(variants)("nothing outside the root can be reached $title", (variant) => {
  describe.each(["within-root", "deny"] as const)("with links %s", (symlinks) => {
    let ground: Ground;
    beforeEach(async () => {
      ground = await makeGround(variant, { symlinks });
    });
    afterEach(() => ground.cleanUp());

    it.each(traps)("through $title", async (trap) => {
      for (const path of trap.paths) {
        // The attempts may remove or replace the trap itself, which is theirs to do, so each path gets a fresh one.
        for (const name of fs.readdirSync(ground.root)) fs.rmSync(ground.host(name), { recursive: true });
        fs.mkdirSync(ground.host("deep", "er"), { recursive: true });
        fs.writeFileSync(ground.host("mine"), "mine");
        fs.mkdirSync(ground.host("mydir"));
        trap.set(ground);
        const before = snapshot(ground);
        const found = await tryEverything(ground.fs, path);
        expect(found.join("\n")).not.toContain(secret);
        expect(found.join("\n")).not.toContain('"empty"');
        expect({ path, outside: snapshot(ground) }).toEqual({ path, outside: before });
      }
    });
  });
});

describe("a kernel that is asked in the naive way", () => {
  it("does lead outside through the same trap, so that the tests above can fail", async () => {
    const ground = await makeGround(variants[0]!);
    try {
      fs.symlinkSync(ground.outside, ground.host("trap"));
      expect(fs.readFileSync(ground.host("trap", "secret"), "utf8")).toBe(secret);
    } finally {
      await ground.cleanUp();
    }
  });
});
