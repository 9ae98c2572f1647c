import { z } from "zod";
import { recordSchema } from "./record.ts";

/** The published schema, as text: what `schema/record.v1.json` holds. */
export function publishedSchema(): string {
  return `${JSON.stringify(z.toJSONSchema(recordSchema, { target: "draft-2020-12" }), null, 2)}\n`;
}
