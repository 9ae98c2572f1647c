import { chmod, lstat, mkdir, readFile, readlink, stat, symlink, utimes, writeFile } from "node:fs/promises";
import * as path from "node:path";
import { expect } from "vitest";
import type { Bench, Place } from "./bench.ts";
import { bytesOf } from "./client.ts";
import type { InteropClient, Login, Path, Preserved } from "./client.ts";
import { content, hashOf, join, kibibyte, makeTree, mebibyte, treeOf } from "./files.ts";
import { peer } from "./server.ts";

/** One thing that a client does with a server, told as a sentence about it. */
export type Scenario<Link> = readonly [title: string, run: (bench: Bench<Link>, at: Place) => Promise<void>];

/** What a client is held to: everything that it can do. */
export function scenariosOf<Link>(client: InteropClient<Link>): Scenario<Link>[] {
  return [
    ["logs in by key", async (bench, at) => logsIn(bench, at, { by: "key" })],
    ...transfers<Link>(),
    ...listing(client),
    ...renames(client),
    ...resumes(client),
    ...trees(client),
    ...links(client),
    ...preserving(client),
    ...names<Link>(),
    ["copes with a name that is not UTF-8", rawNames[client.rawNames]],
    ...refusals(client),
    // OpenSSH's server takes no passwords here. Failures come last, for a server may slow down who fails.
    ...(peer === "sshd" ? [] : passwords(client)),
  ];
}

const sizes = {
  "0 B": 0,
  "1 B": 1,
  "32 KiB - 1": 32 * kibibyte - 1,
  "32 KiB": 32 * kibibyte,
  "32 KiB + 1": 32 * kibibyte + 1,
  "256 KiB - 1": 256 * kibibyte - 1,
  "256 KiB": 256 * kibibyte,
  "256 KiB + 1": 256 * kibibyte + 1,
  "64 MiB": 64 * mebibyte,
};

function transfers<Link>(): Scenario<Link>[] {
  return Object.entries(sizes).map(([label, size]) => [
    `puts and gets ${label}`,
    async (bench, at) => roundTrip(bench, at, size),
  ]);
}

/** Puts and gets one file, and compares the three. */
async function roundTrip<Link>(bench: Bench<Link>, at: Place, size: number, name: Path = "file", link = bench.link) {
  const [here, there, back] = [join(at.local, "here"), join(at.served, name), join(at.local, "back")];
  await writeFile(here, content(size));
  await bench.client.put(link, here, join(at.remote, name));
  const wanted = await hashOf(here);
  expect(await hashOf(there)).toBe(wanted);
  await bench.client.get(link, join(at.remote, name), back);
  expect(await hashOf(back)).toBe(wanted);
}

const entries = 5000;

function listing<Link>({ list }: InteropClient<Link>): Scenario<Link>[] {
  if (list === undefined) return [];
  return [
    [
      `lists ${entries} entries`,
      async (bench, at) => {
        const wanted = Array.from({ length: entries }, (_, i) => `entry-${String(i).padStart(4, "0")}`);
        await Promise.all(wanted.map((name) => writeFile(join(at.served, name), "")));
        expect(await bench.listed(at)).toEqual(wanted);
      },
    ],
  ];
}

function renames<Link>({ rename, overwrite }: InteropClient<Link>): Scenario<Link>[] {
  const scenarios: Scenario<Link>[] = [];
  if (rename !== undefined) {
    scenarios.push([
      "renames a file and a directory",
      async (bench, at) => {
        await bench.serve(at, "before", "moved");
        await rename(bench.link, join(at.remote, "before"), join(at.remote, "after"));
        await mkdir(join(at.served, "old"));
        await bench.serve(at, "old/inside", "kept");
        await bench.server.adopt(join(at.served, "old"));
        await rename(bench.link, join(at.remote, "old"), join(at.remote, "new"));
        expect(Object.keys(await treeOf(at.served)).sort()).toEqual(["after", "new", "new/inside"]);
        expect(await readFile(join(at.served, "after"), "utf8")).toBe("moved");
      },
    ]);
  }
  if (overwrite !== undefined) {
    const title = { replaces: "replaces the file there", refuses: "is refused", either: "replaces or is refused" };
    scenarios.push([
      `a rename onto an existing name ${title[overwrite.ends]}`,
      async (bench, at) => {
        // Of different sizes, or a client may find them the same and rename nothing.
        await bench.serve(at, "from", "newer");
        await bench.serve(at, "to", "old");
        const replaced = await overwrite.rename(bench.link, join(at.remote, "from"), join(at.remote, "to")).then(
          () => true,
          () => false,
        );
        if (overwrite.ends !== "either") expect(replaced).toBe(overwrite.ends === "replaces");
        const left = await Promise.all(["from", "to"].map((name) => textOf(join(at.served, name))));
        expect(left).toEqual(replaced ? [undefined, "newer"] : ["newer", "old"]);
      },
    ]);
  }
  return scenarios;
}

