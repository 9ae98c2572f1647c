import { memoryFiles } from "@sluice/fs-memory";
import { startTestServer, type TestServer } from "@sluice/testing";
import { FrameReader, maxPacketBytes } from "@sluice/core/protocol";
import type { Duplex } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { within } from "../security/peer.ts";
import { sftp, str, u32 } from "../security/wire.ts";
import { rounds, timeoutMs } from "./budget.ts";
import { corpus } from "./corpus.ts";
import { mutated } from "./mutate.ts";
import { sftpSamples } from "./samples.ts";

/** Sessions of a server in this process: every request is answered once, or the session ends. */
let server: TestServer;
beforeAll(async () => {
  // Each session has a tree of its own: what one has renamed, the next would miss.
  const fs = memoryFiles({
    perSession: true,
    maxBytes: 64 * 1024 * 1024,
    files: { "/file.bin": Buffer.alloc(10_000, 1), "/directory/inside.txt": "inside\n" },
  });
  server = await startTestServer({ fs });
});
afterAll(() => server?.close());

const lastId = 0xfefe_fefe;

/** One session: sends packets, then a last one, and answers how often each id was answered; nothing where the session was ended. */
async function serve(
  make: (file: Buffer, directory: Buffer) => readonly Buffer[],
): Promise<Map<number, number> | undefined> {
  const connection = await server.connect();
  try {
    const channel = await connection.channel();
    const replies = repliesOf(channel);
    channel.write(
      Buffer.concat([
        sftp(1, u32(3)),
        sftp(3, u32(1), str("/file.bin"), u32(3), u32(0)),
        sftp(11, u32(2), str("/directory")),
      ]),
    );
    await replies.until(() => replies.handles.length === 2);
    if (replies.ended) throw new Error("The session ended before it began");
    const packets = make(replies.handles[0]!, replies.handles[1]!);
    for (const packet of packets) channel.write(str(packet));
    channel.write(sftp(17, u32(lastId), str("/file.bin")));
    await replies.until(() => replies.counts.has(lastId));
    return replies.ended ? undefined : replies.counts;
  } finally {
    connection.cut();
  }
}

interface Replies {
  readonly counts: Map<number, number>;
  readonly handles: Buffer[];
  ended: boolean;
  until(condition: () => boolean): Promise<void>;
}

function repliesOf(channel: Duplex): Replies {
  const frames = new FrameReader(maxPacketBytes);
  let watch: () => void = () => {};
  const replies: Replies = {
    counts: new Map<number, number>(),
    handles: [],
    ended: false,
    until: (condition) =>
      within(
        new Promise<void>((resolve) => {
          watch = () => {
            if (condition() || replies.ended) resolve();
          };
          watch();
        }),
        30_000,
        "A request was not answered",
      ),
  };
  const end = (): void => {
    replies.ended = true;
    watch();
  };
  channel.on("data", (piece: Buffer) => {
    frames.push(piece);
    for (let packet = frames.next(); packet !== undefined; packet = frames.next()) {
      if (packet[0] === 2) continue;
      const id = packet.readUInt32BE(1);
      if (packet[0] === 102 && replies.handles.length < 2) replies.handles.push(Buffer.from(packet.subarray(9)));
      else replies.counts.set(id, (replies.counts.get(id) ?? 0) + 1);
    }
    watch();
  });
  channel.on("end", end);
  channel.on("close", end);
  channel.on("error", end);
  return replies;
}

/** How often each id was asked for. */
function asked(packets: readonly Buffer[]): Map<number, number> {
  const counts = new Map([[lastId, 1]]);
  for (const packet of packets) {
    const id = packet.readUInt32BE(1);
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}

function sorted(counts: ReadonlyMap<number, number>): (readonly [number, number])[] {
  return [...counts].sort(([a], [b]) => a - b);
}

describe("a session answers every request once, or ends", () => {
  test("for what is in the corpus", async () => {
    for (const { at, payloads } of corpus()) if (at === "sftp") await serve(() => payloads);
  });

  test(
    "for requests that were changed at random",
    async () => {
      const done = await rounds("session", async (random) => {
        let packets: Buffer[] = [];
        const counts = await serve((file, directory) => {
          const samples = sftpSamples(file, directory);
          packets = Array.from({ length: 300 }, (_, i) => {
            const packet = mutated(samples, random);
            // Its id has to be known, and INIT ends a session.
            const whole =
              packet.length < 5 ? Buffer.concat([packet, Buffer.alloc(5 - packet.length)]) : Buffer.from(packet);
            if (whole[0] === 1) whole[0] = 200;
            whole.writeUInt32BE(1000 + i, 1);
            return whole;
          });
          return packets;
        });
        expect(counts === undefined ? "the session ended" : sorted(counts)).toEqual(sorted(asked(packets)));
      });
      expect(done).toBeGreaterThan(0);
      const faults = server.log.records.filter(({ level, message }) => level === "error" && message !== "");
      expect(
        faults.map((record) => `${record.message} ${JSON.stringify(record.fields["err"] ?? "")}`).slice(0, 3),
      ).toEqual([]);
    },
    timeoutMs,
  );
});
