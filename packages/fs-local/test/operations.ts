import fs from "node:fs";
import { join } from "node:path";
import { type FileSystem } from "@sluice/core";
import { at, contentOf, exclusively, forReading, forUpload, inPlace, secret, type Ground } from "./fixture.ts";

/** Makes a directory in the root, one of the same shape outside, and beside the first a link to the second. */
export function prepare(ground: Ground): void {
  fs.mkdirSync(ground.host("dir", "sub"), { recursive: true });
  fs.mkdirSync(join(ground.outside, "sub"));
  for (const name of ["secret", "victim", "sub/secret", "sub/victim"]) {
    fs.writeFileSync(ground.host("dir", name), "inside");
    fs.writeFileSync(join(ground.outside, name), secret);
  }
  fs.symlinkSync(ground.outside, ground.host("link"));
}

/** What can be told of everything in a folder. */
export function snapshot(folder: string): string[] {
  return (fs.readdirSync(folder, { recursive: true }) as string[]).sort().map((name) => {
    const { mode, uid, nlink, mtimeMs, ctimeMs } = fs.lstatSync(join(folder, name));
    return [name, mode, uid, nlink, mtimeMs, ctimeMs].join(" ");
  });
}

/** How many kinds there are; each is tried on two paths. */
export const kinds = 18;

/** Which kinds make what another one needs. */
export const needs: Readonly<Record<number, readonly number[]>> = { 9: [8], 10: [3], 13: [12], 14: [11], 15: [8, 9] };

/** One of each kind, on the last name and below the directory that is swapped. */
export function operations(system: Required<FileSystem>, round: number): (() => Promise<string>)[] {
  const both = ["/dir", "/dir/sub"];
  const open = async (path: string, flags: typeof forReading): Promise<string> => {
    const handle = await system.open(at(path), flags, {});
    try {
      if (flags.write) await handle.write(Buffer.from("inside"), 0);
      return flags.read ? await contentOf(handle) : "";
    } finally {
      await handle.close(round % 2 === 0 ? "completed" : "aborted");
    }
  };
  const silent = async (work: Promise<void>): Promise<string> => {
    await work;
    return "";
  };
  return both.flatMap((dir) => [
    () => open(`${dir}/secret`, forReading),
    () => open(`${dir}/victim`, { ...inPlace, read: true }),
    () => open(`${dir}/victim`, forUpload),
    () => open(`${dir}/new${round}`, exclusively),
    async () => {
      const listed: string[] = [];
      for await (const batch of system.list(at(dir))) {
        // A file of the outside is as long as the secret.
        listed.push(...batch.map(({ stats }) => (stats.type === "file" && stats.size === secret.length ? secret : "")));
      }
      return listed.join();
    },
    async () => ((await system.stat(at(`${dir}/secret`), { follow: true })).size === secret.length ? secret : ""),
    () => silent(system.setAttributes(at(`${dir}/victim`), { mode: 0o644, mtimeMs: round }, { follow: true })),
    () => silent(system.setAttributes(at(`${dir}/victim`), { mtimeMs: round }, { follow: false })),
    () => silent(system.mkdir(at(`${dir}/made${round}`), {})),
    () => silent(system.rename(at(`${dir}/made${round}`), at(`${dir}/moved${round}`), { overwrite: false })),
    () => silent(system.rename(at(`${dir}/new${round}`), at(`${dir}/newer${round}`), { overwrite: round % 2 === 0 })),
    () => silent(system.link(at(`${dir}/linked${round}`), at(`${dir}/victim`))),
    () => silent(system.symlink(at(`${dir}/sym${round}`), "victim")),
    () => system.readlink(at(`${dir}/sym${round}`)),
    () => silent(system.remove(at(`${dir}/linked${round}`))),
    () => silent(system.rmdir(at(`${dir}/moved${round}`))),
    () => system.realpath(at(`${dir}/secret`)),
    async () => String((await system.statfs(at(dir))).blockSize),
  ]);
}
