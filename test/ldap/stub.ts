import { createServer, type AddressInfo, type Socket } from "node:net";

/** A request as the stub received it. */
export interface StubRequest {
  readonly id: number;
  /** `bind`, `search`, or the tag in hexadecimal. */
  readonly kind: string;
  /** Of a bind. */
  readonly dn: string;
  readonly password: string;
  /** Of a search: the base, and the bytes of the filter. */
  readonly base: string;
  readonly filter: Buffer;
}

/** Answers a request: bytes to send, or nothing. */
export type Behaviour = (request: StubRequest, socket: Socket) => readonly Buffer[] | undefined;

/** A directory that does what no real one would. */
export interface Stub {
  readonly url: string;
  readonly port: number;
  readonly requests: StubRequest[];
  /** Connections open now, and ever made. */
  readonly open: () => number;
  readonly made: () => number;
  behave(behaviour: Behaviour): void;
  close(): Promise<void>;
}

export async function startStub(behaviour: Behaviour): Promise<Stub> {
  let current = behaviour;
  let made = 0;
  const sockets = new Set<Socket>();
  const requests: StubRequest[] = [];
  const server = createServer({ noDelay: true }, (socket) => {
    made += 1;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    let buffer = Buffer.alloc(0);
    socket.on("data", (chunk) => {
      buffer = Buffer.concat([buffer, chunk]);
      // Who begins with TLS is left waiting.
      if (buffer[0] !== 0x30) return;
      for (let end = endOf(buffer); end !== undefined && end <= buffer.length; end = endOf(buffer)) {
        const request = read(buffer.subarray(0, end));
        buffer = buffer.subarray(end);
        requests.push(request);
        for (const answer of current(request, socket) ?? []) socket.write(answer);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `ldap://127.0.0.1:${port}`,
    port,
    requests,
    open: () => sockets.size,
    made: () => made,
    behave: (next) => void (current = next),
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** BER with definite lengths, as short as can be. */
export function ber(tag: number, ...parts: readonly (Buffer | string)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part as string)));
  const length = body.length < 0x80 ? Buffer.of(body.length) : Buffer.of(0x82, body.length >> 8, body.length & 0xff);
  return Buffer.concat([Buffer.of(tag), length, body]);
}

export function message(id: number, ...parts: readonly Buffer[]): Buffer {
  return ber(0x30, ber(2, Buffer.of(id >> 8, id & 0xff)), ...parts);
}

export function result(tag: number, code: number, text = "", ...more: readonly Buffer[]): Buffer {
  return ber(tag, ber(10, Buffer.of(code)), ber(4), ber(4, text), ...more);
}

export const bindResult = (id: number, code: number, text = ""): Buffer => message(id, result(0x61, code, text));
export const searchDone = (id: number, code = 0): Buffer => message(id, result(0x65, code));

export function entry(
  id: number,
  dn: string,
  attributes: Readonly<Record<string, readonly (string | Buffer)[]>>,
): Buffer {
  const list = Object.entries(attributes).map(([name, values]) =>
    ber(0x30, ber(4, name), ber(0x31, ...values.map((value) => ber(4, value)))),
  );
  return message(id, ber(0x64, ber(4, dn), ber(0x30, ...list)));
}

/** A directory with one user, `alice`, whose password is `right`. */
export const honest: Behaviour = (request) => {
  const { id, kind } = request;
  if (kind === "bind") return [bindResult(id, ["right", "secret"].includes(request.password) ? 0 : 49)];
  if (kind !== "search") return undefined;
  if (request.base === "") return [entry(id, "", {}), searchDone(id)];
  return request.filter.includes("alice") ? [alice(id), searchDone(id)] : [searchDone(id)];
};

export const alice = (id: number): Buffer => entry(id, "uid=alice,dc=x", { uid: ["alice"] });

function endOf(bytes: Buffer): number | undefined {
  if (bytes.length < 6) return undefined;
  const first = bytes[1]!;
  if (first < 0x80) return 2 + first;
  const size = first & 0x7f;
  return 2 + size + bytes.readUIntBE(2, size);
}

function read(bytes: Buffer): StubRequest {
  const [envelope] = children(bytes);
  const [id, body] = children(envelope!.bytes);
  const fields = body!.tag & 0x20 ? children(body!.bytes) : [];
  const isBind = body!.tag === 0x60;
  const isSearch = body!.tag === 0x63;
  return {
    id: id!.bytes.readUIntBE(0, id!.bytes.length),
    kind: isBind ? "bind" : isSearch ? "search" : body!.tag.toString(16),
    dn: isBind ? fields[1]!.bytes.toString() : "",
    password: isBind ? fields[2]!.bytes.toString() : "",
    base: isSearch ? fields[0]!.bytes.toString() : "",
    filter: isSearch ? fields[6]!.bytes : Buffer.alloc(0),
  };
}

function children(bytes: Buffer): { readonly tag: number; readonly bytes: Buffer }[] {
  const found: { tag: number; bytes: Buffer }[] = [];
  for (let at = 0; at < bytes.length;) {
    const first = bytes[at + 1]!;
    const size = first < 0x80 ? 0 : first & 0x7f;
    const length = size === 0 ? first : bytes.readUIntBE(at + 2, size);
    const start = at + 2 + size;
    found.push({ tag: bytes[at]!, bytes: bytes.subarray(start, start + length) });
    at = start + length;
  }
  return found;
}
