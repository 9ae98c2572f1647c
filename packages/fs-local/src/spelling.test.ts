import fs from "node:fs";
import { join } from "node:path";
import { startTestServer, type ClientPath, type SftpClient, type TestServer } from "@sluice/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { makeGround, secret, variants, type Ground } from "../test/fixture.ts";
import { localFiles } from "./localfiles.ts";

const created = { write: true, create: true, truncate: true };

/** Everything that takes a path, once for each place where it takes one. What an answer says is returned. */
const operations: Readonly<Record<string, (client: SftpClient, path: ClientPath) => Promise<unknown>>> = {
  read: (client, path) => client.readFile(path),
  "write in place": async (client, path) => {
    const handle = await client.open(path, { read: true, write: true });
    await client.write(handle, 0, Buffer.from("written"));
    await client.fsetstat(handle, { mode: 0o600 });
    await client.close(handle);
  },
  append: async (client, path) => {
    const handle = await client.open(path, { write: true, append: true, create: true });
    await client.write(handle, 0, Buffer.from("written"));
    await client.close(handle);
  },
  upload: (client, path) => client.writeFile(path, "written"),
  "exclusive create": async (client, path) => client.close(await client.open(path, { ...created, exclusive: true })),
  list: async (client, path) => (await client.list(path)).map(({ name }) => name).sort(),
  stat: async (client, path) => (await client.stat(path)).size,
  lstat: async (client, path) => (await client.lstat(path)).size,
  setstat: (client, path) => client.setstat(path, { mode: 0o700, mtimeMs: 1_000 }),
  truncate: (client, path) => client.setstat(path, { size: 0 }),
  lsetstat: (client, path) => client.lsetstat(path, { mtimeMs: 1_000 }),
  mkdir: (client, path) => client.mkdir(path),
  rmdir: (client, path) => client.rmdir(path),
  remove: (client, path) => client.remove(path),
  realpath: (client, path) => client.realpath(path),
  "rename from": (client, path) => client.rename(path, "/taken"),
  "rename to": (client, path) => client.rename("/mine", path),
  "posix-rename from": (client, path) => client.posixRename(path, "/taken"),
  "posix-rename to": (client, path) => client.posixRename("/mine", path),
  "posix-rename of a folder to": (client, path) => client.posixRename("/folder", path),
  "hard link of": async (client, path) => {
    await client.hardlink(path, "/taken");
    return client.readFile("/taken");
  },
  "hard link at": (client, path) => client.hardlink("/mine", path),
  "symlink at": (client, path) => client.symlink(path, "mine"),
  "symlink to": async (client, path) => {
    await client.symlink("/planted", path);
    const seen = [client.readFile("/planted"), client.list("/planted"), client.writeFile("/planted/new", "written")];
    return (await Promise.allSettled(seen)).map(({ status }) => status);
  },
  readlink: (client, path) => client.readlink(path),
  statvfs: async (client, path) => (await client.statvfs(path)).blockSize,
  "expand-path": (client, path) => client.expandPath(path),
};

/** Spellings of what has a plain spelling, which they must be answered like. */
const spellings: readonly (readonly [spelling: string, plain: string])[] = [
  ["/../outside/secret", "/outside/secret"],
  ["../outside/secret", "/outside/secret"],
  ["..", "/"],
  ["/..", "/"],
  ["/../", "/"],
  ["/folder/..", "/"],
  ["/../root2/secret", "/root2/secret"],
  ["/../rootX", "/rootX"],
  ["../root/../rootX/secret", "/rootX/secret"],
  ["/folder/../../outside", "/outside"],
  ["//..//outside//secret//", "/outside/secret"],
  ["/./.././outside/./secret/.", "/outside/secret"],
  ["/folder/inner/../../../outside/empty/", "/outside/empty"],
  [`${"../".repeat(1_000)}outside/secret`, "/outside/secret"],
  ["/file/", "/file"],
  ["/file/.", "/file"],
  ["/folder/", "/folder"],
  ["/folder/.", "/folder"],
  ["/out/", "/out"],
  ["/out/.", "/out"],
  ["/out/../outside", "/outside"],
  ["/out/../../outside/secret", "/outside/secret"],
  ["/out//secret", "/out/secret"],
  ["/out/./new", "/out/new"],
  ["/secretly/", "/secretly"],
  ["/neighbour/secret/", "/neighbour/secret"],
];

/** What is a name like any other here, whatever it may mean elsewhere: nothing is there, and what is made is made in the root. */
const names: readonly ClientPath[] = [
  "/..\\outside\\secret",
  "..\\..\\outside",
  "/%2e%2e",
  "/．．",
  "/...",
  "/.. ",
  "/ ..",
  "/C:",
  Buffer.from([0x2f, 0xc0, 0xae, 0xc0, 0xae]),
  Buffer.from([0x2f, 0xe0, 0x80, 0xae, 0xe0, 0x80, 0xae]),
  Buffer.from([0x2e, 0x2e, 0xc0, 0xaf, 0x6f]),
  "n".repeat(255),
  "é".repeat(127) + "n",
];

/** What is no path at all, and the only code that says so: 5 is "bad message", 4 the nearest that v3 has for a bad name. */
const impossible: readonly (readonly [title: string, path: string, code: number])[] = [
  ["a NUL", "/mine\0", 5],
  ["a NUL before the way up", "/mine\0/../../outside/secret", 5],
  ["a NUL in a folder", "/fol\0der/inner", 5],
  ["a name of 256 bytes", "n".repeat(256), 4],
  ["a name of 256 bytes in two-byte letters", "é".repeat(128), 4],
  ["a folder of 256 bytes", `/${"n".repeat(256)}/file`, 4],
  ["a path of 4,097 bytes", `/${`${"n".repeat(63)}/`.repeat(64)}`, 4],
  ["a path that ends in a name of its own after 4,096 bytes", `${"./".repeat(2_048)}mine`, 4],
  ["a path 2,000 names deep", "/d".repeat(2_000), 4],
  ["a path of 100,000 bytes", "x".repeat(100_000), 4],
];

