import { setImmediate as turn } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { KeyExchange, kexInit, strings } from "./keys.ts";
import { Target } from "./oracle.ts";
import { globalRequest, plainPacket, type Peer, type Stage } from "./peer.ts";
import { message, MSG, str, u32, u8 } from "./wire.ts";

/** Before the login: identification, packets, key exchange, messages that nobody asked for. */
let target: Target;
beforeAll(async () => {
  target = await Target.start({
    limits: { perSource: 400, perSourceUnauthenticated: 400 },
    maxStartups: "500:30:1000",
  });
});
afterAll(() => target?.stop());

const mebibyte = 1024 * 1024;

describe("the identification", () => {
  test("may come in any two or three pieces, or byte by byte", () =>
    target.attack(async () => {
      const ident = "SSH-2.0-x\r\n";
      const cuts: number[][] = [Array.from({ length: ident.length - 1 }, (_, i) => i + 1)];
      for (let i = 1; i < ident.length; i++) {
        cuts.push([i]);
        for (let j = i + 1; j < ident.length; j++) cuts.push([i, j]);
      }
      await Promise.all(
        cuts.map(async (cut) => {
          const peer = await target.peer({ stage: "tcp" });
          for (const [i, at] of [0, ...cut].entries()) {
            peer.write(ident.slice(at, cut[i]));
            // Each piece in a segment of its own, as far as the network lets it be.
            for (let turns = 0; turns < 5; turns++) await turn();
          }
          await peer.expect(MSG.KEXINIT);
        }),
      );
    }));

  test.each([
    ["a megabyte without a line end", Buffer.alloc(mebibyte, "A")],
    ["a megabyte behind a good beginning", Buffer.concat([Buffer.from("SSH-2.0-"), Buffer.alloc(mebibyte, "A")])],
    ["300 bytes", `SSH-2.0-${"x".repeat(290)}\r\n`],
    ["a terminal's escape codes", "SSH-2.0-\u001b[31mred\u0007\r\n"],
    ["a NUL", "SSH-2.0-a\0b\r\n"],
    ["no software", "SSH-2.0-\r\n"],
    ["protocol version 1", "SSH-1.5-old\r\n"],
    ["HTTP", "GET / HTTP/1.1\r\nHost: example\r\n\r\n"],
    ["a TLS ClientHello", Buffer.from("16030100c8010000c40303", "hex")],
    ["nothing but a line end", "\n"],
    ["text that is not ASCII", "SSH-2.0-caf\u00e9\u202e\r\n"],
  ])("with %s ends the connection, and is not echoed", (_what, bytes) =>
    target.attack(async () => {
      const peer = await target.peer({ stage: "tcp" });
      let echoed = "";
      peer.socket.on("data", (piece: Buffer) => (echoed += piece.toString("latin1")));
      peer.write(bytes);
      await peer.dropped();
      expect(echoed).toMatch(/^(?:SSH-2\.0-Sluice\r\n)?$/);
    }),
  );
});

