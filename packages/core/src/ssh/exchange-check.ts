import { createHash, createPublicKey, diffieHellman, generateKeyPairSync, randomBytes } from "node:crypto";
import { ml_kem768 } from "@noble/post-quantum/ml-kem.js";
import { Writer } from "../protocol/writer.ts";
import { classicalKex, mendExchange } from "./exchange.ts";
import { answerHybrid, curveKeyBytes, curveKeyInfo, hybridKex } from "./hybrid.ts";
import { SSH_MSG } from "./messages.ts";
import { mlkemCiphertextBytes, type Encapsulate } from "./mlkem.ts";
import { KexInit, messageHandlers, Protocol } from "./ssh2.ts";

const idents = { client: "SSH-2.0-client", server: "SSH-2.0-server" } as const;
const hostKeyType = "ssh-ed25519";
const directions = { cipher: ["aes128-ctr"], mac: ["hmac-sha2-256"], compress: ["none"], lang: [] };

/**
 * Exchanges keys twice with ssh2's server side, in memory, and computes what has to come out of it. Holds true what the hybrid method
 * takes for granted of ssh2's insides, and of who encapsulates.
 *
 * @throws Error that says what is not so
 */
export function checkExchange(encapsulate: Encapsulate): void {
  const hostKey = randomBytes(32);
  let hashed: Buffer | undefined;
  let agreedOn: string | undefined;
  const protocol = new Protocol({
    server: true,
    ident: idents.server.slice("SSH-2.0-".length),
    hostKeys: {
      [hostKeyType]: {
        type: hostKeyType,
        getPublicSSH: () => hostKey,
        sign: (hash) => {
          hashed = hash;
          return Buffer.alloc(64);
        },
      },
    },
    offer: new KexInit({ kex: [classicalKex], serverHostKey: [hostKeyType], cs: directions, sc: directions }),
    onWrite: () => undefined,
    onError: (error) => {
      throw error;
    },
    onHeader: () => mendExchange(protocol, [hybridKex], encapsulate),
    onHandshakeComplete: ({ kex }) => (agreedOn = kex),
  });
  const send = (data: Buffer): void => protocol.parse(data, 0, data.length);
  const exchange = (begin: (init: Buffer) => void, next: (payload: Buffer) => void): void => {
    const init = clientKexInit();
    begin(init);
    if (protocol._kexinit?.includes(hybridKex) !== true) throw new Error("ssh2 does not offer the method");
    const ours = new ClientKeys();
    const serverInit = protocol._kexinit;
    next(new Writer().u8(SSH_MSG.KEX_ECDH_INIT).bytes(ours.init).finish());
    const reply = protocol._kex?.getPublicKey() ?? Buffer.alloc(0);
    const hash = createHash("sha256");
    for (const part of [idents.client, idents.server, init, serverInit, hostKey, ours.init, reply, ours.agree(reply)]) {
      hash.update(new Writer().bytes(Buffer.from(part)).finish());
    }
    if (hashed === undefined || !hash.digest().equals(hashed)) throw new Error("The exchange hash is wrong");
    next(Buffer.of(SSH_MSG.NEWKEYS));
    if (agreedOn !== hybridKex) throw new Error("The exchange is not completed");
    hashed = agreedOn = undefined;
  };
  try {
    send(Buffer.from(`${idents.client}\r\n`));
    exchange(
      (init) => send(framed(init)),
      (payload) => send(framed(payload)),
    );
    exchange(
      (init) => void messageHandlers[SSH_MSG.KEXINIT]?.(protocol, init),
      (payload) => void protocol._kex?.parse(payload),
    );
  } finally {
    protocol.cleanup();
  }
  checkRefusal(encapsulate);
}

/** A key with a coefficient that is no residue has to be refused (FIPS 203, section 7.2). */
function checkRefusal(encapsulate: Encapsulate): void {
  const { init } = new ClientKeys();
  init.fill(0xff, 0, 3);
  try {
    answerHybrid(init, encapsulate);
  } catch {
    return;
  }
  throw new Error("A malformed ML-KEM key is taken");
}

/** The client's side of an exchange. */
class ClientKeys {
  readonly #kem = ml_kem768.keygen();
  readonly #curve = generateKeyPairSync("x25519");
  /** C_INIT. */
  readonly init: Buffer = Buffer.concat([
    this.#kem.publicKey,
    this.#curve.publicKey.export({ format: "der", type: "spki" }).subarray(-curveKeyBytes),
  ]);

  /** K, from S_REPLY. */
  agree(reply: Buffer): Buffer {
    const kem = ml_kem768.decapsulate(reply.subarray(0, mlkemCiphertextBytes), this.#kem.secretKey);
    const key = Buffer.concat([curveKeyInfo, reply.subarray(mlkemCiphertextBytes)]);
    const publicKey = createPublicKey({ key, format: "der", type: "spki" });
    const curve = diffieHellman({ privateKey: this.#curve.privateKey, publicKey });
    return createHash("sha256").update(kem).update(curve).digest();
  }
}

function clientKexInit(): Buffer {
  const writer = new Writer().u8(SSH_MSG.KEXINIT).raw(randomBytes(16)).text(hybridKex).text(hostKeyType);
  for (const list of [directions.cipher, directions.mac, directions.compress]) {
    writer.text(list.join(",")).text(list.join(","));
  }
  return writer.text("").text("").bool(false).u32(0).finish();
}

/** A packet that is not encrypted (RFC 4253, section 6). */
function framed(payload: Buffer): Buffer {
  const padding = 16 - ((4 + 1 + payload.length) % 8);
  const writer = new Writer(payload.length + 32).u32(1 + payload.length + padding).u8(padding);
  return writer.raw(payload).raw(Buffer.alloc(padding)).finish();
}
