import type { ClientHandle, SftpRequests } from "./requests.ts";

/** Bytes of one READ or WRITE: what every server takes (draft-ietf-secsh-filexfer-02, section 3). */
const chunkBytes = 32 * 1024;
/** Chunks under way at once. */
const lanes = 16;

/** Reads a file from beginning to end. */
export async function download(client: SftpRequests, handle: ClientHandle): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let ended = false;
  await inLanes(async (index) => {
    if (ended) return false;
    const chunk = await readChunk(client, handle, index * chunkBytes);
    chunks[index] = chunk;
    ended ||= chunk.length < chunkBytes;
    return true;
  });
  return Buffer.concat(chunks);
}

/** Writes a file from its beginning. */
export async function upload(client: SftpRequests, handle: ClientHandle, data: Uint8Array): Promise<void> {
  await inLanes(async (index) => {
    const position = index * chunkBytes;
    if (position >= data.length) return false;
    await client.write(handle, position, data.subarray(position, position + chunkBytes));
    return true;
  });
}

/** A server may answer with less than was asked for: only the end of the file ends a chunk early. */
async function readChunk(client: SftpRequests, handle: ClientHandle, start: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let filled = 0;
  while (filled < chunkBytes) {
    const part = await client.read(handle, start + filled, chunkBytes - filled);
    if (part === undefined) break;
    parts.push(part);
    filled += part.length;
  }
  return Buffer.concat(parts);
}

/**
 * Takes numbered steps, several at once, until one says that there are no more. After a failure no step begins, and those under way
 * are waited for.
 */
async function inLanes(step: (index: number) => Promise<boolean>): Promise<void> {
  let next = 0;
  const failure = new AbortController();
  const lane = async (): Promise<void> => {
    try {
      while (!failure.signal.aborted && (await step(next++)));
    } catch (error) {
      failure.abort();
      throw error;
    }
  };
  for (const result of await Promise.allSettled(Array.from({ length: lanes }, lane))) {
    if (result.status === "rejected") throw result.reason;
  }
}
