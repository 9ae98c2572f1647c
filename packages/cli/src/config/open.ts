import { createServer, type LogOptions, type Server } from "@sluice/core";
import { dirname } from "node:path";
import { Failure, isSetupError, reasonOf, usersFileLines, type SetupFailure } from "../failure.ts";
import { assemble, type Assembled } from "./assemble.ts";
import { findConfig, loadConfig } from "./load.ts";
import { isPlugin, problemsOf } from "./schema.ts";
import { renderProblems, type Problem } from "./source.ts";

/**
 * Finds, reads and checks the configuration. The process changes to the file's directory first, so that every relative path in it,
 * those of plugins' options too, is relative to the file.
 *
 * @throws Failure with a line for each thing wrong
 */
export async function openConfig(named: string | undefined): Promise<Assembled> {
  const config = await findConfig(named, process.cwd());
  try {
    process.chdir(dirname(config.file));
  } catch (error) {
    throw new Failure(`${config.shown}: ${reasonOf(error)}; check the path of the configuration`, error);
  }
  return assemble(await loadConfig(config));
}

/**
 * Puts the server together and sets its plugins up; it does not listen yet. The caller closes it.
 *
 * @param log in place of what the configuration says
 * @param start `rehearse`: it will not serve, and may be made beside one that does
 * @throws Failure that says which part of the configuration the server refused
 */
export async function makeServer(
  assembled: Assembled,
  log?: LogOptions,
  start: "ready" | "rehearse" = "ready",
): Promise<Server> {
  return located(assembled, async () => {
    const server = createServer(log === undefined ? assembled.options : { ...assembled.options, log });
    try {
      server.register(...assembled.plugins);
      for (const mount of assembled.mounts) server.mount(mount.path, mount.source);
      await server[start]();
      return server;
    } catch (error) {
      await server.close({ graceMs: 0 });
      throw error;
    }
  });
}

/** Runs a step of starting; what the server refuses is told with its position in the configuration. */
export async function located<T>(assembled: Assembled, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (!isSetupError(error)) throw error;
    const lines = usersFileLines(error);
    if (lines !== undefined) throw new Failure(lines, error);
    throw new Failure(renderProblems(assembled.source, setupProblems(error, assembled)), error);
  }
}

const keyOfCode: Readonly<Record<string, string>> = {
  ERR_SLUICE_AUTH_POLICY: "auth",
  ERR_SLUICE_HOST_KEY: "hostKeys",
  ERR_SLUICE_LISTEN: "listen",
  ERR_SLUICE_MOUNT: "mounts",
  ERR_SLUICE_PLUGIN_NAME: "plugins",
  ERR_SLUICE_PLUGIN_REQUIRES: "plugins",
  ERR_SLUICE_PLUGIN_SETUP: "plugins",
};

/** The server's own messages, each with the part of the configuration that it is about. */
function setupProblems(error: SetupFailure, assembled: Assembled): Problem[] {
  const { message, issues } = error;
  const { value } = assembled.source;
  const [prefix = "", kind, name] = /^(Plugin|Mount) "([^"]+)"(?:(?: failed to set up)?: )?/.exec(message) ?? [];
  const place = kind === undefined ? undefined : componentPath(kind, name, assembled);
  if (place === undefined) {
    const key = keyOfCode[error.code];
    return [optionProblem(value, [], message) ?? { path: key === undefined ? [] : [key], message }];
  }
  const options = place.reduce((at, part) => Object(at)[part] as unknown, value);
  const own = message.slice(prefix.length);
  if (issues.length > 0) return problemsOf(issues).map((each) => ({ ...each, path: [...place, ...each.path] }));
  return [optionProblem(options, place, own) ?? { path: place.slice(0, 2), message }];
}

/** A message that begins with the path of an option which is there. */
function optionProblem(options: unknown, place: readonly PropertyKey[], message: string): Problem | undefined {
  const [, option, what] = /^([a-z]\w*(?:\.\w+)*): (.*)$/s.exec(message) ?? [];
  if (option === undefined || what === undefined) return undefined;
  const path = option.split(".").map((part) => (/^\d+$/.test(part) ? Number(part) : part));
  const [first] = path;
  if (first === undefined || !Object.hasOwn(Object(options), first)) return undefined;
  return { path: [...place, ...path], message: what };
}

/** Where the options of a plugin or file system are, as far as they are somewhere. */
function componentPath(kind: string, name: string | undefined, { source, plugins, mounts }: Assembled): PropertyKey[] {
  if (kind === "Mount") return ["mounts", ...indexed(mounts.findLastIndex((mount) => mount.path === name))];
  const index = plugins.findLastIndex((plugin) => plugin.name === name);
  const entry: unknown = Object((source.value as { plugins?: unknown }).plugins)[index];
  const isNamed = typeof entry === "object" && entry !== null && !isPlugin(entry);
  return ["plugins", ...indexed(index), ...(isNamed ? Object.keys(entry).slice(0, 1) : [])];
}

function indexed(index: number): number[] {
  return index < 0 ? [] : [index];
}
