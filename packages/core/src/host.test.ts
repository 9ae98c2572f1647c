import { describe, expect, it } from "vitest";
import { proven, type AuthMethod } from "./auth/method.ts";
import type { Extension } from "./extension.ts";
import type { FileSystem } from "./filesystem.ts";
import { Host, type Registrations } from "./host.ts";
import type { Logger } from "./log.ts";
import { Mounts } from "./mounts.ts";
import type { PluginHost } from "./plugin.ts";
import { ServiceContainer } from "./services.ts";

function registrations(): Registrations {
  return {
    steps: [],
    methods: [],
    extensions: new Map(),
    mounts: new Mounts(),
    beforeConnection: [],
    beforeLogin: [],
    afterLogin: [],
    onConnection: [],
    onSession: [],
    onDisconnect: [],
    onExplain: [],
    onClose: [],
    shut: false,
    rehearsal: false,
  };
}

const services = new ServiceContainer();
const log = {} as Logger;
const hostOf = (plugin: string, to: Registrations): Host => new Host(plugin, to, services, log);

const refused = (code: string, message: string): unknown => expect.objectContaining({ code, message });
const password = (name: string): AuthMethod<"password"> => ({ name, mechanism: "password", verify: () => proven() });
const extension = (name: string): Extension<"sync"> => ({
  name,
  operation: "sync",
  decode: (fields) => ({ file: fields.file() }),
});
const fs = {} as FileSystem;

