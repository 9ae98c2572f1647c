import { setTimeout } from "node:timers/promises";
import { definePlugin, type OpenFile } from "@sluice/core";
import { z } from "zod";

/** Notices that wait at once; what is more is dropped, and the log says so. */
const mostWaiting = 1000;
const longestPauseMs = 60_000;

/** Tells another service of each upload that is complete: an HTTP POST with a JSON body, tried again while the service is away. */
export const notify = definePlugin({
  name: "notify",
  options: z.strictObject({
    url: z.url({ protocol: /^https?$/ }),
    tries: z.int().min(1).default(5),
    timeoutMs: z.int().min(1).default(10_000),
    backOffMs: z.int().min(1).default(1000),
  }),
  setup(host, { url, tries, timeoutMs, backOffMs }) {
    const stopping = new AbortController();
    const waiting: object[] = [];
    let sending: Promise<void> | undefined;

    const post = async (notice: object): Promise<void> => {
      const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(timeoutMs)]);
      const headers = { "content-type": "application/json" };
      const reply = await fetch(url, {
        method: "POST",
        headers,
        body: JSON.stringify(notice),
        signal,
        redirect: "error",
      });
      await reply.body?.cancel();
      if (!reply.ok) throw new Error(`The service answered ${reply.status}`);
    };
    const send = async (): Promise<void> => {
      for (let n = 1; waiting[0] !== undefined && !stopping.signal.aborted; n++) {
        const notice = waiting[0];
        const failure = await post(notice).then(
          () => undefined,
          (error: unknown) => ({ error }),
        );
        if (failure !== undefined && n < tries) {
          const pauseMs = Math.min(backOffMs * 2 ** (n - 1), longestPauseMs);
          // Ends early when the server closes.
          await setTimeout(pauseMs, undefined, { signal: stopping.signal }).catch(() => undefined);
          continue;
        }
        if (stopping.signal.aborted) break;
        if (failure !== undefined) host.log.error({ err: failure.error, notice }, "A notice was not delivered");
        waiting.shift();
        n = 0;
      }
      sending = undefined;
    };

    host.after("close", ({ request: { file, outcome }, user, session }, { status }) => {
      if (status !== "ok" || outcome !== "completed" || !isUpload(file)) return;
      const { path, bytesWritten } = file;
      if (waiting.length >= mostWaiting) return host.log.error({ path }, "Too many notices wait: this one is dropped");
      waiting.push({ path, bytes: bytesWritten, user: user.name, from: session.connection.remoteAddress });
      sending ??= send();
    });
    host.onClose(async () => {
      stopping.abort();
      await sending;
      for (const notice of waiting) host.log.error({ notice }, "A notice was not delivered: the server stops");
    });
  },
});

function isUpload(file: OpenFile | { readonly kind: "directory" }): file is OpenFile {
  return file.kind === "file" && file.flags.write;
}
