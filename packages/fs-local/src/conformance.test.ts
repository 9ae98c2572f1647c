import { fileSystemSuite, runSuite } from "@sluice/testing";
import { describe, it } from "vitest";
import { makeGround, variants } from "../test/fixture.ts";

for (const variant of variants) {
  const cases = fileSystemSuite({
    create: async () => {
      const ground = await makeGround(variant);
      return { fs: ground.fs, close: () => ground.cleanUp() };
    },
  });
  runSuite(`a local directory, ${variant.title}`, cases, { describe, it });
}
