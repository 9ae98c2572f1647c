import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { localFiles } from "@sluice/fs-local";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { faultyFileSystem, startTestServer } from "@sluice/testing";
import { afterEach, expect, test } from "vitest";
import { recycleBin } from "./recycle-bin.ts";

const root = mkdtempSync(join(tmpdir(), "sluice-recycle-bin-"));
let stop = async (): Promise<void> => undefined;
afterEach(async () => {
  await stop();
  rmSync(root, { recursive: true, force: true });
});

test.each([
  ["in memory", () => createMemoryFileSystem()],
  ["on disk", () => localFiles({ root, createRoot: true })],
])(
  "%s, what is removed can be had back, each version of it, and what is removed from the bin is gone",
  async (_, fs) => {
    const { connect, close } = await startTestServer({ fs: fs(), plugins: [recycleBin()] });
    stop = close;
    const client = await (await connect()).sftp();
    for (const text of ["one", "two", "three"]) {
      await client.writeFile("/report.txt", text);
      await client.remove("/report.txt");
    }
    await expect(client.stat("/report.txt")).rejects.toThrow("No such file");
    await expect(client.remove("/report.txt")).rejects.toThrow("No such file");
    const [day] = await client.list("/.recycled");
    const folder = `/.recycled/${day?.name}`;
    const kept = (await client.list(folder)).map(({ name }) => name).sort();
    expect(kept).toEqual(["report.txt", "report.txt~1", "report.txt~2"]);
    expect((await client.readFile(`${folder}/report.txt`)).toString()).toBe("one");
    await client.rename(`${folder}/report.txt~1`, "/report.txt");
    expect((await client.readFile("/report.txt")).toString()).toBe("two");
    await client.remove(`${folder}/report.txt`);
    expect((await client.list(folder)).map(({ name }) => name)).toEqual(["report.txt~2"]);
    await expect(client.mkdir("/.recycled/x")).rejects.toThrow("fills itself");
    await expect(client.writeFile("/.recycled/x", "x")).rejects.toThrow("fills itself");
    await expect(client.rename("/report.txt", `${folder}/x`)).rejects.toThrow("fills itself");
    await expect(client.rename("/.recycled", "/bin")).rejects.toThrow("fills itself");
  },
);

test("a storage may say in Node's words that a name is taken", async () => {
  const taken = Object.assign(new Error("EEXIST: file already exists"), { code: "EEXIST" });
  const faulty = faultyFileSystem(createMemoryFileSystem(), [{ at: "rename", nth: 1, rejects: taken }]);
  const { connect, close } = await startTestServer({ fs: faulty.fs, plugins: [recycleBin()] });
  stop = close;
  const client = await (await connect()).sftp();
  await client.writeFile("/report.txt", "one");
  await client.remove("/report.txt");
  const [day] = await client.list("/.recycled");
  expect((await client.list(`/.recycled/${day?.name}`)).map(({ name }) => name)).toEqual(["report.txt~1"]);
});
