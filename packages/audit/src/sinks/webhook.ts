import { readFileSync } from "node:fs";
import { request as requestHttp, type ClientRequest, type IncomingMessage } from "node:http";
import { request as requestHttps } from "node:https";
import { lineOf, type Format } from "./format.ts";
import type { Entry, Sink } from "./sink.ts";

/** Where batches are posted. */
export interface WebhookOptions {
  readonly name: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly format: Format;
  readonly caFile?: string;
  readonly timeoutMs: number;
  /** Told of a record that the receiver will never take. */
  readonly refused: (seq: number, status: number) => void;
}

/** Answers that will be the same next time: the batch is halved, until it is known which record they are about. */
const permanent: ReadonlySet<number> = new Set([400, 413, 415, 422]);

/** Posts batches of records: an array of JSON, or lines of text for CEF. Anything but a 2xx means: not taken. */
export class WebhookSink implements Sink {
  readonly name: string;
  readonly #options: WebhookOptions;
  readonly #ca: Buffer | undefined;

  constructor(options: WebhookOptions) {
    this.name = options.name;
    this.#options = options;
    this.#ca = options.caFile === undefined ? undefined : readFileSync(options.caFile);
  }

  async deliver(entries: readonly Entry[], signal: AbortSignal): Promise<void> {
    const status = await this.#post(entries, signal);
    if (status >= 200 && status < 300) return;
    if (!permanent.has(status)) throw new Error(`the receiver answered ${status}`);
    const [only] = entries;
    if (entries.length === 1 && only !== undefined) {
      this.#options.refused(only.record.seq, status);
      return;
    }
    const half = entries.length >> 1;
    await this.deliver(entries.slice(0, half), signal);
    await this.deliver(entries.slice(half), signal);
  }

  close(): void {
    // Each request has a connection of its own, which ends with it.
  }

  #post(entries: readonly Entry[], signal: AbortSignal): Promise<number> {
    const { url, headers, format, timeoutMs } = this.#options;
    const lines = entries.map((entry) => lineOf(entry, format));
    const body = Buffer.from(format === "cef" ? `${lines.join("\n")}\n` : `[${lines.join(",\n")}]\n`);
    const type = format === "cef" ? "text/plain; charset=utf-8" : "application/json";
    return new Promise((resolve, reject) => {
      const answered = (response: IncomingMessage): void => {
        // The answer's body is nobody's business: it is not read, and its connection ends.
        resolve(response.statusCode ?? 0);
        response.destroy();
      };
      const options = {
        method: "POST",
        agent: false as const,
        signal,
        headers: {
          ...headers,
          "content-type": type,
          "content-length": body.length,
          "idempotency-key": idempotencyKey(entries),
          connection: "close",
        },
      };
      const request: ClientRequest = url.startsWith("https:")
        ? requestHttps(url, { ...options, ...(this.#ca === undefined ? {} : { ca: this.#ca }) }, answered)
        : requestHttp(url, options, answered);
      const late = setTimeout(() => request.destroy(new Error("no answer in time")), timeoutMs);
      request.on("error", reject);
      request.once("close", () => clearTimeout(late));
      request.end(body);
    });
  }
}

/** The same for the same records, however often they are brought; another for others. */
export function idempotencyKey(entries: readonly Entry[]): string {
  const first = entries[0]?.record.seq ?? 0;
  const last = entries.at(-1)?.record;
  return `sluice-${first}-${last?.seq ?? 0}-${last?.hash.slice(0, 32) ?? ""}`;
}