function resumes<Link>({ resumeGet, resumePut }: InteropClient<Link>): Scenario<Link>[] {
  // What is at one end already differs from what is at the other, so that starting over would show.
  const [whole, begun] = [content(mebibyte), content(300_000)];
  const wanted = Buffer.concat([begun, whole.subarray(begun.length)]);
  const scenarios: Scenario<Link>[] = [];
  if (resumeGet !== undefined) {
    scenarios.push([
      "resumes a get where the local file ends",
      async (bench, at) => {
        await bench.serve(at, "file", whole);
        await writeFile(join(at.local, "file"), begun);
        await resumeGet(bench.link, join(at.remote, "file"), join(at.local, "file"));
        expect(wanted.equals(await readFile(join(at.local, "file")))).toBe(true);
      },
    ]);
  }
  if (resumePut !== undefined) {
    scenarios.push([
      "resumes a put where the remote file ends",
      async (bench, at) => {
        await bench.serve(at, "file", begun);
        await writeFile(join(at.local, "file"), whole);
        await resumePut(bench.link, join(at.local, "file"), join(at.remote, "file"));
        expect(wanted.equals(await readFile(join(at.served, "file")))).toBe(true);
      },
    ]);
  }
  return scenarios;
}

function trees<Link>({ putTree, getTree }: InteropClient<Link>): Scenario<Link>[] {
  const scenarios: Scenario<Link>[] = [];
  if (putTree !== undefined) {
    scenarios.push([
      "puts a directory with all that is in it",
      async (bench, at) => {
        await makeTree(join(at.local, "tree"));
        await putTree(bench.link, join(at.local, "tree"), join(at.remote, "tree"));
        expect(await treeOf(join(at.served, "tree"))).toEqual(await treeOf(join(at.local, "tree")));
      },
    ]);
  }
  if (getTree !== undefined) {
    scenarios.push([
      "gets a directory with all that is in it",
      async (bench, at) => {
        await makeTree(join(at.served, "tree"));
        await getTree(bench.link, join(at.remote, "tree"), join(at.local, "tree"));
        expect(await treeOf(join(at.local, "tree"))).toEqual(await treeOf(join(at.served, "tree")));
      },
    ]);
  }
  return scenarios;
}

function links<Link>({ symlink: make, readlink: read }: InteropClient<Link>): Scenario<Link>[] {
  const scenarios: Scenario<Link>[] = [
    [
      "follows a symbolic link",
      async (bench, at) => {
        await bench.serve(at, "target", "at the end of the link");
        await symlink("target", join(at.served, "pointer"));
        await bench.client.get(bench.link, join(at.remote, "pointer"), join(at.local, "got"));
        expect((await lstat(join(at.local, "got"))).isFile()).toBe(true);
        expect(await textOf(join(at.local, "got"))).toBe("at the end of the link");
      },
    ],
  ];
  if (make !== undefined) {
    scenarios.push([
      "makes a symbolic link that points where it was told to",
      async (bench, at) => {
        await bench.serve(at, "target", "here");
        await make(bench.link, "target", join(at.remote, "pointer"));
        expect(await readlink(join(at.served, "pointer"))).toBe("target");
      },
    ]);
  }
  if (read !== undefined) {
    scenarios.push([
      "reads where a symbolic link points",
      async (bench, at) => {
        await symlink("some/where else", join(at.served, "pointer"));
        const target = await read(bench.link, join(at.remote, "pointer"));
        expect(bytesOf(target).toString()).toBe("some/where else");
      },
    ]);
  }
  return scenarios;
}

function preserving<Link>({ preserving: { put, get } = {} }: InteropClient<Link>): Scenario<Link>[] {
  const scenarios: Scenario<Link>[] = [];
  if (put !== undefined) {
    scenarios.push([
      `a put keeps ${put.keeps.join(" and ")}`,
      async (bench, at) => {
        await writeFile(join(at.local, "file"), "dated");
        await date(join(at.local, "file"));
        await put.run(bench.link, join(at.local, "file"), join(at.remote, "file"));
        await expectDated(join(at.served, "file"), put.keeps);
      },
    ]);
  }
  if (get !== undefined) {
    scenarios.push([
      `a get keeps ${get.keeps.join(" and ")}`,
      async (bench, at) => {
        await bench.serve(at, "file", "dated");
        await date(join(at.served, "file"));
        await get.run(bench.link, join(at.remote, "file"), join(at.local, "file"));
        await expectDated(join(at.local, "file"), get.keeps);
      },
    ]);
  }
  return scenarios;
}

