import { connect, type NetConnectOpts } from "node:net";
import { addAbortSignal, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

/** The longest reply that is read: names of signatures are short. */
const mostReplyBytes = 4096;

/**
 * Has clamd scan a stream (clamd(8), INSTREAM). Resolves to what was found, or to nothing where it is clean.
 *
 * @throws Error for every other answer, and when there is none before `signal` is aborted.
 */
export async function scan(
  clamd: NetConnectOpts,
  content: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<string | undefined> {
  const socket = addAbortSignal(signal, connect(clamd));
  try {
    const [reply] = await Promise.all([
      replyFrom(socket),
      pipeline(Readable.from(request(content)), socket, { end: false }),
    ]);
    if (reply === "stream: OK") return undefined;
    const found = /^stream: (.+) FOUND$/.exec(reply)?.[1];
    if (found === undefined) throw new Error(`clamd answered ${JSON.stringify(reply)}`);
    return found;
  } finally {
    socket.destroy();
  }
}

/** The command, chunks behind their lengths, and a length of 0 for the end. */
async function* request(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield Buffer.from("zINSTREAM\0");
  for await (const chunk of content) {
    if (chunk.length === 0) continue;
    yield lengthOf(chunk.length);
    yield chunk;
  }
  yield lengthOf(0);
}

function lengthOf(bytes: number): Uint8Array {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes);
  return length;
}

/** What comes before the first NUL. */
async function replyFrom(socket: AsyncIterable<Buffer>): Promise<string> {
  let reply = Buffer.alloc(0);
  for await (const piece of socket) {
    reply = Buffer.concat([reply, piece]);
    const end = reply.indexOf(0);
    if (end >= 0) return reply.toString("utf8", 0, end).trim();
    if (reply.length > mostReplyBytes) throw new Error("clamd answered too much");
  }
  throw new Error("clamd closed the connection without an answer");
}
