import { visible } from "../line.ts";
import { cefOf } from "./cef.ts";
import { ecsOf } from "./ecs.ts";
import type { Entry } from "./sink.ts";

/** How records are told to others. */
export type Format = "json" | "ecs" | "cef";

/** A record as one line of text, without control characters. */
export function lineOf(entry: Entry, format: Format): string {
  switch (format) {
    case "json":
      return entry.line;
    case "ecs":
      return visible(JSON.stringify(ecsOf(entry.record)));
    case "cef":
      return cefOf(entry.record);
  }
}
