/** A typed name for a service or a piece of state: one identifier serves as the type and as the key. */
export interface Token<T> {
  readonly key: symbol;
  readonly name: string;
  /** Carries the type only; absent at run time. */
  readonly type?: T;
}

/**
 * Makes a token. The name appears in messages; two tokens of the same name are different tokens.
 *
 * @example
 * export interface Ledger { used(user: string): number }
 * export const Ledger: Token<Ledger> = token("quota.ledger");
 */
export function token<T>(name: string): Token<T> {
  return { key: Symbol(name), name };
}

/** What plugins attach to one request, session, connection or open file, each under a token of its own. */
export class State {
  readonly #values = new Map<symbol, unknown>();

  get<T>(key: Token<T>): T | undefined {
    return this.#values.get(key.key) as T | undefined;
  }

  set<T>(key: Token<T>, value: T): void {
    this.#values.set(key.key, value);
  }

  has(key: Token<unknown>): boolean {
    return this.#values.has(key.key);
  }

  delete(key: Token<unknown>): boolean {
    return this.#values.delete(key.key);
  }
}