describe("a packet", () => {
  const lengths = [0, 1, 4, 7, 13, 35_001, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

  test.each(lengths)("that says it is %i bytes long ends the connection, before there are keys", (length) =>
    target.attack(
      async () => {
        const peer = await target.peer({ stage: "ident" });
        peer.write(Buffer.concat([u32(length), u8(4), Buffer.alloc(64, 1)]));
        await peer.dropped();
      },
      { growth: 8 * mebibyte },
    ),
  );

  test.each(lengths)("that says it is %i bytes long ends the connection, when it is encrypted", (length) =>
    target.attack(
      async () => {
        const peer = await target.peer({ stage: "keys" });
        peer.write(peer.sealPlain(Buffer.concat([u8(4), Buffer.alloc(63, 1)]), length));
        await peer.dropped();
      },
      { growth: 8 * mebibyte },
    ),
  );

  test.each([0, 3, 60, 61, 64, 255])("with %i bytes of padding in 64 ends the connection or is taken", (padding) =>
    target.attack(async () => {
      for (const stage of ["ident", "keys"] as const) {
        const peer = await target.peer({ stage });
        // 60 bytes of padding leave three of payload: an IGNORE that is too short, which nobody has to look at.
        peer.write(peer.sealPlain(Buffer.concat([u8(padding), u8(MSG.IGNORE), Buffer.alloc(62)])));
        peer.write(peer.sealPlain(Buffer.concat([u8(4), u8(MSG.USERAUTH_SUCCESS), Buffer.alloc(62)])));
        await peer.dropped();
      }
    }),
  );

  test("without a payload ends the connection or is taken", () =>
    target.attack(async () => {
      for (const stage of ["ident", "keys"] as const) {
        const peer = await target.peer({ stage });
        peer.write(
          peer.sealPlain(Buffer.concat([u8(stage === "ident" ? 11 : 15), Buffer.alloc(stage === "ident" ? 11 : 15)])),
        );
        peer.sendNow(message(MSG.USERAUTH_SUCCESS));
        await peer.dropped();
      }
    }));
});

describe("a KEXINIT", () => {
  const many = Array.from({ length: 3000 }, (_, i) => `alg${i}`).join(",");
  const lists = (list: string): Buffer[] => Array.from({ length: 10 }, () => str(list));

  test.each([
    ["of thousands of algorithms", kexInit({ kex: many, cipher: "aes128-ctr" })],
    ["of the largest size, all commas", kexInit({ kex: ",".repeat(34_000) })],
    ["of empty lists", message(MSG.KEXINIT, Buffer.alloc(16), ...lists(""), u8(0), u32(0))],
    ["of lists that are too long", message(MSG.KEXINIT, Buffer.alloc(16), str("x", 0xffff_ffff), u8(0), u32(0))],
    ["that is cut short", kexInit().subarray(0, 40)],
    ["that is its number only", message(MSG.KEXINIT)],
    ["of 35,000 bytes of nothing", message(MSG.KEXINIT, Buffer.alloc(34_980))],
    [
      "of algorithms that are members of every object",
      kexInit({ kex: "__proto__,constructor,toString", cipher: "__proto__" }),
    ],
  ])("%s ends the connection", (_what, payload) =>
    target.attack(async () => {
      const peer = await target.peer({ stage: "ident" });
      await peer.expect(MSG.KEXINIT);
      peer.write(plainPacket(payload));
      await peer.dropped();
    }),
  );

  test("with bytes behind it is taken or ends the connection", () =>
    target.attack(async () => {
      const peer = await target.peer({ stage: "ident" });
      peer.write(plainPacket(Buffer.concat([kexInit(), Buffer.alloc(1000, 7)])));
      await peer.expect(MSG.KEXINIT);
      peer.write(plainPacket(message(MSG.USERAUTH_SUCCESS)));
      await peer.dropped();
    }));

  test("that comes again before the login ends the connection", () =>
    target.attack(async () => {
      for (const stage of ["keys", "service"] as const) {
        const peer = await target.peer({ stage });
        peer.beginRekey();
        expect(await peer.dropped()).toMatchObject({ disconnect: 2 });
        expect(await target.reasonOf(peer)).toMatch(/key exchange before the login/i);
      }
    }));

  test.each([
    ["SHA-1 signatures of the host key", { hostKey: "ssh-rsa" }],
    ["DSA", { hostKey: "ssh-dss" }],
    ["CBC", { cipher: "aes128-cbc,aes256-cbc,3des-cbc,blowfish-cbc" }],
    ["RC4", { cipher: "arcfour,arcfour128,arcfour256" }],
    ["no encryption", { cipher: "none" }],
    ["MD5", { cipher: "aes128-ctr", mac: "hmac-md5,hmac-md5-96" }],
    ["SHA-1", { cipher: "aes128-ctr", mac: "hmac-sha1,hmac-sha1-96,hmac-sha1-etm@openssh.com" }],
    ["no integrity", { cipher: "aes128-ctr", mac: "none" }],
    ["group 1", { kex: "diffie-hellman-group1-sha1" }],
    ["group 14 with SHA-1", { kex: "diffie-hellman-group14-sha1" }],
    ["group exchange", { kex: "diffie-hellman-group-exchange-sha256,diffie-hellman-group-exchange-sha1" }],
    ["compression", { compression: "zlib,zlib@openssh.com" }],
  ])("that wants %s finds no agreement", (_what, offer) =>
    target.attack(async () => {
      const peer = await target.peer({ stage: "ident" });
      const offered = strings(await peer.expect(MSG.KEXINIT), 17, 8).map(String);
      const weak = /-cbc|arcfour|md5|sha1(?:$|-)|-sha1|ssh-rsa|ssh-dss|none|group1-|group-exchange/;
      expect(offered.slice(0, 6).flatMap((list) => list.split(",").filter((name) => weak.test(name)))).toEqual([]);
      expect(offered.slice(6)).toEqual(["none", "none"]);
      peer.write(plainPacket(kexInit(offer)));
      await peer.dropped();
    }),
  );
});

test("chacha20 is offered with ssh2's addon only, and what is offered there is the same otherwise", () =>
  target.attack(async () => {
    const peer = await target.peer({ stage: "ident" });
    const [, , cipher] = strings(await peer.expect(MSG.KEXINIT), 17, 3).map(String);
    const withAddon = process.env["SLUICE_WITHOUT_ADDON"] !== "1";
    expect(cipher!.split(",").includes("chacha20-poly1305@openssh.com")).toBe(withAddon);
    expect(cipher).toContain("aes128-gcm@openssh.com,aes256-gcm@openssh.com,aes128-ctr");
  }));

describe("a key exchange that is not strict", () => {
  const weak = "chacha20-poly1305@openssh.com";

  test("agrees on no cipher from which packets can be cut off unseen", () =>
    target.attack(async () => {
      const peer = await target.peer({ stage: "ident" });
      peer.write(Buffer.concat([plainPacket(kexInit({ cipher: weak, strict: false }))]));
      await peer.dropped();
      expect(peer.counts.get(MSG.KEX_ECDH_REPLY)).toBeUndefined();
    }));

  // Without the addon it is offered to nobody.
  test.each(process.env["SLUICE_WITHOUT_ADDON"] === "1" ? [] : [weak])("and strict, agrees on %s", (cipher) =>
    target.attack(async () => {
      const peer = await target.peer({ stage: "ident" });
      peer.write(Buffer.concat([plainPacket(kexInit({ cipher })), plainPacket(new KeyExchange().init)]));
      await peer.expect(MSG.KEX_ECDH_REPLY);
    }),
  );

  test("agrees on the other ciphers", () =>
    target.attack(async () => {
      const peer = await target.peer({ offer: { strict: false, cipher: `${weak},aes128-gcm@openssh.com` } });
      await peer.roundTrip();
      await peer.rekey();
      await peer.roundTrip();
    }));
});

describe("a strict key exchange", () => {
  const extras: [string, Buffer][] = [
    ["IGNORE", message(MSG.IGNORE, str("prefix"))],
    ["DEBUG", message(MSG.DEBUG, u8(0), str("prefix"), str(""))],
    ["UNIMPLEMENTED", message(MSG.UNIMPLEMENTED, u32(0))],
  ];

  test.each(extras)("ends when %s comes before the KEXINIT", (_name, extra) =>
    target.attack(async () => {
      const peer = await target.peer({ stage: "ident" });
      peer.write(Buffer.concat([plainPacket(extra), plainPacket(kexInit())]));
      await peer.dropped();
    }),
  );

  test.each(extras)("ends when %s comes in its middle", (_name, extra) =>
    target.attack(async () => {
      const peer = await target.peer({ stage: "ident" });
      peer.write(Buffer.concat([plainPacket(kexInit()), plainPacket(extra)]));
      await peer.dropped();
    }),
  );

  test.each([MSG.SERVICE_REQUEST, MSG.USERAUTH_REQUEST, MSG.NEWKEYS, MSG.CHANNEL_OPEN, MSG.CHANNEL_DATA, 31, 192, 255])(
    "ends when message %i comes in its middle",
    (type) =>
      target.attack(async () => {
        const peer = await target.peer({ stage: "ident" });
        peer.write(Buffer.concat([plainPacket(kexInit()), plainPacket(message(type, Buffer.alloc(20)))]));
        await peer.dropped();
      }),
  );

  test.each([
    ["empty", Buffer.alloc(0)],
    ["all zero", Buffer.alloc(32)],
    ["one byte short", Buffer.alloc(31, 9)],
    ["a byte too long", Buffer.alloc(33, 9)],
    ["30 kB", Buffer.alloc(30_000, 9)],
    ["a point of small order", Buffer.from([1, ...Buffer.alloc(31)])],
  ])("ends when the client's public key is %s", (_what, key) =>
    target.attack(async () => {
      const peer = await target.peer({ stage: "ident" });
      peer.write(Buffer.concat([plainPacket(kexInit()), plainPacket(message(MSG.KEX_ECDH_INIT, str(key)))]));
      await peer.dropped();
    }),
  );

  test("ends when the login begins before the new keys are in use", () =>
    target.attack(async () => {
      const peer = await target.peer({ stage: "ident" });
      await peer.expect(MSG.KEXINIT);
      peer.write(plainPacket(message(MSG.SERVICE_REQUEST, str("ssh-userauth"))));
      await peer.dropped();
    }));
});

describe("a flood before the login", () => {
  test("of global requests ends at the first", () =>
    target.attack(async () => {
      for (const stage of ["keys", "service"] as const) {
        const peer = await target.peer({ stage });
        peer.socket.pause();
        peer.send(...Array.from({ length: 200 }, () => globalRequest("flood@attack", true)));
        peer.socket.resume();
        expect(await peer.dropped()).toMatchObject({ disconnect: 2 });
      }
    }));

  test("of service requests ends the connection, and is not stored for a client that does not read", () =>
    target.attack(
      async () => {
        const peer = await target.peer({ stage: "keys" });
        peer.socket.pause();
        const request = message(MSG.SERVICE_REQUEST, str("ssh-userauth"));
        const limit = Number(process.env["SLUICE_FLOOD_MEBIBYTES"] ?? 8) * mebibyte;
        for (let sent = 0; sent < limit && peer.socket.writableLength < mebibyte && peer.socket.writable;) {
          const piece = Buffer.concat(Array.from({ length: 1000 }, () => peer.seal(request)));
          sent += piece.length;
          peer.write(piece);
          for (let turns = 0; turns < 20 && peer.socket.writableLength > 0; turns++) await turn();
        }
        // It was the server that ended it.
        expect(await target.reasonOf(peer)).not.toBe("The client disconnected");
      },
      { growth: 32 * mebibyte },
    ));

  test.each([MSG.IGNORE, MSG.DEBUG, MSG.UNIMPLEMENTED, 192, 255])("of message %i is not stored or answered", (type) =>
    target.attack(
      async () => {
        const peer = await target.peer({ stage: "service" });
        const flood = message(type, u8(0), str(Buffer.alloc(20_000, 1)), str("en"));
        for (let i = 0; i < 400 && peer.ending === undefined; i++) {
          peer.sendNow(flood);
          await peer.flushed();
        }
        if (peer.ending === undefined) await peer.login();
      },
      { growth: 48 * mebibyte },
    ),
  );
});

describe("what a client says", () => {
  test("of why it leaves is cut and escaped in the log", () =>
    target.attack(async () => {
      for (const stage of ["keys", "login"] as const) {
        const peer = await target.peer({ stage });
        const text = Buffer.alloc(30_000, "\u001b]0;owned\u0007\r\n\u009b31m\u202e");
        peer.send(message(MSG.DISCONNECT, u32(11), str(text), str("en")));
        await peer.dropped();
        expect((await target.reasonOf(peer)).length).toBeLessThanOrEqual(1024);
      }
    }));

  test.each([
    ["a count that the packet cannot hold", message(MSG.EXT_INFO, u32(0xffff_ffff))],
    ["a length that the packet cannot hold", message(MSG.EXT_INFO, u32(1), u32(0xffff_fff0), Buffer.alloc(20))],
    ["nothing", message(MSG.EXT_INFO)],
  ])("of extensions with %s ends the connection or is ignored", (_what, payload) =>
    target.attack(async () => {
      const peer = await target.peer({ stage: "keys" });
      peer.send(payload, message(MSG.USERAUTH_SUCCESS));
      expect(await peer.dropped()).toMatchObject({ disconnect: 2 });
    }),
  );

  test("of extensions may be said once", () =>
    target.attack(async () => {
      const once = message(MSG.EXT_INFO, u32(1), str("ext-info-in-auth@openssh.com"), str("0"));
      const peer = await target.peer({ stage: "keys" });
      peer.send(once);
      await peer.advance("tcp");
      peer.send(message(MSG.SERVICE_REQUEST, str("ssh-userauth")));
      await peer.login();
      peer.send(once);
      expect(await peer.dropped()).toMatchObject({ disconnect: 2 });
    }));

  test.each(["", "ssh-connection", "ssh-userauth\0", "x".repeat(30_000)])(
    "about the service it wants is held to what there is",
    (service) =>
      target.attack(async () => {
        const peer = await target.peer({ stage: "keys" });
        peer.send(message(MSG.SERVICE_REQUEST, str(service)));
        await peer.dropped();
      }),
  );
});

describe("a message that only servers send", () => {
  const messages: [string, Buffer][] = [
    ["SERVICE_ACCEPT", message(6, str("ssh-userauth"))],
    ["USERAUTH_FAILURE", message(51, str("password"), u8(0))],
    ["USERAUTH_SUCCESS", message(52)],
    ["USERAUTH_BANNER", message(53, str("hello"), str(""))],
    ["USERAUTH_INFO_REQUEST", message(60, str(""), str(""), str(""), u32(0))],
    ["REQUEST_SUCCESS", message(81)],
    ["REQUEST_FAILURE", message(82)],
  ];

  const phases: [string, (peer: Peer) => Promise<void>, Stage][] = [
    ["before the login", async () => {}, "service"],
    [
      "while a login is decided",
      async (peer) => {
        peer.send(message(MSG.USERAUTH_REQUEST, str("slow"), str("ssh-connection"), str("password"), u8(0), str("x")));
        await target.waitFor(async () => ((await target.waiting()) > 0 ? true : undefined));
      },
      "service",
    ],
  ];

  for (const [when, prepare, stage] of phases) {
    test.each(messages)(`ends the connection ${when}: %s`, (_name, payload) =>
      target.attack(async () => {
        const peer = await target.peer({ stage });
        await prepare(peer);
        peer.send(payload);
        expect(await peer.dropped()).toMatchObject({ disconnect: 2 });
        await target.release();
        expect(target.linesOf(peer).map(({ msg }) => msg)).not.toContain("Logged in");
      }),
    );
  }

  test.each(messages.slice(0, 5))("ends the connection after the login: %s", (_name, payload) =>
    target.attack(async () => {
      const peer = await target.peer();
      peer.send(payload);
      expect(await peer.dropped()).toMatchObject({ disconnect: 2 });
    }),
  );

  test("and answers to keep-alive requests do no harm after the login", () =>
    target.attack(async () => {
      const peer = await target.peer();
      peer.send(message(81), message(82), message(82));
      await peer.roundTrip();
    }));
});

describe("a message of the connection before the login", () => {
  test.each([80, 90, 91, 92, 93, 94, 95, 96, 97, 98, 99, 100])("ends it: %i", (type) =>
    target.attack(async () => {
      const peer = await target.peer({ stage: "service" });
      peer.send(message(type, u32(0), u32(0), u32(1000), u32(1000), Buffer.alloc(64)));
      expect(await peer.dropped()).toMatchObject({ disconnect: 2 });
    }),
  );
});
