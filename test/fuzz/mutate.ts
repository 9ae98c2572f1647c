import { u32 } from "../security/wire.ts";
import type { Random } from "../security/random.ts";

const numbers = [
  0, 1, 2, 3, 4, 7, 8, 16, 255, 256, 1023, 32_768, 32_769, 65_536, 262_144, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0,
  0xffff_ffff,
];

type Change = (bytes: Buffer, random: Random, samples: readonly Buffer[]) => Buffer;

/** What may happen to a packet. */
const changes: readonly Change[] = [
  (bytes, random) => {
    if (bytes.length > 0) bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
    return bytes;
  },
  (bytes, random) => {
    if (bytes.length > 0) bytes[random.below(bytes.length)] = random.below(256);
    return bytes;
  },
  (bytes, random) => bytes.subarray(0, random.below(bytes.length + 1)),
  (bytes, random) => Buffer.concat([bytes, random.bytes(random.below(64))]),
  (bytes, random) => {
    if (bytes.length >= 5) bytes.writeUInt32BE(random.pick(numbers), 1 + random.below(bytes.length - 4));
    return bytes;
  },
  (bytes, random) => {
    const at = random.below(bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, at), u32(random.pick(numbers)), bytes.subarray(at)]);
  },
  (bytes, random) => {
    const from = random.below(bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + random.below(16))]);
  },
  (bytes, random, samples) => {
    const other = random.pick(samples);
    return Buffer.concat([
      bytes.subarray(0, random.below(bytes.length + 1)),
      other.subarray(random.below(other.length + 1)),
    ]);
  },
  (bytes, random) => {
    if (bytes.length > 0) bytes[0] = random.below(256);
    return bytes;
  },
  (bytes, random) => Buffer.concat([bytes, Buffer.alloc(random.below(20_000), random.below(256))]),
];

/** One of the samples, as it is or changed once or several times. Never more than 32,000 bytes. */
export function mutated(samples: readonly Buffer[], random: Random): Buffer {
  let bytes: Buffer = Buffer.from(random.pick(samples));
  for (let count = random.pick([0, 1, 1, 1, 2, 4]); count > 0; count--) {
    bytes = random.pick(changes)(Buffer.from(bytes), random, samples);
  }
  return bytes.subarray(0, 32_000);
}

/** Every beginning of a packet, and every packet with one bit changed. */
export function* neighbours(sample: Buffer): Generator<Buffer> {
  for (let length = 0; length < sample.length; length++) yield sample.subarray(0, length);
  for (let bit = 0; bit < sample.length * 8; bit++) {
    const changed = Buffer.from(sample);
    changed[bit >> 3]! ^= 1 << (bit & 7);
    yield changed;
  }
}
