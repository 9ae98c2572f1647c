import { definePlugin, SftpError, type FileHandle } from "@sluice/core";

/** What every scanner takes for a virus, and is none: the test file of EICAR. In two parts, so that this file is not taken for it. */
export const testVirus: string = ["X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR", "STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"].join("-");

const chunkBytes = 256 * 1024;

/**
 * Looks through each upload when the client closes it, before it takes its name; what is infected is dropped, and the client reads why. It stands for a
 * real scanner, and knows the test file alone.
 */
export const scanUploads = definePlugin({
  name: "scan",
  setup(host) {
    host.use("close", async (ctx, next) => {
      const { file, outcome } = ctx.request;
      if (file.kind === "file" && file.flags.write && outcome === "completed" && (await isInfected(file.handle)))
        throw new SftpError("permissionDenied", "The file is infected and was not accepted", {
          detail: "EICAR test file",
        });
      await next();
    });
  },
});

async function isInfected(handle: FileHandle): Promise<boolean> {
  const buffer = Buffer.alloc(testVirus.length + chunkBytes);
  // The end of what was read last stays in front, for what lies across two chunks.
  let kept = 0;
  for (let position = 0; ;) {
    const bytes = await handle.read(buffer.subarray(kept), position);
    if (bytes === 0) return false;
    const end = kept + bytes;
    if (buffer.subarray(0, end).includes(testVirus)) return true;
    position += bytes;
    kept = Math.min(end, testVirus.length - 1);
    buffer.copyWithin(0, end - kept, end);
  }
}
