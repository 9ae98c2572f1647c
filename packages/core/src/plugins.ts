import { withDeadline } from "./deadline.ts";
import { SetupError } from "./errors.ts";
import { optionsError, type Plugin, type PluginHost } from "./plugin.ts";

const setupLimitMs = 10_000;

/** Checks that names are unique and that what a plugin requires is listed before it. */
export function checkOrder(plugins: readonly Plugin[]): void {
  const seen = new Set<string>();
  for (const { name, requires } of plugins) {
    if (!/^[a-z0-9][a-z0-9._-]*$/.test(name)) {
      throw new SetupError("ERR_SLUICE_PLUGIN_NAME", `Plugin "${name}": a name of a-z, 0-9, dots and dashes is needed`);
    }
    if (seen.has(name)) throw new SetupError("ERR_SLUICE_PLUGIN_NAME", `Plugin "${name}" is registered twice`);
    for (const needed of requires) {
      if (seen.has(needed)) continue;
      const listed = plugins.some((other) => other.name === needed);
      throw new SetupError(
        "ERR_SLUICE_PLUGIN_REQUIRES",
        `Plugin "${name}" needs "${needed}": ${listed ? "list that one first" : "register that one too"}`,
      );
    }
    seen.add(name);
  }
}

/** Checks a plugin's options and lets it register. Errors name the plugin. */
export async function setUp(plugin: Plugin, host: PluginHost): Promise<void> {
  const { name } = plugin;
  let issues: Awaited<ReturnType<Plugin["validate"]>>;
  try {
    issues = await plugin.validate();
    if (issues.length === 0) {
      await withDeadline(plugin.setup(host), setupLimitMs, `it took longer than ${setupLimitMs / 1000} s`);
    }
  } catch (error) {
    throw blame(name, error);
  }
  if (issues.length > 0) {
    throw new SetupError("ERR_SLUICE_PLUGIN_OPTIONS", `Plugin ${optionsError(name, issues).message}`, { issues });
  }
}

/** The same error, with the plugin's name in it. */
function blame(name: string, error: unknown): SetupError {
  const reason = error instanceof Error ? error.message : String(error);
  if (!SetupError.is(error)) {
    const message = `Plugin "${name}" failed to set up: ${reason}`;
    return new SetupError("ERR_SLUICE_PLUGIN_SETUP", message, { cause: error });
  }
  if (reason.includes(`"${name}"`)) return error;
  return new SetupError(error.code, `Plugin "${name}": ${reason}`, { cause: error, issues: error.issues });
}
