import { readFileSync, writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { publishedSchema } from "./schema.ts";

const published = new URL("../schema/record.v1.json", import.meta.url);

it("publishes the schema that records are checked with; SLUICE_UPDATE=1 writes it anew", () => {
  if (process.env["SLUICE_UPDATE"] === "1") writeFileSync(published, publishedSchema());
  expect(JSON.parse(readFileSync(published, "utf8"))).toEqual(JSON.parse(publishedSchema()));
});
