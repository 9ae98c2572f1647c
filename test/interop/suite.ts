import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Bench } from "./bench.ts";
import type { InteropClient } from "./client.ts";
import { scenariosOf } from "./scenarios.ts";

/** Holds a client against a server of its own, scenario by scenario. */
export function describeClient<Link>(client: InteropClient<Link>): void {
  // The runner of all tests looks for these words, to tell which suites could not run.
  const note = client.unavailable === undefined ? "" : ` (cannot run: ${client.unavailable})`;
  describe.skipIf(client.unavailable !== undefined)(`${client.name}${note}`, () => {
    let bench: Bench<Link>;

    beforeAll(async () => {
      bench = await Bench.open(client);
    });

    afterAll(async () => {
      await bench?.close();
    });

    test.for(scenariosOf(client))("%s", async ([, run]) => {
      expect.hasAssertions();
      await run(bench, await bench.place());
    });
  });
}