let ground: Ground;
let server: TestServer;
let client: SftpClient;
/** What a client was told: answers and refusals. */
let heard: string;

beforeAll(async () => {
  ground = await makeGround(variants[0]!);
  fs.mkdirSync(join(ground.base, "rootX"));
  fs.writeFileSync(join(ground.base, "rootX", "secret"), secret);
  server = await startTestServer({ fs: localFiles({ root: ground.root }) });
  client = await (await server.connect()).sftp();
});
beforeEach(() => void (heard = ""));
afterAll(async () => {
  await server.close();
  await ground.cleanUp();
});

/** Everything below a folder, byte for byte. Node's own recursion knows no names that are not text. */
function under(folder: string | Buffer): string[] {
  const found: string[] = [];
  for (const name of fs.readdirSync(folder, { encoding: "buffer" })) {
    const path = Buffer.concat([Buffer.from(folder), Buffer.from("/"), name]);
    const bare = name.toString("latin1");
    found.push(bare);
    if (fs.lstatSync(path).isDirectory()) found.push(...under(path).map((inner) => `${bare}/${inner}`));
  }
  return found.sort();
}

function decoys(): string[] {
  return ["outside", "root2", "roo", "rootX"].flatMap((folder) =>
    [".", ...under(join(ground.base, folder))].map((name) => {
      const path = join(ground.base, folder, name);
      const { mode, uid, nlink, size, mtimeMs, ctimeMs } = fs.lstatSync(path);
      const content = name.endsWith("secret") ? fs.readFileSync(path, "utf8") : "";
      return [folder, name, mode, uid, nlink, size, mtimeMs, ctimeMs, content].join(" ");
    }),
  );
}

/** The tree as it is before every operation. */
function lay(): void {
  for (const name of fs.readdirSync(ground.root, { encoding: "buffer" })) {
    fs.rmSync(Buffer.concat([Buffer.from(`${ground.root}/`), name]), { recursive: true });
  }
  fs.mkdirSync(ground.host("folder", "inner"), { recursive: true });
  for (const file of ["file", "mine"]) fs.writeFileSync(ground.host(file), file);
  fs.symlinkSync("../outside", ground.host("out"));
  fs.symlinkSync("../outside/secret", ground.host("secretly"));
  fs.symlinkSync("../root2", ground.host("neighbour"));
}

interface Answer {
  readonly code: number;
  readonly says: unknown;
  readonly left: readonly string[];
}

/** How an operation on a fresh tree is answered, and what it leaves. */
async function answer(operation: string, path: ClientPath): Promise<Answer> {
  lay();
  return answerOnceMore(operation, path);
}

async function answerOnceMore(operation: string, path: ClientPath): Promise<Answer> {
  let code = 0;
  let says: unknown;
  try {
    says = await operations[operation]!(client, path);
    heard += Buffer.isBuffer(says) ? says.toString("latin1") : JSON.stringify(says);
  } catch (error) {
    // A reply; anything else would be the end of the session.
    expect(error).toMatchObject({ name: "StatusError" });
    code = (error as { code: number }).code;
    heard += String(error);
  }
  return { code, says, left: under(ground.root) };
}

/** That nothing beside the root was told or touched since `before`. */
function expectSecrecy(before: readonly string[]): void {
  expect(decoys()).toEqual(before);
  expect(heard).not.toContain(secret);
  expect(heard).not.toContain(ground.base);
}

describe.each(Object.keys(operations))("%s, whatever the spelling of the path,", (operation) => {
  it("answers as it does for the plain spelling, and tells and touches nothing beside the root", async () => {
    const before = decoys();
    const plainly = new Map<string, Answer>();
    for (const [spelling, plain] of spellings) {
      const expected = plainly.get(plain) ?? (await answer(operation, plain));
      plainly.set(plain, expected);
      expect({ spelling, ...(await answer(operation, spelling)) }).toEqual({ spelling, ...expected });
    }
    expectSecrecy(before);
  });

  it("takes names that mean a way up elsewhere, and the longest there are, for names", async () => {
    const before = decoys();
    const plain = await answer(operation, "/absent");
    for (const path of names) {
      const found = await answer(operation, path);
      expect({ path, code: found.code }).toEqual({ path, code: plain.code });
      const bare = Buffer.from(path).toString("latin1").replace(/^\//, "");
      const made = plain.left.map((name) => name.replace(/^absent(?=\/|$)/, () => bare)).sort();
      expect({ path, left: found.left }).toEqual({ path, left: made });
    }
    expectSecrecy(before);
  });

  it("refuses what is no path with one status, and cuts nothing to size", async () => {
    const before = decoys();
    for (const [title, path, code] of impossible) {
      // What a link is to point to is stored and not looked at, where it can be stored.
      const stored = operation === "symlink to" && path.length < 4_096;
      if (stored && !path.includes("\0")) continue;
      lay();
      const left = under(ground.root);
      const expected = { title, code: stored ? 4 : code, left };
      // Twice, because a status must not depend on what came before.
      for (let time = 0; time < 2; time++) {
        const found = await answerOnceMore(operation, path);
        expect({ title, code: found.code, left: found.left }).toEqual(expected);
      }
    }
    expectSecrecy(before);
  });
});
