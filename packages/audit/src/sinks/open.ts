import { SetupError, type Logger } from "@sluice/core";
import type { CheckedSink } from "../options.ts";
import { sinkName } from "../options.ts";
import { reasonOf } from "../trouble.ts";
import { ServerLogSink } from "./server-log.ts";
import type { Sink } from "./sink.ts";
import { SyslogSink } from "./syslog.ts";
import { WebhookSink } from "./webhook.ts";

/** Makes a sink. @throws SetupError where a file that it needs cannot be read */
export function openSink(options: CheckedSink, log: Logger): Sink {
  const name = sinkName(options);
  try {
    switch (options.type) {
      case "syslog": {
        const tls = options.tls === true ? {} : options.tls;
        const port = options.port ?? (tls === false ? 514 : 6514);
        const { host, format, facility, appName } = options;
        return new SyslogSink({ name, host, port, tls: defined(tls), format, facility, appName });
      }
      case "webhook": {
        const { url, headers, format, timeoutMs, caFile } = options;
        return new WebhookSink({
          name,
          url,
          headers,
          format,
          timeoutMs,
          ...(caFile === undefined ? {} : { caFile }),
          refused: (seq, status) => log.error({ sink: name, seq, status }, "An audit record was refused for good"),
        });
      }
      case "log":
        return new ServerLogSink(name, log, options.level, options.format);
    }
  } catch (error) {
    throw new SetupError("ERR_SLUICE_AUDIT_LOG", `Audit sink ${name}: ${reasonOf(error)}`, { cause: error });
  }
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function defined<T extends object>(given: T | false): Defined<T> | false {
  if (given === false) return false;
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Defined<T>;
}
