import { randomBytes } from "node:crypto";
import { afterEach, describe, expect, it } from "vitest";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { startTestServer, testHostKey, testUser, type TestServer, type TestServerOptions } from "@sluice/testing";
import { curve, hybrid, initPacket, newKeysPacket, RawClient } from "../../test/raw-client.ts";
import { curveKeys, hybridKeys, zeroSeed } from "../../test/raw-keys.ts";
import { resolveAlgorithms } from "./algorithms.ts";
import { checkExchange } from "./exchange-check.ts";
import { answerHybrid } from "./hybrid.ts";
import { loadHostKey } from "./hostkey.ts";
import { memorySockets } from "./memory-socket.ts";
import { encapsulateByNode, encapsulateByScript, type Encapsulate } from "./mlkem.ts";
import { postQuantumProblem } from "./post-quantum.ts";
import { defaultRekeyLimits } from "./rekey-limits.ts";
import { Transport, type TransportOptions } from "./transport.ts";

const KEY_EXCHANGE_FAILED = 3;

let running: TestServer | undefined;
afterEach(async () => running?.close());

async function start(options: TestServerOptions = {}): Promise<TestServer> {
  running = await startTestServer({ fs: createMemoryFileSystem({ files: {} }), ...options });
  return running;
}

function connect(to: TestServer, options: ConstructorParameters<typeof RawClient>[1] = {}): RawClient {
  const sockets = memorySockets();
  to.server.accept(sockets.server);
  return new RawClient(sockets.client, options);
}

const algorithms = (of: TestServer): unknown =>
  [...of.server.connections].map((connection) => connection.algorithms?.kex);

describe("mlkem768x25519-sha256", () => {
  it.each([
    ["aes256-ctr", true],
    ["aes256-ctr", false],
    ["aes256-gcm@openssh.com", true],
    ["aes256-gcm@openssh.com", false],
  ] as const)("is agreed on with a client of our own making (%s, strict: %s)", async (cipher, strict) => {
    const server = await start();
    const client = connect(server, { cipher, strict });
    await client.exchange();
    await client.service();
    expect(client.method).toBe(hybrid);
    expect(algorithms(server)).toEqual([hybrid]);
  });

  it("takes an encapsulation key that begins with a zero, which a number would not", async () => {
    const keys = hybridKeys(zeroSeed);
    expect(keys.init[0]).toBe(0);
    const client = connect(await start());
    await client.exchange({ guess: keys });
    await client.service();
  });

  it("is offered before everything else", async () => {
    const client = connect(await start());
    await client.exchange();
    expect(client.offered.kex.slice(0, 2)).toEqual([hybrid, curve]);
  });

  it.each(["aes256-ctr", "aes256-gcm@openssh.com"] as const)(
    "is used again when the client wants new keys (%s)",
    async (cipher) => {
      const client = connect(await start(), { cipher });
      await client.exchange();
      await client.login(testUser.username, testUser.password);
      await client.ping();
      await client.exchange();
      await client.ping();
      expect(client.method).toBe(hybrid);
    },
  );

  it.each(["aes256-ctr", "aes256-gcm@openssh.com"] as const)(
    "is used again when the server wants new keys (%s)",
    async (cipher) => {
      const server = await start();
      const client = connect(server, { cipher });
      await client.exchange();
      await client.login(testUser.username, testUser.password);
      const [connection] = server.server.connections;
      const rekeyed = connection!.rekey();
      await client.exchange({ serverInit: await client.next() });
      await rekeyed;
      await client.ping();
      expect(client.method).toBe(hybrid);
    },
  );

  it("may take over from the curve in a later exchange", async () => {
    const server = await start();
    const client = connect(server);
    await client.exchange({ kex: [curve] });
    await client.login(testUser.username, testUser.password);
    await client.exchange({ kex: ["unknown", hybrid, curve] });
    await client.ping();
    expect(algorithms(server)).toEqual([hybrid]);
  });

  it("may leave to the curve in a later exchange", async () => {
    const server = await start();
    const client = connect(server);
    await client.exchange();
    await client.login(testUser.username, testUser.password);
    await client.exchange({ kex: [curve] });
    await client.ping();
    expect(algorithms(server)).toEqual([curve]);
  });

  it("gives way to the curve where the client likes that better", async () => {
    const server = await start();
    const client = connect(server);
    await client.exchange({ kex: [curve, hybrid] });
    await client.service();
    expect(algorithms(server)).toEqual([curve]);
  });

  it.each([[[hybrid]], [["ecdh-sha2-nistp256", hybrid]]])(
    "is agreed on, twice, where the list is %j; its curve alone is not",
    async (kex) => {
      const server = await start({ algorithms: { kex } });
      const client = connect(server);
      await client.exchange();
      await client.login(testUser.username, testUser.password);
      await client.exchange();
      await client.ping();
      expect(client.method).toBe(hybrid);
      expect(client.offered.kex.filter((name) => !name.startsWith("kex-strict"))).toEqual(kex);
      const old = connect(server);
      await old.begin({ kex: [curve] });
      expect(await old.goodbye()).toBe(KEY_EXCHANGE_FAILED);
    },
  );

  it("is not offered by a list that leaves it out", async () => {
    const { client, failed } = withTransport({ algorithms: resolveAlgorithms({ kex: [curve] }) });
    await client.begin({ kex: [hybrid] });
    expect(client.offered.kex).not.toContain(hybrid);
    expect(await client.goodbye()).toBe(KEY_EXCHANGE_FAILED);
    expect(await failed).toMatch("no matching key exchange algorithm");
  });
});

