import { describe, expect, it } from "vitest";
import { profileOf } from "./quirks.ts";

describe("profileOf", () => {
  it.each([
    "WinSCP_release_6.3.5",
    "ssh2js1.17.0",
    "SSHJ_0.38.0",
    "sshj_0.38.0",
    "Cyberduck/9.0.0.41777 (Mac OS X/14.5) (x86_64)",
    "AsyncSSH_2.14.2",
    "Ruby/Net::SSH_7.2.1 x86_64-linux-gnu",
  ])("knows that %s sends the link first to a server that is not OpenSSH", (client) => {
    expect(profileOf(client).symlinkOrder).toBe("link-first");
  });

  it.each([
    "OpenSSH_9.9p1 Debian-3",
    "OpenSSH_for_Windows_9.5",
    "paramiko_3.4.0",
    "libssh2_1.11.0",
    "JSCH_0.2.18",
    "PuTTY_Release_0.81",
    "lftp/4.9.2",
    "Renci.SshNet.SshClient.0.0.1",
    "rclone/v1.66.0",
    "",
  ])("expects the target first from %j, as OpenSSH sends it", (client) => {
    expect(profileOf(client).symlinkOrder).toBe("target-first");
  });

  it("goes by how the identification begins, not by what else it says", () => {
    expect(profileOf("OpenSSH_9.9 not WinSCP").symlinkOrder).toBe("target-first");
  });
});
