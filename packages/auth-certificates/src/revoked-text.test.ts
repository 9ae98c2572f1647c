import { describe, expect, it } from "vitest";
import { madeKey } from "../../core/test/made-keys.ts";
import { certificateOf, plain } from "../test/support.ts";
import { readRevokedText } from "./revoked-text.ts";

const [bare, keyed, hashed, printed, sha1] = [madeKey(), madeKey(), madeKey(), madeKey(), madeKey()];
const text = `# Revoked
${bare.line}

key: ${keyed.line}
  hash: ${plain(hashed).fingerprint}
${plain(printed).fingerprint} old laptop
sha1: ${sha1.line} # lost
serial: 7
serial: 100-200 # the spring batch
id: Bob's # phone
`;
const read = (lines: string): ReturnType<typeof readRevokedText> => readRevokedText(Buffer.from(lines));

describe("a revocation list as text", () => {
  const revoked = read(text);

  it.each([bare, keyed, hashed, printed, sha1])("revokes a key, as a user's and as an authority's", (key) => {
    expect(revoked.why(certificateOf({ key }))).toBe("its key");
    expect(revoked.why(certificateOf({ authority: key }))).toBe("its authority");
  });

  it("revokes serials and key ids of every authority", () => {
    for (const serial of [7n, 100n, 150n, 200n]) expect(revoked.why(certificateOf({ serial }))).toBe("its serial");
    for (const serial of [0n, 6n, 8n, 99n, 201n]) expect(revoked.why(certificateOf({ serial }))).toBeUndefined();
    expect(revoked.why(certificateOf({ keyId: "Bob's" }))).toBe("its key id");
    expect(revoked.why(certificateOf({ keyId: "bob's" }))).toBeUndefined();
  });

  it("may be empty, or have the line ends of Windows", () => {
    expect(read("").why(certificateOf())).toBeUndefined();
    expect(read("# nothing\r\n\r\nserial: 1\r\n").why(certificateOf())).toBe("its serial");
  });

  it.each([
    ["serial: 0", "line 1: revokes a range"],
    ["\nserial: 9-7", "line 2: revokes a range"],
    ["serial: 18446744073709551616", "revokes a range"],
    ["serial: 0x7", "a number such as 7"],
    ["serial: 7,8", "a number such as 7"],
    ["serial:", "a number such as 7"],
    ["id:", "a key id is needed"],
    ["hash: SHA256:short", "a fingerprint is needed"],
    [`hash: MD5:${"0".repeat(43)}`, "a fingerprint is needed"],
    ["key: nonsense", "A key is needed"],
    ["nonsense", "A key is needed"],
    ["serials: 7", "A key is needed"],
    [`restrict ${bare.line}`, "A key is needed"],
    ["ssh-ed25519-cert-v01@openssh.com AAAA", "A key is needed"],
  ])("is refused for the line %j", (line, why) => {
    expect(() => read(line)).toThrow(why);
  });

  it("is refused when it is no text", () => {
    expect(() => readRevokedText(Buffer.of(0x80, 0xff))).toThrow("UTF-8");
  });
});
