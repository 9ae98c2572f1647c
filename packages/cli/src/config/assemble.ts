import {
  readHostKey,
  type FileSystemSource,
  type HostKeyInput,
  type ListenOptions,
  type Plugin,
  type ServerOptions,
} from "@sluice/core";
import { accessSync, constants, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { Failure, firstLine, isSetupError, reasonOf } from "../failure.ts";
import { ComponentError, loadFactory } from "./component.ts";
import type { Config, MountConfig, PluginConfig } from "./config.ts";
import { checkConfig, isPlugin, problemsOf } from "./schema.ts";
import { settle, type Checked } from "./settle.ts";
import { locate, renderProblems, type Located, type Problem, type Source } from "./source.ts";

/** Everything that a configuration asks for, checked, and nothing of it started. */
export interface Assembled {
  readonly source: Source;
  readonly options: ServerOptions;
  readonly listen: readonly ListenOptions[];
  readonly plugins: readonly Plugin[];
  readonly mounts: readonly { readonly path: string; readonly source: FileSystemSource }[];
}

/**
 * Checks a configuration as a whole: its shape, its host keys, the options of every plugin and file system.
 *
 * @throws Failure with a line for each thing wrong
 */
export async function assemble(source: Source): Promise<Assembled> {
  const shape = await settle(source.value, source.located, async (value) => ({
    problems: checkConfig(value),
    result: value,
  }));
  const problems = [...source.problems, ...shape.problems.filter(({ path }) => isSound(source.problems, path))];
  // What has the right shape is checked further even where other parts have not, so that all mistakes are told at once.
  const sound = (key: string): [number, unknown][] => {
    return entriesOf(shape.result, key).filter(([i]) => isSound(problems, [key, i]));
  };
  const found: Problem[] = [];
  for (const [i, key] of sound("hostKeys")) found.push(...hostKeyProblems(key as HostKeyInput, ["hostKeys", i]));
  const plugins: Plugin[] = [];
  for (const [i, entry] of sound("plugins")) {
    const checked = await checkPlugin(source, entry as PluginConfig, ["plugins", i]);
    found.push(...checked.problems);
    if (checked.result !== undefined) plugins.push(checked.result);
  }
  const mounts: { path: string; source: FileSystemSource }[] = [];
  for (const [i, entry] of sound("mounts")) {
    const mount = entry as MountConfig;
    const checked = await checkMount(source, mount, ["mounts", i]);
    found.push(...checked.problems);
    if (checked.result !== undefined) mounts.push({ path: mount.path, source: checked.result });
  }
  const config = shape.result as Config;
  if (isSound(problems, ["log"])) found.push(...logProblems(config.log));
  if (problems.length + found.length > 0) throw new Failure(renderProblems(source, [...problems, ...found]));
  const { listen = {}, plugins: _plugins, mounts: _mounts, ...options } = config;
  return { source, options, listen: [listen].flat().map(addressOf), plugins, mounts };
}

function entriesOf(config: unknown, key: string): [number, unknown][] {
  const list = (config as Partial<Record<string, unknown>> | null)?.[key];
  return Array.isArray(list) ? [...list.entries()] : [];
}

/** Whether nothing is wrong with a value or in it, nor with all that it is in. */
function isSound(problems: readonly Problem[], path: readonly PropertyKey[]): boolean {
  return !problems.some(({ path: wrong }) => {
    return path.every((part, i) => i >= wrong.length || part === wrong[i]);
  });
}

function addressOf(listen: number | ListenOptions): ListenOptions {
  return typeof listen === "number" ? { port: listen } : listen;
}

function hostKeyProblems(key: HostKeyInput, path: readonly PropertyKey[]): Problem[] {
  try {
    readHostKey(key);
    return [];
  } catch (error) {
    return [{ path, message: firstLine(error) }];
  }
}

/** The file is not made yet: checking leaves nothing behind. */
function logProblems(log: Config["log"]): Problem[] {
  if (log === undefined || !("destination" in log) || typeof log.destination !== "string") return [];
  try {
    checkWritable(resolve(log.destination), "file");
    return [];
  } catch (error) {
    return [{ path: ["log", "destination"], message: `cannot be written: ${reasonOf(error)}` }];
  }
}

/** Asks of the file, or of the nearest directory above that exists, in which it would be made. */
function checkWritable(path: string, kind: "file" | "directory"): void {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) {
    checkWritable(dirname(path), "directory");
    return;
  }
  if (kind === "file" && stats.isDirectory()) throw new Error("is a directory");
  if (kind === "directory" && !stats.isDirectory()) throw new Error(`${path} is not a directory`);
  accessSync(path, constants.W_OK);
}

async function checkPlugin(
  source: Source,
  entry: PluginConfig,
  path: readonly PropertyKey[],
): Promise<Checked<Plugin | undefined>> {
  if (isPlugin(entry)) {
    const plugin = entry as Plugin;
    return { problems: problemsOf(await plugin.validate()).map((problem) => within(path, problem)), result: plugin };
  }
  const [name, options] =
    typeof entry === "string" ? [entry, undefined] : (Object.entries(entry)[0] ?? ["", undefined]);
  const optionsPath = typeof entry === "string" ? path : [...path, name];
  return component(path, async () => {
    const factory = await loadFactory("plugin", name, dirname(source.file));
    const checked = await settle(options ?? undefined, exactly(source.located, optionsPath), async (value) => {
      const plugin = factory(value);
      return { problems: problemsOf(await plugin.validate()), result: plugin };
    });
    const problems = checked.problems.map((problem) => {
      const wanting = options === undefined && problem.path.length === 0;
      return within(optionsPath, wanting ? { ...problem, message: `${name}: needs options; see its README` } : problem);
    });
    return { ...checked, problems };
  });
}

async function checkMount(
  source: Source,
  mount: MountConfig,
  path: readonly PropertyKey[],
): Promise<Checked<FileSystemSource | undefined>> {
  const { use, options } = mount;
  const optionsPath = [...path, "options"];
  if (typeof use !== "string") {
    if (options === undefined) return { problems: [], result: use };
    return failed({ path: optionsPath, message: "are for a file system that is named; give them where it is made" });
  }
  return component([...path, "use"], async () => {
    const factory = await loadFactory("file system", use, dirname(source.file));
    const checked = await settle(options ?? undefined, exactly(source.located, optionsPath), async (value) => {
      try {
        return { problems: [], result: factory(value) };
      } catch (error) {
        if (!isSetupError(error)) throw error;
        const problems = error.issues.length > 0 ? problemsOf(error.issues) : [{ path: [], message: error.message }];
        return { problems, result: undefined };
      }
    });
    return { ...checked, problems: checked.problems.map((problem) => within(optionsPath, problem)) };
  });
}

async function component<T>(
  path: readonly PropertyKey[],
  check: () => Promise<Checked<T | undefined>>,
): Promise<Checked<T | undefined>> {
  try {
    return await check();
  } catch (error) {
    const message = error instanceof ComponentError ? error.message : `cannot be made: ${firstLine(error)}`;
    return failed({ path, message });
  }
}

function failed(problem: Problem): Checked<undefined> {
  return { problems: [problem], result: undefined };
}

function within(path: readonly PropertyKey[], problem: Problem): Problem {
  return { ...problem, path: [...path, ...problem.path] };
}

/** The positions of a value that is really there. */
function exactly(root: Located | undefined, path: readonly PropertyKey[]): Located | undefined {
  const parent = locate(root, path.slice(0, -1));
  const last = path.at(-1);
  return last === undefined ? root : parent?.children.get(last);
}
