import "reflect-metadata/lite";
import { container as root, type DependencyContainer } from "tsyringe";
import { callAll } from "./closing.ts";
import { SetupError } from "./errors.ts";
import type { Token } from "./token.ts";

/** How long a service lives, and who shares it. */
export type ServiceScope = "server" | "connection";

/**
 * What plugins share: one pool, one clock, one ledger. Resolve in `setup`, `onConnection` or `onSession` and keep the value in
 * a closure; nothing resolves while a request waits.
 */
export interface Services {
  /** The service of that token, made on first use. @throws SetupError `ERR_SLUICE_SERVICE` where nobody provides it here. */
  get<T>(key: Token<T>): T;
  has(key: Token<unknown>): boolean;
  /**
   * Says how to make a service. The first `provide` of a name wins over defaults that ask `has` before, and a second one is refused.
   * What has a `close` method is closed with its scope, last made first.
   */
  provide<T>(key: Token<T>, make: (services: Services) => T, scope?: ServiceScope): void;
}

interface Recipe {
  readonly make: (services: Services) => unknown;
  readonly scope: ServiceScope;
  /** A default of core: it gives way to a plugin's, until somebody uses it. */
  readonly yields?: boolean;
}

/** The services of a server, or of one connection. Backed by a tsyringe container of its own. */
export class ServiceContainer implements Services {
  readonly #container: DependencyContainer;
  readonly #recipes: Map<symbol, Recipe>;
  readonly #parent: ServiceContainer | undefined;
  readonly #made: unknown[] = [];
  readonly #making = new Set<symbol>();

  constructor(parent?: ServiceContainer) {
    this.#parent = parent;
    this.#container = parent === undefined ? root.createChildContainer() : parent.#container.createChildContainer();
    this.#recipes = parent === undefined ? new Map() : parent.#recipes;
  }

  get<T>(key: Token<T>): T {
    const recipe = this.#recipes.get(key.key);
    if (recipe === undefined) {
      throw new SetupError(
        "ERR_SLUICE_SERVICE",
        `No plugin provides the service "${key.name}"; list the plugin that does`,
      );
    }
    const owner = recipe.scope === "server" ? (this.#parent ?? this) : this;
    if (recipe.scope === "connection" && this.#parent === undefined) {
      throw new SetupError(
        "ERR_SLUICE_SERVICE",
        `The service "${key.name}" exists once per connection; ask for it in onConnection or onSession`,
      );
    }
    return owner.#resolve(key, recipe);
  }

  has(key: Token<unknown>): boolean {
    return this.#recipes.has(key.key);
  }

  provide<T>(key: Token<T>, make: (services: Services) => T, scope: ServiceScope = "server"): void {
    const known = this.#recipes.get(key.key);
    if (known !== undefined && known.yields !== true) {
      throw new SetupError("ERR_SLUICE_SERVICE", `The service "${key.name}" is provided twice`);
    }
    const owner = this.#parent ?? this;
    if (known !== undefined && owner.#container.isRegistered(key.key)) {
      throw new SetupError(
        "ERR_SLUICE_SERVICE",
        `The service "${key.name}" is in use already; list the plugin that provides it before those that use it`,
      );
    }
    this.#recipes.set(key.key, { make, scope });
  }

  /** Provides what applies where no plugin provides another. */
  provideDefault<T>(key: Token<T>, make: (services: Services) => T): void {
    this.#recipes.set(key.key, { make, scope: "server", yields: true });
  }

  /** The services of one connection: its own instances of scope `connection`, the server's of the rest. */
  child(): ServiceContainer {
    return new ServiceContainer(this.#parent ?? this);
  }

  /** Closes what this scope made, last made first. @throws AggregateError of what failed to close. */
  async close(): Promise<void> {
    const made = this.#made.splice(0).reverse();
    try {
      await callAll(made.map((value) => () => closeOf(value)?.()));
    } finally {
      this.#container.reset();
    }
  }

  // A cached factory registered server-wide but first resolved in a connection would keep that connection's values, so the
  // owner resolves, in its own container, and caches what was made as a plain value.
  #resolve<T>(key: Token<T>, recipe: Recipe): T {
    if (this.#container.isRegistered(key.key)) return this.#container.resolve<{ value: T }>(key.key).value;
    if (this.#making.has(key.key)) {
      throw new SetupError("ERR_SLUICE_SERVICE", `The service "${key.name}" needs itself`);
    }
    this.#making.add(key.key);
    try {
      const value = recipe.make(this) as T;
      // In a box: to tsyringe, a provider of `undefined` or `null` is no provider.
      this.#container.register(key.key, { useValue: { value } });
      this.#made.push(value);
      return value;
    } finally {
      this.#making.delete(key.key);
    }
  }
}

function closeOf(value: unknown): (() => unknown) | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { close } = value as { close?: unknown };
  return typeof close === "function" ? () => Reflect.apply(close, value, []) as unknown : undefined;
}
