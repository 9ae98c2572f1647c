/** The time as records have it, written out once for each millisecond. */
export class Clock {
  #ms = Number.NaN;
  #text = "";

  now(): string {
    const ms = Date.now();
    if (ms !== this.#ms) {
      this.#ms = ms;
      this.#text = new Date(ms).toISOString();
    }
    return this.#text;
  }
}
