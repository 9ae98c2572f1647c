import { readFileSync, renameSync, writeFileSync } from "node:fs";

/** How far a follower has come. */
export interface Position {
  /** The last record that was delivered. */
  readonly seq: number;
  /** The file that it stands in, by its first record, and where it ends there. */
  readonly first: number;
  readonly offset: number;
}

/** Where a follower keeps its position, across restarts. */
export class PositionFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** `undefined` where there is none, or none that can be read. */
  read(): Position | undefined {
    try {
      const { seq, first, offset } = JSON.parse(readFileSync(this.#path, "utf8")) as Partial<Position>;
      if (![seq, first, offset].every((value) => Number.isSafeInteger(value) && (value ?? -1) >= 0)) return undefined;
      return { seq: seq ?? 0, first: first ?? 0, offset: offset ?? 0 };
    } catch {
      return undefined;
    }
  }

  /** @throws Error of the system */
  write(position: Position): void {
    writeFileSync(`${this.#path}.part`, `${JSON.stringify(position)}\n`, { mode: 0o600 });
    renameSync(`${this.#path}.part`, this.#path);
  }
}
