import { SftpError, type Attributes, type OwnerNames } from "@sluice/core";

/** Who the numbers are. A tree in memory has no user database, so the names come from the options. */
export class Owners {
  readonly #users: Register;
  readonly #groups: Register;

  constructor(users: Readonly<Record<string, number>>, groups: Readonly<Record<string, number>>) {
    this.#users = registerOf(users);
    this.#groups = registerOf(groups);
  }

  names(uids: readonly number[], gids: readonly number[]): OwnerNames {
    return {
      users: uids.map((uid) => this.#users.names.get(uid)),
      groups: gids.map((gid) => this.#groups.names.get(gid)),
    };
  }

  /**
   * The attributes with owners by number: from version 4 on, clients send names.
   *
   * @throws SftpError `ownerInvalid` or `groupInvalid` for a name that nobody has.
   */
  byNumber(attributes: Attributes): Attributes {
    const { owner, group, ...numbered } = attributes;
    if (owner === undefined && group === undefined) return attributes;
    const uid = owner === undefined ? numbered.uid : this.#users.ids.get(owner);
    if (owner !== undefined && uid === undefined) throw new SftpError("ownerInvalid", "No such user");
    const gid = group === undefined ? numbered.gid : this.#groups.ids.get(group);
    if (group !== undefined && gid === undefined) throw new SftpError("groupInvalid", "No such group");
    return { ...numbered, ...(uid !== undefined && { uid }), ...(gid !== undefined && { gid }) };
  }
}

interface Register {
  readonly ids: ReadonlyMap<string, number>;
  readonly names: ReadonlyMap<number, string>;
}

function registerOf(record: Readonly<Record<string, number>>): Register {
  const entries = Object.entries(record);
  return { ids: new Map(entries), names: new Map(entries.map(([name, id]) => [id, name])) };
}
