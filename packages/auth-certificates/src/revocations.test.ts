import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { capturedLog } from "@sluice/testing";
import { expect, it, onTestFinished } from "vitest";
import { certificateOf, temporaryDirectory } from "../test/support.ts";
import { openRevocations } from "./revocations.ts";

it("A list that is being written in place lets nobody in who was revoked; a comment says that nobody is", async () => {
  const path = join(await temporaryDirectory(), "revoked");
  await writeFile(path, "");
  const revocations = await openRevocations(path, capturedLog(), 60_000);
  onTestFinished(() => revocations.close());
  const why = async (): Promise<string | undefined> => (await revocations.current()).why(certificateOf({ serial: 7n }));
  expect(await why()).toBeUndefined();
  await writeFile(path, "serial: 7\n");
  expect(await why()).toBe("its serial");
  await writeFile(path, "");
  expect(await why()).toBe("its serial");
  await writeFile(path, "# nobody\n");
  expect(await why()).toBeUndefined();
});
