import type { Logger } from "@sluice/core";
import { cefOf } from "./cef.ts";
import { ecsOf } from "./ecs.ts";
import type { Format } from "./format.ts";
import type { Entry, Sink } from "./sink.ts";

/** Writes records into the server's own log, under `audit`. */
export class ServerLogSink implements Sink {
  readonly name: string;
  readonly #write: (fields: object) => void;
  readonly #format: Format;

  constructor(name: string, log: Logger, level: "debug" | "info" | "warn", format: Format) {
    this.name = name;
    this.#write = (fields) => log[level](fields, "Audit");
    this.#format = format;
  }

  deliver(entries: readonly Entry[]): Promise<void> {
    for (const { record } of entries) this.#write({ audit: this.#told(record) });
    return Promise.resolve();
  }

  close(): void {
    // The log is the server's.
  }

  #told(record: Entry["record"]): unknown {
    switch (this.#format) {
      case "json":
        return record;
      case "ecs":
        return ecsOf(record);
      case "cef":
        return cefOf(record);
    }
  }
}
