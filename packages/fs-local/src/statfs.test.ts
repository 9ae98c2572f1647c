import fs from "node:fs";
import { describe, expect, it } from "vitest";
import { at, forUpload, makeGround, refusal, variants } from "../test/fixture.ts";

describe.each(variants)("sizes of the file system $title", (variant) => {
  it("are those of the disk below the path", async () => {
    const ground = await makeGround(variant);
    try {
      const host = fs.statfsSync(ground.root);
      fs.writeFileSync(ground.host("f"), "");
      const handle = await ground.fs.open(at("/up"), forUpload, {});
      for (const path of ["/", "/f", "/up"]) {
        expect(await ground.fs.statfs!(at(path))).toMatchObject({
          blockSize: host.bsize,
          fragmentSize: host.bsize,
          blocks: host.blocks,
          files: host.files,
          readOnly: false,
          maxNameLength: 255,
        });
      }
      await handle.close("aborted");
      expect(await refusal(ground.fs.statfs!(at("/missing")))).toBe("noSuchFile");
    } finally {
      await ground.cleanUp();
    }
  });
});
