import { BadPacket, FrameReader, maxPacketBytes, OutOfRange, Reader, readRequest, v3 } from "@sluice/core/protocol";
import { describe, expect, test } from "vitest";
import { str } from "../security/wire.ts";
import { rounds, timeoutMs } from "./budget.ts";
import { corpus } from "./corpus.ts";
import { mutated, neighbours } from "./mutate.ts";
import { sftpSamples } from "./samples.ts";

const samples = sftpSamples(Buffer.alloc(16, 1), Buffer.alloc(16, 2));
/** No packet may take this long: the machine is busy, so it is much more than it takes. */
const longMs = 2000;

/** Reads a stream as a session does. Only the codec's own errors may come out. Answers how many packets were read. */
function read(stream: Buffer, cut: number = stream.length): number {
  const frames = new FrameReader(maxPacketBytes);
  const started = performance.now();
  let count = 0;
  try {
    for (const piece of [stream.subarray(0, cut), stream.subarray(cut)]) {
      frames.push(piece);
      for (let packet = frames.next(); packet !== undefined; packet = frames.next()) {
        count += 1;
        const reader = new Reader(packet);
        const type = reader.u8();
        reader.u32();
        try {
          const request = readRequest(type, reader, v3);
          if (request.is === "extended") request.fields.rest();
        } catch (error) {
          if (!(error instanceof BadPacket || error instanceof OutOfRange)) throw error;
        }
      }
    }
  } catch (error) {
    if (!(error instanceof BadPacket || error instanceof OutOfRange)) throw error;
  }
  const took = performance.now() - started;
  if (took > longMs) throw new Error(`It took ${took} ms`);
  return count;
}

describe("the codec reads or refuses", () => {
  test("what is in the corpus", () => {
    for (const { payloads } of corpus()) for (const payload of payloads) read(payload);
  });

  test("every beginning of every request, and every request with one bit changed", () => {
    let cases = 0;
    for (const sample of samples) {
      for (const packet of neighbours(sample)) {
        if (packet.length > 0) read(str(packet));
        cases += 1;
      }
      for (const stream of neighbours(str(sample))) {
        read(stream);
        cases += 1;
      }
    }
    expect(cases).toBeGreaterThan(20_000);
  });

  test(
    "whatever else comes",
    async () => {
      const count = await rounds("codec", (random) => {
        for (let i = 0; i < 200; i++) {
          const packets = Array.from({ length: 1 + random.below(4) }, () => str(mutated(samples, random)));
          const stream = random.next() < 0.8 ? Buffer.concat(packets) : mutated(packets, random);
          read(stream, random.below(stream.length + 1));
        }
      });
      expect(count).toBeGreaterThan(0);
    },
    timeoutMs,
  );
});
