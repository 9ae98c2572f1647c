/** How many may wait for one name. A client has few connections; more is an attack. */
const maxWaiting = 100;

interface Line {
  tail: Promise<void>;
  length: number;
}

/** Lets the attempts of one user through one by one, so that none is counted against another that is still being looked at. */
export class Turns {
  readonly #lines = new Map<string, Line>();

  /** Runs `work` when what came before has settled. @throws Error where too many wait */
  async take<T>(name: string, work: () => Promise<T>): Promise<T> {
    const line = this.#lines.get(name) ?? { tail: Promise.resolve(), length: 0 };
    if (line.length >= maxWaiting) throw new Error("Too many attempts of one user wait");
    this.#lines.set(name, line);
    line.length += 1;
    const turn = line.tail.then(work);
    line.tail = turn.then(
      () => undefined,
      () => undefined,
    );
    try {
      return await turn;
    } finally {
      line.length -= 1;
      if (line.length === 0) this.#lines.delete(name);
    }
  }
}
