import { createMemoryFileSystem } from "@sluice/fs-memory";
import { pluginSuite, runSuite, startTestServer } from "@sluice/testing";
import { describe, expect, it } from "vitest";
import { blockedNames } from "./index.ts";

runSuite("blocked-names", pluginSuite({ plugin: blockedNames }), { describe, it });

describe("blocked-names", () => {
  it("refuses a blocked name, however it is to be made, and nothing else", async () => {
    const { connect, close } = await startTestServer({ fs: createMemoryFileSystem(), plugins: [blockedNames()] });
    const client = await (await connect()).sftp();
    await client.writeFile("/fine.txt", Buffer.from("fine"));
    await expect(client.writeFile("/virus.EXE", Buffer.from("x"))).rejects.toThrow(
      "Files of this kind are not accepted",
    );
    await expect(client.rename("/fine.txt", "/fine.exe")).rejects.toThrow("Files of this kind are not accepted");
    expect((await client.readFile("/fine.txt")).toString()).toBe("fine");
    await close();
  });
});
