import type { SftpPath } from "@sluice/core";

/** Where something is: its path, and what tells it from what others have by that path. */
export interface Place {
  readonly path: SftpPath;
  readonly place: string;
}

interface Change {
  readonly at: readonly Place[];
  readonly covers: (place: Place) => boolean;
  readonly over: Promise<void>;
}

/** One change at a time to what is at a place, in the order in which they came. Who moves a folder is alone with all that is in it. */
export class Places {
  readonly #changes = new Set<Change>();

  /** @param covers what else must not change meanwhile */
  async alone<T>(
    at: readonly Place[],
    work: () => Promise<T>,
    covers: (place: Place) => boolean = () => false,
  ): Promise<T> {
    let done = (): void => {};
    const over = new Promise<void>((resolve) => {
      done = resolve;
    });
    const mine = { at, covers, over };
    const before = [...this.#changes].filter((other) => meet(mine, other));
    this.#changes.add(mine);
    try {
      // Each waits for those that came earlier, and for none that came later: nobody waits for each other.
      for (const change of before) await change.over;
      return await work();
    } finally {
      this.#changes.delete(mine);
      done();
    }
  }
}

function meet(a: Change, b: Change): boolean {
  return (
    a.at.some(({ place }) => b.at.some((other) => other.place === place)) || a.at.some(b.covers) || b.at.some(a.covers)
  );
}
