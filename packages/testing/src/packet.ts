import { Writer } from "@sluice/core/protocol";

/**
 * A packet with its length in front, for `SftpClient.raw` and for channels.
 *
 * @param type as in `SSH_FXP` of `@sluice/core/protocol`
 * @param write writes what follows the type: the id, then the fields
 * @example
 * const [reply] = await client.raw(packet(SSH_FXP.STAT, (writer) => writer.u32(0x8000_0001).text("/motd")));
 */
export function packet(type: number, write: (writer: Writer) => void = () => {}): Buffer {
  const writer = new Writer().u32(0).u8(type);
  write(writer);
  writer.patchU32(0, writer.length - 4);
  return writer.finish();
}
