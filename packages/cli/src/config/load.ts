import { cosmiconfig } from "cosmiconfig";
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { Failure, reasonOf } from "../failure.ts";
import { parseText } from "./document.ts";
import { loadModule } from "./module.ts";
import { renderProblems, type Source } from "./source.ts";

const places = ["ts", "mjs", "js", "yaml", "yml", "json"].map((extension) => `sluice.config.${extension}`);
const maxConfigBytes = 1024 * 1024;

/** A configuration file that exists. */
export interface ConfigFile {
  readonly file: string;
  readonly shown: string;
}

/**
 * The configuration file: the one that was named, else the one of this directory. Nothing is looked for further up: what is found
 * may be executed.
 *
 * @throws Failure when there is none, or more than one
 */
export async function findConfig(named: string | undefined, directory: string): Promise<ConfigFile> {
  if (named !== undefined) return { file: resolve(directory, named), shown: named };
  const names = await readdir(directory).catch((error: unknown) => {
    throw new Failure(`${directory}: ${reasonOf(error)}`, error);
  });
  const found = places.filter((place) => names.includes(place));
  const [only, ...others] = found;
  if (only === undefined) {
    throw new Failure(
      `no configuration in ${directory}: name a directory to share, write sluice.config.yaml, or give --config FILE`,
    );
  }
  if (others.length > 0) {
    throw new Failure(`several configurations in ${directory}: ${found.join(", ")}; keep one, or give --config FILE`);
  }
  return { file: join(directory, only), shown: only };
}

/**
 * Reads a configuration file: YAML and JSON with positions and expanded texts, TypeScript and JavaScript by running them.
 *
 * @throws Failure when it is not there, or no YAML, JSON or program
 */
export async function loadConfig(config: ConfigFile, environment: NodeJS.ProcessEnv = process.env): Promise<Source> {
  const { file, shown } = config;
  const stats = await stat(file).catch((error: unknown) => {
    throw new Failure(`${shown}: ${reasonOf(error)}; check the path of the configuration`, error);
  });
  if (!stats.isFile()) throw new Failure(`${shown}: is not a file; --config needs a file`);
  if (stats.size > maxConfigBytes) {
    throw new Failure(`${shown}: is larger than 1 MiB, the most that a configuration may have`);
  }
  const text = (path: string, content: string): Source => {
    const { isWhole, ...parsed } = parseText(content, dirname(path), environment);
    const source = { file, shown, ...parsed };
    if (!isWhole) throw new Failure(renderProblems(source, source.problems));
    return source;
  };
  const module = async (path: string, content: string): Promise<Source> => ({
    file,
    shown,
    value: await loadModule(path, content, shown),
    secrets: [],
    problems: [],
  });
  const loaders = { ".yaml": text, ".yml": text, ".json": text, ".ts": module, ".mjs": module, ".js": module };
  const extension = /\.[^.]*$/.exec(basename(file))?.[0] ?? "";
  if (!(extension in loaders)) {
    throw new Failure(`${shown}: a configuration is a file that ends in ${Object.keys(loaders).join(", ")}`);
  }
  const loaded = await explorerOf(loaders)
    .load(file)
    .catch((error: unknown) => {
      if (error instanceof Failure) throw error;
      throw new Failure(`${shown}: ${reasonOf(error)}`, error);
    });
  if (loaded === null || loaded.isEmpty === true) throw new Failure(`${shown}: is empty`);
  return loaded.config as Source;
}

type Loader = (path: string, content: string) => Source | Promise<Source>;

function explorerOf(loaders: Readonly<Record<string, Loader>>): ReturnType<typeof cosmiconfig> {
  // cosmiconfig() first looks for a configuration of its own in the current directory, which may add files to read and is executed
  // when it is `.config/config.js`. Ours is the only file that may run, so it looks where there is nothing.
  const directory = process.cwd();
  process.chdir(import.meta.dirname);
  try {
    return cosmiconfig("sluice", { searchPlaces: places, searchStrategy: "none", cache: false, loaders });
  } finally {
    process.chdir(directory);
  }
}
