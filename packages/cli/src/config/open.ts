import { createServer, type LogOptions, type Server } from "@sluice/core";
import { dirname } from "node:path";
import { Failure, isSetupError, reasonOf, usersFileLines } from "../failure.ts";
import { assemble, type Assembled } from "./assemble.ts";
import { findConfig, loadConfig } from "./load.ts";
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
 * @throws Failure that says which part of the configuration the server refused
 */
export async function makeServer(assembled: Assembled, log?: LogOptions): Promise<Server> {
  return located(assembled, async () => {
    const server = createServer(log === undefined ? assembled.options : { ...assembled.options, log });
    try {
      server.register(...assembled.plugins);
      for (const mount of assembled.mounts) server.mount(mount.path, mount.source);
      await server.ready();
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
    throw new Failure(renderProblems(assembled.source, [setupProblem(error, assembled)]), error);
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

/** The server's own message, with the part of the configuration that it is about. */
function setupProblem(error: Error & { readonly code: string }, { source, plugins, mounts }: Assembled): Problem {
  const [, option, what] = /^([a-z]\w*(?:\.\w+)*): (.*)$/is.exec(error.message) ?? [];
  const named = option?.split(".").map((part) => (/^\d+$/.test(part) ? Number(part) : part)) ?? [];
  if (what !== undefined && named[0] !== undefined && Object.hasOwn(Object(source.value), named[0])) {
    return { path: named, message: what };
  }
  const key = keyOfCode[error.code];
  const name = /^(?:Plugin|Mount) "([^"]+)"/.exec(error.message)?.[1];
  const index =
    key === "plugins"
      ? plugins.findLastIndex((plugin) => plugin.name === name)
      : key === "mounts"
        ? mounts.findLastIndex((mount) => mount.path === name)
        : -1;
  const path = key === undefined ? [] : index < 0 ? [key] : [key, index];
  return { path, message: error.message };
}
