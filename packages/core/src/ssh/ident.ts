import type { Duplex } from "node:stream";

/** Longest identification string, with its line end (RFC 4253, section 4.2). */
const maxIdentBytes = 255;
const lineFeed = 10;

/**
 * Holds back what arrives until the client's identification line is complete, then hands it over in one piece. ssh2 loses the middle of a
 * line that comes in three segments, and would wait for its end for ever.
 *
 * Has to be called before ssh2 is given the socket: it steps between the socket and the listener that ssh2 attaches.
 *
 * @param refused called at most once, with a reason for the log, when what arrives is no identification of SSH 2
 */
export function gateIdent(socket: Duplex, refused: (reason: string) => void): void {
  const on = socket.on.bind(socket);
  const passOn = (listener: (piece: Buffer) => void): void => {
    let line: Buffer = Buffer.alloc(0);
    const collect = (piece: Buffer): void => {
      line = line.length === 0 ? piece : Buffer.concat([line, piece]);
      const end = line.indexOf(lineFeed);
      const problem = examine(line, end);
      if (problem !== undefined) {
        socket.off("data", collect);
        refused(problem);
      } else if (end !== -1) {
        socket.off("data", collect);
        on("data", listener);
        listener(line);
      }
    };
    on("data", collect);
  };
  socket.on = function gated(event: string | symbol, listener: (...args: never[]) => void) {
    if (event !== "data") return on(event, listener as (...args: unknown[]) => void);
    Reflect.deleteProperty(socket, "on");
    passOn(listener as unknown as (piece: Buffer) => void);
    return socket;
  } as typeof socket.on;
}

function examine(line: Buffer, end: number): string | undefined {
  const start = line.subarray(0, Math.min(line.length, 8)).toString("latin1");
  const known = ["SSH-2.0-", "SSH-1.99"].some((prefix) => prefix.startsWith(start.slice(0, prefix.length)));
  if (!known) return "The client does not speak SSH 2";
  if (end === -1 ? line.length >= maxIdentBytes : end >= maxIdentBytes) return "The identification is too long";
  if (end === -1) return undefined;
  const text = line.subarray(0, end).toString("latin1").replace(/\r$/, "");
  return /^SSH-(?:2\.0|1\.99)-[\x21-\x7e]+(?: [\x20-\x7e]*)?$/.test(text)
    ? undefined
    : "The identification is malformed";
}