const oldTime = new Date("2001-02-03T04:05:06Z");
const oddMode = 0o741;

async function date(file: Buffer): Promise<void> {
  await chmod(file, oddMode);
  await utimes(file, oldTime, oldTime);
}

async function expectDated(file: Buffer, keeps: readonly Preserved[]): Promise<void> {
  const { mode, mtimeMs } = await stat(file);
  if (keeps.includes("mode")) expect(mode & 0o7777).toBe(oddMode);
  if (keeps.includes("time")) expect(mtimeMs).toBe(oldTime.getTime());
}

const oddNames = {
  spaces: "a name  with spaces",
  "a single quote": "it's here",
  "double quotes": 'so "called" name',
  "UTF-8": "Füße ☃ 日本語 🗂",
};

function names<Link>(): Scenario<Link>[] {
  return Object.entries(oddNames).map(([label, name]) => [
    `puts, gets and lists a name with ${label}`,
    async (bench, at) => {
      await roundTrip(bench, at, 100, name);
      if (bench.client.list) expect(await bench.listed(at)).toEqual([Buffer.from(name).toString("latin1")]);
    },
  ]);
}

/** "Café" in Latin-1, and two bytes that begin nothing in UTF-8. */
const rawName = Buffer.from([0x43, 0x61, 0x66, 0xe9, 0x20, 0xff, 0xfe]);

const rawNames = {
  async listed<Link>(bench: Bench<Link>, at: Place): Promise<void> {
    await roundTrip(bench, at, 100, rawName);
    expect(await bench.listed(at)).toEqual([rawName.toString("latin1")]);
  },
  async transferred<Link>(bench: Bench<Link>, at: Place): Promise<void> {
    await roundTrip(bench, at, 100, rawName);
  },
  async survived<Link>(bench: Bench<Link>, at: Place): Promise<void> {
    await bench.serve(at, rawName, "odd");
    await bench.serve(at, "plain", "even");
    const found = await bench.listed(at);
    expect(found).toContain("plain");
    expect(found).toHaveLength(2);
  },
  async copied<Link>(bench: Bench<Link>, at: Place): Promise<void> {
    await bench.serve(at, rawName, "odd");
    await bench.serve(at, "plain", "even");
    await bench.client.getTree?.(bench.link, at.remote, join(at.local, "tree"));
    expect(await treeOf(join(at.local, "tree"))).toEqual(await treeOf(at.served));
  },
};

function refusals<Link>({ says }: InteropClient<Link>): Scenario<Link>[] {
  return [
    [
      "says so when a file is missing",
      async (bench, at) => {
        const got = bench.client.get(bench.link, join(at.remote, "nothing"), join(at.local, "got"));
        await expect(got).rejects.toThrow(says?.missing ?? /no such file|not found|does not exist/i);
        await roundTrip(bench, at, 100);
      },
    ],
    [
      "says so when permission is refused",
      async (bench, at) => {
        await writeFile(join(at.local, "file"), "unwanted");
        const put = bench.client.put(bench.link, join(at.local, "file"), bench.server.path("denied/file"));
        await expect(put).rejects.toThrow(says?.denied ?? /permission denied/i);
        expect(await treeOf(path.join(bench.server.root, "denied"))).toEqual({});
        await roundTrip(bench, at, 100);
      },
    ],
  ];
}

function passwords<Link>({ says }: InteropClient<Link>): Scenario<Link>[] {
  return [
    [
      "logs in by password",
      async (bench, at) => logsIn(bench, at, { by: "password", password: bench.server.password }),
    ],
    [
      "is turned away with a wrong password",
      async (bench, at) => {
        const refused = logsIn(bench, at, { by: "password", password: "not the password" });
        await expect(refused).rejects.toThrow(says?.unauthenticated ?? /denied|authenticat|login failed/i);
        expect(await treeOf(at.served)).toEqual({});
      },
    ],
  ];
}

async function logsIn<Link>(bench: Bench<Link>, at: Place, login: Login): Promise<void> {
  const link = await bench.connect(login);
  try {
    await roundTrip(bench, at, 100, "file", link);
  } finally {
    await bench.client.close(link);
  }
}

/** What a file holds; undefined where there is none. */
async function textOf(file: Buffer): Promise<string | undefined> {
  return readFile(file, "utf8").catch(() => undefined);
}