function withTransport(options: Partial<TransportOptions>): { client: RawClient; failed: Promise<string> } {
  const sockets = memorySockets();
  const client = new RawClient(sockets.client);
  const failed = new Promise<string>((resolve) => {
    const ignore = (): void => undefined;
    void new Transport(
      sockets.server,
      {
        hostKeys: [loadHostKey({ key: testHostKey().privateKey })],
        ident: "test",
        banner: undefined,
        algorithms: resolveAlgorithms(),
        requireStrictKex: false,
        rekey: defaultRekeyLimits,
        stallMs: 60_000,
        ...options,
      },
      {
        identified: ignore,
        negotiated: ignore,
        authenticate: () => Promise.resolve({ is: "disconnect", reason: "" }),
        mayOpenSession: () => false,
        session: ignore,
        failed: (error) => resolve(error.message),
        violated: resolve,
        closed: ignore,
      },
    );
  });
  return { client, failed };
}

describe("a guess at the method", () => {
  it("that is right is answered", async () => {
    const client = connect(await start());
    await client.exchange({ guess: hybridKeys() });
    await client.service();
    expect(client.method).toBe(hybrid);
  });

  it("that is right is answered where the hybrid method is left out", async () => {
    const { client } = withTransport({ algorithms: resolveAlgorithms({ kex: [curve] }) });
    await client.exchange({ kex: [curve], guess: curveKeys() });
    await client.service();
    expect(client.method).toBe(curve);
  });

  it("that is right is answered in a later exchange", async () => {
    const client = connect(await start());
    await client.exchange();
    await client.login(testUser.username, testUser.password);
    await client.exchange({ guess: hybridKeys() });
    await client.ping();
  });

  it("of a method that the server does not have is passed over", async () => {
    const client = connect(await start());
    await client.exchange({
      kex: ["sntrup761x25519-sha512", hybrid, curve],
      guess: { ...hybridKeys(), init: randomBytes(1190) },
    });
    await client.service();
    expect(client.method).toBe(hybrid);
  });

  it("of a method that is agreed on, but is not the server's best, is passed over, for the client sends another", async () => {
    const client = connect(await start());
    await client.exchange({ kex: [curve], guess: curveKeys() });
    await client.service();
    expect(client.method).toBe(curve);
  });

  it("is wrong where the host key's algorithm is not the server's best", async () => {
    const client = connect(await start());
    await client.exchange({ hostKeys: ["rsa-sha2-512", "ssh-ed25519"], guess: hybridKeys() });
    await client.service();
    expect(client.method).toBe(hybrid);
  });
});

/** Keys that a client must not get away with. */
const malformed: Record<string, (init: Buffer) => Buffer> = {
  "that are empty": () => Buffer.alloc(0),
  "of the curve alone": (init) => init.subarray(1184),
  "that are a byte too short": (init) => init.subarray(0, -1),
  "that are a byte too long": (init) => Buffer.concat([init, Buffer.of(0)]),
  "with a coefficient of 3329": (init) => {
    init[0] = 0x01;
    init[1] = (init[1]! & 0xf0) | 0x0d;
    return init;
  },
  "with a last coefficient of 4095": (init) => {
    init[1150] = init[1150]! | 0xf0;
    init[1151] = 0xff;
    return init;
  },
  "with an X25519 key of zeros": (init) => init.fill(0, 1184),
  "with an X25519 key of order 8": (init) => {
    init.write("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800", 1184, "hex");
    return init;
  },
};

