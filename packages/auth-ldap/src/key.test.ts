import { generateHostKey } from "@sluice/core";
import { describe, expect, it } from "vitest";
import { entryOf } from "./entry.ts";
import { keysOf } from "./key.ts";

const { publicKey } = generateHostKey();
const blob = Buffer.from(publicKey.split(" ")[1]!, "base64");

describe("the keys of an entry", () => {
  it.each([publicKey, `${publicKey} laptop`, `SSHKey:${publicKey}`, `SSHKey: ${publicKey}`, `# mine\n${publicKey}\n`])(
    "are in %j",
    (value) => {
      expect(keysOf(entryOf({ dn: "x", sshPublicKey: value }), ["sshPublicKey"])).toEqual([blob]);
    },
  );

  it.each([
    `from="10.0.0.1" ${publicKey}`,
    `no-pty ${publicKey}`,
    publicKey.replace("ssh-ed25519", "ssh-rsa"),
    "X509:<I>CN=ca<S>CN=alice",
    "ssh-ed25519",
    "ssh-ed25519 AAAA",
    "ssh-ed25519 !",
    "",
  ])("are not in %j", (value) => {
    expect(keysOf(entryOf({ dn: "x", sshPublicKey: value }), ["sshPublicKey"])).toEqual([]);
  });

  it("are those of all attributes", () => {
    const entry = entryOf({
      dn: "x",
      sshpublickey: publicKey,
      altSecurityIdentities: ["Kerberos:a@B", `SSHKey:${publicKey}`],
    });
    expect(keysOf(entry, ["sshPublicKey", "altSecurityIdentities"])).toHaveLength(2);
  });
});
