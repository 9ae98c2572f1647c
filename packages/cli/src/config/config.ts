import type { FileSystemSource, ListenOptions, Plugin, ServerOptions } from "@sluice/core";

/** A plugin: the name of its package, the same with its options, or in TypeScript the plugin itself. */
export type PluginConfig = string | Readonly<Record<string, unknown>> | Plugin;

/** A file system in the tree that clients see. */
export interface MountConfig {
  /** Where, from `/`. The longest path wins. */
  readonly path: string;
  /** The name of its package, or in TypeScript the file system itself. */
  readonly use: string | FileSystemSource;
  /** For a file system that is named. */
  readonly options?: unknown;
}

/** What a configuration file holds. */
export interface Config extends ServerOptions {
  /** Where to listen: a port, an address, or several. @default 2022 */
  readonly listen?: number | ListenOptions | readonly (number | ListenOptions)[];
  /** In the order in which they are set up. */
  readonly plugins?: readonly PluginConfig[];
  readonly mounts?: readonly MountConfig[];
}

/**
 * Types a configuration; returns it as it is.
 *
 * @example
 * // sluice.config.ts
 * import { defineConfig } from "@sluice/cli";
 * import { memoryFiles } from "@sluice/fs-memory";
 *
 * export default defineConfig({
 *   listen: 2022,
 *   hostKeys: ["./host_ed25519"],
 *   plugins: [{ "@sluice/auth-users": { file: "./users.yaml" } }],
 *   mounts: [{ path: "/", use: memoryFiles() }],
 * });
 */
export function defineConfig(config: Config): Config {
  return config;
}