describe("keys of a client", () => {
  it.each(Object.entries(malformed))("%s end the connection with a goodbye", async (_name, spoil) => {
    const server = await start();
    const client = connect(server);
    await client.begin({});
    client.send(initPacket(spoil(hybridKeys().init)));
    expect(await client.goodbye()).toBe(KEY_EXCHANGE_FAILED);
    await server.idle();

    const other = connect(server);
    await other.exchange();
    await other.service();
  });

  it("that are malformed end the connection whatever comes behind them in the same piece", async () => {
    const server = await start();
    const client = connect(server);
    await client.begin({});
    const init = malformed["with a coefficient of 3329"]!(hybridKeys().init);
    client.send(initPacket(init), newKeysPacket, initPacket(init), newKeysPacket, Buffer.of(20), randomBytes(500));
    expect(await client.goodbye()).toBe(KEY_EXCHANGE_FAILED);
    await server.idle();
  });

  it("that are malformed end a connection that has been used", async () => {
    const server = await start();
    const client = connect(server);
    await client.exchange();
    await client.login(testUser.username, testUser.password);
    await client.begin({});
    client.send(initPacket(malformed["with a coefficient of 3329"]!(hybridKeys().init)));
    expect(await client.goodbye()).toBe(KEY_EXCHANGE_FAILED);
    await server.idle();
  });
});

describe("a KEXINIT", () => {
  const hasty = (kex: string): Buffer =>
    Buffer.concat([Buffer.of(20), randomBytes(16), Buffer.of(0, 0, 0, kex.length), Buffer.from(kex)]);

  it.each([
    ["that ends within its cookie", Buffer.of(20, 1, 2, 3)],
    ["that ends behind the methods", hasty(hybrid)],
    ["of a list longer than the packet", Buffer.concat([Buffer.of(20), randomBytes(16), Buffer.alloc(4, 0xff)])],
  ])("%s ends the connection with a goodbye", async (_name, payload) => {
    const server = await start();
    const client = connect(server);
    client.send(payload);
    expect(await client.goodbye()).toBe(KEY_EXCHANGE_FAILED);
    await server.idle();
  });
});

describe("the self-test", () => {
  it("is passed by ssh2 and the libraries that are installed", () => {
    expect(postQuantumProblem()).toBeUndefined();
    expect(() => checkExchange(encapsulateByScript)).not.toThrow();
  });

  it("is failed by a secret that is not the ciphertext's", () => {
    const wrong: Encapsulate = (key) => ({ ...encapsulateByScript(key), secret: randomBytes(32) });
    expect(() => checkExchange(wrong)).toThrow("The exchange hash is wrong");
  });

  it("is failed by who takes malformed keys", () => {
    const lax: Encapsulate = (key) => {
      const copy = Buffer.from(key);
      if (copy[0] === 0xff) copy.fill(0, 0, 3);
      return encapsulateByScript(copy);
    };
    expect(() => checkExchange(lax)).toThrow("A malformed ML-KEM key is taken");
  });

  it("is failed by who cannot encapsulate", () => {
    const broken: Encapsulate = () => {
      throw new Error("not here");
    };
    expect(() => checkExchange(broken)).toThrow("malformed");
  });
});

// Node has it from 24.7 on.
describe.each([encapsulateByNode].filter((way) => way !== undefined))("encapsulating by node:crypto", (byNode) => {
  it("passes the self-test", () => {
    expect(() => checkExchange(byNode)).not.toThrow();
  });

  it("agrees with the other side's noble", () => {
    const keys = hybridKeys();
    const { reply, secret } = answerHybrid(keys.init, byNode);
    expect(keys.secret(reply).subarray(4)).toEqual(secret);
  });

  it.each(Object.entries(malformed))("refuses keys %s", (_name, spoil) => {
    expect(() => answerHybrid(spoil(hybridKeys().init), byNode)).toThrow(/keys?|failed|derivation/i);
  });
});