describe("Host", () => {
  it("hands the plugin its services and its log", () => {
    expect(hostOf("quota", registrations())).toMatchObject({ services, log });
  });

  it("registers steps in their phase, for the operations named or for all, under the plugin's name", () => {
    const to = registrations();
    const host = hostOf("quota", to);
    const middleware = async (): Promise<void> => undefined;
    const guard = (): void => undefined;
    host.use(middleware);
    host.use("write", middleware);
    host.before(["write", "open"], guard);
    host.after(guard);
    host.divert("open", guard);
    const steps = to.steps.map(({ phase, operations, run }): unknown[] => [phase, operations, run]);
    expect(steps).toEqual([
      ["serve", undefined, middleware],
      ["serve", ["write"], middleware],
      ["guard", ["write", "open"], guard],
      ["observe", undefined, guard],
      ["divert", ["open"], guard],
    ]);
    expect(new Set(to.steps.map(({ plugin }) => plugin))).toEqual(new Set(["quota"]));
  });

  it("refuses an operation that does not exist, with the name that was probably meant", () => {
    const host = hostOf("quota", registrations());
    expect(() => host.before("raed" as "read", () => undefined)).toThrow(
      refused("ERR_SLUICE_PLUGIN_SETUP", 'Plugin "quota": no operation is named "raed"; did you mean "read"?'),
    );
    expect(() => host.use(["open", "SSH_FXP_EXTENDED" as "open"], async () => undefined)).toThrow(
      refused("ERR_SLUICE_PLUGIN_SETUP", 'Plugin "quota": no operation is named "SSH_FXP_EXTENDED"'),
    );
  });

  it("registers nothing of a list in which one operation does not exist", () => {
    const to = registrations();
    expect(() => hostOf("quota", to).after(["open", "raed" as "read"], () => undefined)).toThrow("raed");
    expect(to.steps).toEqual([]);
  });

  it.each<[string, (host: PluginHost) => void]>([
    ["use", (host) => host.use(undefined as never)],
    ["use of an operation", (host) => host.use("open", undefined as never)],
    ["before", (host) => host.before("open" as never)],
    ["after", (host) => host.after("open", {} as never)],
    ["divert", (host) => host.divert(null as never)],
    ["beforeConnection", (host) => host.beforeConnection(undefined as never)],
    ["beforeLogin", (host) => host.beforeLogin(undefined as never)],
    ["afterLogin", (host) => host.afterLogin(undefined as never)],
    ["onConnection", (host) => host.onConnection(undefined as never)],
    ["onSession", (host) => host.onSession(undefined as never)],
    ["onDisconnect", (host) => host.onDisconnect(undefined as never)],
    ["onClose", (host) => host.onClose(undefined as never)],
  ])("refuses %s without a function, and not when it would be called", (_, register) => {
    expect(() => register(hostOf("quota", registrations()))).toThrow(
      refused("ERR_SLUICE_PLUGIN_SETUP", 'Plugin "quota": a function is needed to register'),
    );
  });

  it("registers listeners in order, under the name of their plugin", () => {
    const to = registrations();
    const [quota, audit] = [hostOf("quota", to), hostOf("audit", to)];
    const [first, second] = [(): void => undefined, (): void => undefined];
    for (const verb of ["beforeConnection", "beforeLogin", "afterLogin", "onConnection", "onSession"] as const) {
      quota[verb](first);
      audit[verb](second);
      expect(to[verb]).toEqual([
        { plugin: "quota", run: first },
        { plugin: "audit", run: second },
      ]);
    }
    quota.onDisconnect(first);
    audit.onClose(second);
    expect(to.onDisconnect).toEqual([{ plugin: "quota", run: first }]);
    expect(to.onClose).toEqual([{ plugin: "audit", run: second }]);
  });

  it("registers methods; one name may have several mechanisms, but each once", () => {
    const to = registrations();
    const host = hostOf("ldap", to);
    host.authenticate(password("ldap"));
    host.authenticate(password("users"));
    host.authenticate({ name: "ldap", mechanism: "publickey", verify: () => proven() });
    expect(to.methods.map(({ name, mechanism }) => `${name} ${mechanism}`)).toEqual([
      "ldap password",
      "users password",
      "ldap publickey",
    ]);
    expect(() => hostOf("other", to).authenticate(password("ldap"))).toThrow(
      refused("ERR_SLUICE_PLUGIN_SETUP", 'Plugin "other": a method "ldap" for password is registered already'),
    );
  });

  it("registers extensions under names of their own", () => {
    const to = registrations();
    const host = hostOf("x", to);
    const mine = extension("sync@example.com");
    host.extend(mine);
    expect(to.extensions.get("sync@example.com")).toBe(mine);
    for (const name of ["sync@example.com", ""]) {
      expect(() => hostOf("y", to).extend(extension(name))).toThrow(
        refused("ERR_SLUICE_EXTENSION_NAME", `Plugin "y": the extension name "${name}" is empty or taken`),
      );
    }
    expect(to.extensions.get("sync@example.com")).toBe(mine);
  });

  it("mounts under the plugin's name", () => {
    const to = registrations();
    hostOf("fs", to).mount("/data/../in/", fs);
    expect(to.mounts.describe()).toEqual(["/in (fs)"]);
    expect(() => hostOf("other", to).mount("/in", fs)).toThrow(
      refused("ERR_SLUICE_MOUNT", 'Mount "/in": already mounted by fs'),
    );
  });

  it.each<[string, (host: PluginHost) => void]>([
    ["use", (host) => host.use(async () => undefined)],
    ["before", (host) => host.before(() => undefined)],
    ["after", (host) => host.after(() => undefined)],
    ["divert", (host) => host.divert(() => undefined)],
    ["authenticate", (host) => host.authenticate(password("late"))],
    ["beforeConnection", (host) => host.beforeConnection(() => undefined)],
    ["beforeLogin", (host) => host.beforeLogin(() => undefined)],
    ["afterLogin", (host) => host.afterLogin(() => undefined)],
    ["mount", (host) => host.mount("/late", fs)],
    ["extend", (host) => host.extend(extension("late@example.com"))],
    ["onConnection", (host) => host.onConnection(() => undefined)],
    ["onSession", (host) => host.onSession(() => undefined)],
    ["onDisconnect", (host) => host.onDisconnect(() => undefined)],
    ["onClose", (host) => host.onClose(() => undefined)],
  ])("refuses %s once it is shut: the pipelines are compiled", (_, register) => {
    const to = registrations();
    const host = hostOf("late", to);
    expect(() => register(host)).not.toThrow();
    to.shut = true;
    expect(() => register(host)).toThrow(
      refused(
        "ERR_SLUICE_HOST_SHUT",
        'Plugin "late" registers after the server has started; register everything before listen()',
      ),
    );
  });
});
