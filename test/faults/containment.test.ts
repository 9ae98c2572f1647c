import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeGround, startVictim, type Ground } from "./victim.ts";

/** Runs a command where nothing is mounted at /proc but an empty folder. */
const withoutProc = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh"];

const { status } = spawnSync(withoutProc[0]!, [...withoutProc.slice(1), "test", "!", "-e", "/proc/self"]);
const note = status === 0 ? "" : " (cannot run: this user may not hide /proc)";

describe.skipIf(status !== 0)(`a machine that cannot contain a directory${note}`, () => {
  let ground: Ground;
  let root: string;
  beforeEach(() => {
    ground = makeGround();
    root = join(ground.directory, "root");
    fs.mkdirSync(root);
    fs.writeFileSync(join(root, "file"), "content");
  });
  afterEach(() => ground.remove());

  it("gets no server, and is told why and what to do", async () => {
    await expect(startVictim(ground, { root }, withoutProc)).rejects.toThrow(
      /cannot contain a directory on this machine, \/proc\/self\/fd does not lead to open directories: run it on Linux with \/proc, or set containment to "best-effort" for development[^]*ERR_SLUICE_CONTAINMENT/,
    );
  });

  it("gets one for development where that is asked for, which says so", async () => {
    fs.symlinkSync(ground.hostKeyFile, join(root, "out"));
    const server = await startVictim(ground, { root, containment: "best-effort" }, withoutProc);
    const client = await server.client();
    expect((await client.readFile("/file")).toString()).toBe("content");
    await client.writeFile("/file", "new");
    expect(fs.readFileSync(join(root, "file"), "utf8")).toBe("new");
    await expect(client.readFile("/out")).rejects.toMatchObject({ code: 2 });
    await server.stop();
    expect(server.log()).toMatch(/contains its root by best effort only: not for clients you do not trust/);
  });
});
