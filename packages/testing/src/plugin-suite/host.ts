import type { Plugin, PluginHost } from "@sluice/core";

/** What a plugin registers with. */
const registrations: ReadonlySet<PropertyKey> = new Set<keyof PluginHost>([
  "use",
  "before",
  "after",
  "divert",
  "authenticate",
  "beforeConnection",
  "beforeLogin",
  "afterLogin",
  "mount",
  "extend",
  "onConnection",
  "onSession",
  "onDisconnect",
  "onExplain",
  "onClose",
]);

/** Called at each registration, with the method's name, before it is done. */
export type Watcher = (method: string) => void;

/** The same plugin, with a watcher told of what it registers. `finished` is called when its setup has ended. */
export function watched(plugin: Plugin, watcher: Watcher, finished: () => void = () => {}): Plugin {
  return {
    name: plugin.name,
    requires: plugin.requires,
    validate: () => plugin.validate(),
    async setup(host) {
      await plugin.setup(watchedHost(host, watcher));
      finished();
    },
  };
}

function watchedHost(host: PluginHost, watcher: Watcher): PluginHost {
  return new Proxy(host, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      return (...args: unknown[]): unknown => {
        if (registrations.has(name)) watcher(String(name));
        return Reflect.apply(value, target, args);
      };
    },
  });
}
