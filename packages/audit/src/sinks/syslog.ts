import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls, TLSSocket } from "node:tls";
import type { AuditRecord } from "../record.ts";
import { lineOf, type Format } from "./format.ts";
import type { Entry, Sink } from "./sink.ts";

/** Where a syslog server listens, and how it is told. */
export interface SyslogOptions {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly tls:
    | false
    | { readonly caFile?: string; readonly certFile?: string; readonly keyFile?: string; readonly serverName?: string };
  readonly format: Format;
  readonly facility: number;
  readonly appName: string;
}

const connectMs = 10_000;
const writeMs = 30_000;
/** How long the other end may take to refuse a certificate. */
const acceptMs = 1000;
const maxSequenceId = 2_147_483_647;

/** Sends records to a syslog server: RFC 5424, counted octets (RFC 6587, section 3.4.1), over TCP or TLS (RFC 5425). */
export class SyslogSink implements Sink {
  readonly name: string;
  readonly #options: SyslogOptions;
  #socket: Socket | undefined;

  constructor(options: SyslogOptions) {
    this.name = options.name;
    this.#options = options;
    // Read for each connection, as certificates are renewed; that they can be read is known at the start.
    if (options.tls !== false) tlsOptions(options.host, options.tls);
  }

  async deliver(entries: readonly Entry[], signal: AbortSignal): Promise<void> {
    const socket = this.#usable() ?? (this.#socket = await this.#connect(signal));
    const frames = entries.map((entry) => frameOf(syslogMessage(entry, this.#options)));
    await written(socket, Buffer.concat(frames), signal);
  }

  close(): void {
    this.#socket?.end();
    this.#socket?.unref();
  }

  /** The connection, unless the other end has left: what is written then is lost without a word. */
  #usable(): Socket | undefined {
    const socket = this.#socket;
    if (socket !== undefined && !socket.destroyed && socket.writable && !socket.readableEnded) return socket;
    socket?.destroy();
    this.#socket = undefined;
    return undefined;
  }

  #connect(signal: AbortSignal): Promise<Socket> {
    const { host, port, tls } = this.#options;
    return new Promise((resolve, reject) => {
      const socket = tls === false ? connectTcp({ host, port }) : connectTls({ host, port, ...tlsOptions(host, tls) });
      const abort = (): void => void socket.destroy(new Error("the server is closing"));
      const timer = setTimeout(() => socket.destroy(new Error("the connection took too long")), connectMs);
      signal.addEventListener("abort", abort, { once: true });
      let accepting: NodeJS.Timeout | undefined;
      const settle = (): void => {
        clearTimeout(timer);
        clearTimeout(accepting);
        signal.removeEventListener("abort", abort);
      };
      const done = (): void => {
        settle();
        resolve(socket);
      };
      socket.once(tls === false ? "connect" : "secureConnect", () => {
        if (!(socket instanceof TLSSocket) || socket.getProtocol() !== "TLSv1.3") {
          done();
          return;
        }
        // With TLS 1.3, the other end says whether it takes our certificate when our part is done (RFC 8446, section 2): what was sent by then would be lost
        // without a word. The ticket of a session says that it does; not everybody sends one.
        accepting = setTimeout(done, acceptMs);
        // What is written while Node still reads the ticket never leaves.
        socket.once("session", () => setImmediate(done));
      });
      socket.once("error", (error) => {
        settle();
        reject(error);
      });
      socket.once("close", () => {
        settle();
        reject(new Error("the other end closed the connection"));
      });
      // A syslog server says nothing; that it leaves is noticed only while it is read from.
      socket.resume();
      socket.on("error", () => undefined);
      socket.setKeepAlive(true, 30_000);
    });
  }
}

function tlsOptions(host: string, tls: Exclude<SyslogOptions["tls"], false>): Record<string, unknown> {
  const name = tls.serverName ?? host;
  return {
    ...(isIP(name) === 0 ? { servername: name } : {}),
    rejectUnauthorized: true,
    minVersion: "TLSv1.2",
    ...(tls.caFile === undefined ? {} : { ca: readFileSync(tls.caFile) }),
    ...(tls.certFile === undefined ? {} : { cert: readFileSync(tls.certFile) }),
    ...(tls.keyFile === undefined ? {} : { key: readFileSync(tls.keyFile) }),
  };
}

function written(socket: Socket, bytes: Buffer, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (error?: Error | null): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
      socket.removeListener("close", closed);
      if (error === undefined || error === null) resolve();
      else {
        socket.destroy();
        reject(error);
      }
    };
    const abort = (): void => end(new Error("the server is closing"));
    const closed = (): void => end(new Error("the connection was closed"));
    const timer = setTimeout(() => end(new Error("the other end does not read")), writeMs);
    signal.addEventListener("abort", abort, { once: true });
    socket.once("close", closed);
    socket.write(bytes, end);
  });
}

/** One message of RFC 5424. */
export function syslogMessage(entry: Entry, options: Pick<SyslogOptions, "facility" | "appName" | "format">): Buffer {
  const { record } = entry;
  const priority = options.facility * 8 + severityOf(record);
  const sequence = ((record.seq - 1) % maxSequenceId) + 1;
  const text = Buffer.from(lineOf(entry, options.format), "utf8");
  const host = field(hostname(), 255);
  const head = `<${priority}>1 ${record.time} ${host} ${field(options.appName, 48)} ${process.pid} ${record.type} [meta sequenceId="${sequence}"] `;
  // Text that is more than ASCII is announced as UTF-8 by a BOM (section 6.4).
  const mark = text.some((byte) => byte > 0x7f) ? "\ufeff" : "";
  return Buffer.concat([Buffer.from(head + mark, "utf8"), text]);
}

function frameOf(message: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${message.length} `), message]);
}

/** error, warning, notice or informational. */
function severityOf(record: AuditRecord): number {
  if (record["event"] === "lost" || record["event"] === "torn" || record.outcome === "failed") return 3;
  if (record.outcome === "refused") return 4;
  return record.outcome === "aborted" ? 5 : 6;
}

/** Printable ASCII, as header fields must be. */
function field(text: string, max: number): string {
  return text.replaceAll(/[^\x21-\x7e]/g, "_").slice(0, max) || "-";
}
