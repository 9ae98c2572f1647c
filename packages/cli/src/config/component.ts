import type { FileSystemSource, Plugin } from "@sluice/core";
import { resolve } from "node:path";
import { describeLoadError, importFile, resolveImport } from "./module.ts";

/** What packages are asked for by a configuration. */
export interface Factories {
  readonly plugin: (options?: unknown) => Plugin;
  readonly "file system": (options?: unknown) => FileSystemSource;
}

const marks = { plugin: "pluginName", "file system": "fileSystemName" } as const;
const elsewhere = { plugin: "file system", "file system": "plugin" } as const;
const places = { plugin: "plugins", "file system": "mounts" } as const;

/** A component that cannot be had. The message begins with the package's name. */
export class ComponentError extends Error {}

/**
 * Imports the factory that a package exports. Packages are those of the configuration's directory, else those that come with the
 * command; a name that begins with a dot or a slash is a file.
 *
 * @throws ComponentError
 */
export async function loadFactory<K extends keyof Factories>(
  kind: K,
  name: string,
  directory: string,
): Promise<Factories[K]> {
  const module = await load(name, directory);
  const found = factoriesOf(module, marks[kind]);
  const [only] = found;
  if (only === undefined) {
    const other = elsewhere[kind];
    const hint =
      factoriesOf(module, marks[other]).length > 0
        ? `it exports a ${other}, which belongs under "${places[other]}"`
        : `expected an export made by ${kind === "plugin" ? "definePlugin" : "defineFileSystem"}`;
    throw new ComponentError(`${name}: exports no ${kind}; ${hint}`);
  }
  const wanted = namesOf(name);
  const chosen = found.length === 1 ? only : found.find((factory) => wanted.includes(factory.name));
  if (chosen === undefined) {
    const names = found.map((factory) => factory.name).join(", ");
    throw new ComponentError(`${name}: exports several: ${names}; none is called "${wanted[0] ?? name}"`);
  }
  return chosen.make as Factories[K];
}

/** What a package may call its component: the last part of the package's name, with or without the kind in front. */
function namesOf(name: string): string[] {
  const last =
    name
      .split("/")
      .at(-1)
      ?.replace(/\.[cm]?[jt]s$/, "") ?? name;
  return [last, last.replace(/^(sluice-)?(auth-|fs-)?/, "")];
}

async function load(name: string, directory: string): Promise<Record<string, unknown>> {
  const path = /^(\.{0,2}\/|\.{1,2}$)/.test(name) ? resolve(directory, name) : undefined;
  try {
    if (path !== undefined) return await importFile(path);
    const url = resolveImport(name, directory) ?? resolveImport(name, import.meta.dirname);
    if (url === undefined) throw new ComponentError(`${name}: is not installed; run: npm install ${name}`);
    return (await import(url)) as Record<string, unknown>;
  } catch (error) {
    if (error instanceof ComponentError) throw error;
    throw new ComponentError(describeLoadError(error, path, name), { cause: error });
  }
}

function factoriesOf(module: Record<string, unknown>, mark: string): { name: string; make: unknown }[] {
  const makers = new Set(Object.values(module).filter((value) => typeof value === "function"));
  return [...makers].flatMap((make) => {
    const name = (make as unknown as Record<string, unknown>)[mark];
    return typeof name === "string" ? [{ name, make }] : [];
  });
}
