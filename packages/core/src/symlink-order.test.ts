import { afterEach, describe, expect, it } from "vitest";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { packet, startTestServer, type TestServer } from "@sluice/testing";
import type { ServerOptions } from "./options.ts";
import { SSH_FX, SSH_FXP } from "./protocol/packets.ts";

let running: TestServer | undefined;
afterEach(async () => running?.close());

/** Sends SYMLINK with two paths in this order; resolves to which of them became the link. */
async function linkOf(ident: string, symlinkOrder: ServerOptions["symlinkOrder"]): Promise<string> {
  running = await startTestServer({
    fs: createMemoryFileSystem(),
    ...(symlinkOrder === undefined ? {} : { symlinkOrder }),
  });
  const client = await (await running.connect({ ident })).sftp();
  const [reply] = await client.raw(
    packet(SSH_FXP.SYMLINK, (writer) => writer.u32(0x8000_0000).text("/first").text("/second")),
  );
  expect(reply!.readUInt32BE(5)).toBe(SSH_FX.OK);
  const [link, ...others] = await client.list("/");
  expect(others).toEqual([]);
  expect(await client.readlink(`/${link!.name}`)).toBe(link!.name === "first" ? "/second" : "/first");
  return link!.name;
}

describe("SYMLINK", () => {
  it.each([
    "OpenSSH_9.6",
    "paramiko_3.4.0",
    "PuTTY_Release_0.80",
    "Go",
    "JSCH-0.2.16",
    "Renci.SshNet.SshClient.2024.1.0",
    "libssh2_1.11.0",
  ])("takes the target first from %s", async (ident) => {
    expect(await linkOf(ident, undefined)).toBe("second");
  });

  it.each(["WinSCP_release_6.3.3", "ssh2js1.15.0", "SSHJ_0.38.0", "Cyberduck", "AsyncSSH_2.14.2"])(
    "takes the link first from %s",
    async (ident) => {
      expect(await linkOf(ident, "auto")).toBe("first");
    },
  );

  it("takes the target first from every client where the option says openssh", async () => {
    expect(await linkOf("WinSCP_release_6.3.3", "openssh")).toBe("second");
  });

  it("takes the link first from every client where the option says spec", async () => {
    expect(await linkOf("OpenSSH_9.6", "spec")).toBe("first");
  });
});
