import type { Extension } from "../extension.ts";
import { Reader } from "../protocol/reader.ts";
import { Writer } from "../protocol/writer.ts";

const name = "users-groups-by-id@openssh.com";

/** Names of users and groups by number, for listings; an unknown one is empty (OpenSSH PROTOCOL, section 4.11). */
export const usersGroupsById: Extension<"extended"> = {
  name,
  operation: "extended",
  // Both fields are read here as well, so that a malformed packet is refused before any guard judges it.
  decode: ({ reader }) => {
    const users = reader.bytes();
    const groups = reader.bytes();
    return { name, data: new Writer(users.length + groups.length + 8).bytes(users).bytes(groups).finish() };
  },
  async answer(ctx) {
    const reader = new Reader(ctx.request.data);
    const users = numbers(reader.bytes());
    const groups = numbers(reader.bytes());
    const names = await ctx.session.fs.ownerNames?.(users, groups);
    return new Writer().bytes(strings(users, names?.users)).bytes(strings(groups, names?.groups)).finish();
  },
};

function numbers(bytes: Buffer): number[] {
  const reader = new Reader(bytes);
  const all: number[] = [];
  while (reader.remaining > 0) all.push(reader.u32());
  return all;
}

function strings(ids: readonly number[], names: readonly (string | undefined)[] | undefined): Buffer {
  const writer = new Writer();
  for (let i = 0; i < ids.length; i++) writer.text(names?.[i] ?? "");
  return writer.finish();
}
