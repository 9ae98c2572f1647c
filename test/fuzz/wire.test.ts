import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AttackChannel } from "../security/channel.ts";
import { kexInit, KeyExchange } from "../security/keys.ts";
import { Target } from "../security/oracle.ts";
import { plainPacket, type Peer } from "../security/peer.ts";
import type { Random } from "../security/random.ts";
import { message, MSG, str, u32 } from "../security/wire.ts";
import { rounds, timeoutMs } from "./budget.ts";
import { corpus, type CorpusCase } from "./corpus.ts";
import { mutated } from "./mutate.ts";
import { channelSamples, loginSamples, sftpSamples } from "./samples.ts";

/** A server in a process of its own takes whatever comes, and goes on. */
let target: Target;
beforeAll(async () => {
  target = await Target.start({
    ownFiles: true,
    limits: {
      perSource: 400,
      perSourceUnauthenticated: 400,
      identMs: 2000,
      loginGraceMs: 4000,
      idleMs: 4000,
      stallMs: 4000,
    },
    maxStartups: "500:30:1000",
  });
});
afterAll(() => target?.stop());

/** Where the memory stays when thousands of connections come and go: 140 MiB above the beginning on Node 20, 180 on Node 24, which collects later. */
const growth = 256 * 1024 * 1024;
const peersAtOnce = 4;

/** Resolves when the server has taken what was sent: it answers, or it has ended the connection. */
async function taken(peer: Peer): Promise<void> {
  peer.socket.end();
  await peer.dropped(30_000);
  peer.close();
}

async function replay({ at, payloads }: CorpusCase): Promise<void> {
  if (at === "sftp") {
    const channel = await AttackChannel.sftp(await target.peer());
    for (const payload of payloads) await channel.flow(payload);
    await taken(channel.peer);
    return;
  }
  const peer = await target.peer({ stage: at });
  if (at === "tcp" || at === "ident") for (const payload of payloads) peer.write(payload);
  else peer.send(...payloads);
  await taken(peer);
}

test("what is in the corpus does no harm", () =>
  target.attack(
    async () => {
      for (const found of corpus()) {
        await replay(found).catch((error: unknown) => {
          throw new Error(`The case ${found.name} failed`, { cause: error });
        });
      }
    },
    { growth, connections: corpus().length },
  ));

describe("what was changed at random does no harm", () => {
  test(
    "before the login",
    () =>
      target.attack(
        async () => {
          const count = await rounds("wire before the login", async (random) => {
            await inParallel(random, async (own) => beforeLogin(own));
            // What waits for its decision is held by whoever decides, which is the target's own method.
            await target.release();
          });
          expect(count).toBeGreaterThan(0);
        },
        { growth },
      ),
    timeoutMs,
  );

  test(
    "after the login",
    () =>
      target.attack(
        async () => {
          const count = await rounds("wire after the login", (random) =>
            inParallel(random, async (own) => afterLogin(own)),
          );
          expect(count).toBeGreaterThan(0);
          await target.release();
        },
        { growth },
      ),
    timeoutMs,
  );
});

/** Several connections, each with a part of the round's sequence: drawn before they begin, so that their turns do not matter. */
async function inParallel(random: Random, act: (drawn: Random) => Promise<void>): Promise<void> {
  const peers = Array.from({ length: peersAtOnce }, () => drawn(random));
  await Promise.all(peers.map((own) => act(own)));
}

function drawn(random: Random): Random {
  const numbers = Array.from({ length: 4096 }, () => random.next());
  let at = 0;
  const next = (): number => numbers[at++ % numbers.length]!;
  const below = (limit: number): number => Math.floor(next() * limit);
  return {
    next,
    below,
    pick: (list) => list[below(list.length)]!,
    bytes: (length) => Buffer.from(Array.from({ length }, () => below(256))),
  };
}

async function beforeLogin(random: Random): Promise<void> {
  const stage = random.pick(["tcp", "ident", "keys", "service"] as const);
  const peer = await target.peer({ stage });
  if (stage === "tcp") peer.write(mutated([Buffer.from("SSH-2.0-fuzz\r\n"), Buffer.from("SSH-1.99-a b c\n")], random));
  else if (stage === "ident") {
    const samples = [kexInit(), new KeyExchange().init, message(MSG.NEWKEYS), ...loginSamples()];
    const packets = Array.from({ length: 1 + random.below(4) }, () => {
      const packet = plainPacket(mutated(samples, random));
      return random.next() < 0.3 ? mutated([packet], random) : packet;
    });
    peer.write(Buffer.concat(packets));
  } else {
    const samples = [...loginSamples(), ...channelSamples(0)];
    for (let i = 1 + random.below(12); i > 0; i--) peer.sendNow(mutated(samples, random));
  }
  await taken(peer);
}

async function afterLogin(random: Random): Promise<void> {
  const peer = await target.peer();
  const channel = await AttackChannel.sftp(peer);
  const file = await channel.openFile("/file.bin", 3);
  const directory = (await channel.ask(11, str("/directory"))).body.subarray(4);
  const packets = sftpSamples(file, directory).map((packet) => str(packet));
  const messages = channelSamples(channel.remote).filter(([type]) => type !== MSG.DISCONNECT);
  for (let i = 1 + random.below(40); i > 0 && peer.ending === undefined; i--) {
    if (random.next() < 0.6) {
      peer.send(message(MSG.CHANNEL_DATA, u32(channel.remote), str(mutated(packets, random))));
    } else peer.send(mutated(messages, random));
  }
  await taken(peer);
}
