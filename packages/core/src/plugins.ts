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
  const issues = await plugin.validate();
  if (issues.length > 0) {
    const error = optionsError(name, issues);
    throw new SetupError("ERR_SLUICE_PLUGIN_OPTIONS", `Plugin ${error.message}`, { issues });
  }
  try {
    await withDeadline(plugin.setup(host), setupLimitMs, `it took longer than ${setupLimitMs / 1000} s`);
  } catch (error) {
    if (error instanceof Error && error.name === "SetupError") throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new SetupError("ERR_SLUICE_PLUGIN_SETUP", `Plugin "${name}" failed to set up: ${reason}`, { cause: error });
  }
}
