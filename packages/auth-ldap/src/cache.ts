/** Keeps values for a while, the most recent ones where they are too many. */
export class Cache<Value> {
  readonly #most: number;
  readonly #values = new Map<string, { readonly value: Value; readonly until: number }>();

  constructor(most: number) {
    this.#most = most;
  }

  get(key: string): Value | undefined {
    const kept = this.#values.get(key);
    if (kept === undefined) return undefined;
    if (performance.now() < kept.until) return kept.value;
    this.#values.delete(key);
    return undefined;
  }

  /** 0 milliseconds keep nothing. */
  set(key: string, value: Value, ms: number): void {
    this.#values.delete(key);
    if (ms <= 0) return;
    this.#values.set(key, { value, until: performance.now() + ms });
    if (this.#values.size <= this.#most) return;
    const [oldest] = this.#values.keys();
    if (oldest !== undefined) this.#values.delete(oldest);
  }

  delete(key: string): void {
    this.#values.delete(key);
  }
}
