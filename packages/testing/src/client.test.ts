import { afterEach, describe, expect, it } from "vitest";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { type SftpClient, startTestServer, StatusError, type TestServer } from "./index.ts";

let running: TestServer | undefined;
afterEach(async () => running?.close());

async function client(files: Record<string, string | Uint8Array> = {}): Promise<SftpClient> {
  running = await startTestServer({ fs: createMemoryFileSystem({ files }) });
  return (await running.connect()).sftp();
}

describe("SftpClient", () => {
  it("tells the version and the extensions that the server announced", async () => {
    const sftp = await client();
    expect(sftp.version).toBe(3);
    expect(sftp.extensions.get("statvfs@openssh.com")).toBe("2");
  });

  it("uploads and downloads files of any length", async () => {
    const sftp = await client();
    for (const length of [0, 1, 32 * 1024 - 1, 32 * 1024, 32 * 1024 + 1, 1_000_003]) {
      const data = Buffer.from(Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 0xff));
      await sftp.writeFile("/file", data);
      expect((await sftp.readFile("/file")).equals(data), `${length} bytes`).toBe(true);
    }
  });

  it("rejects a status other than OK with its code and its text", async () => {
    const sftp = await client();
    const error = await sftp.stat("/missing").catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(StatusError);
    expect(error).toMatchObject({ code: 2, message: "No such file" });
  });
});
