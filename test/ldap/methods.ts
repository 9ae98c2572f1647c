import type { AuthMethod, Verdict } from "@sluice/core";
import { ldap, type LdapOptions } from "@sluice/auth-ldap";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { capturedLog, startTestServer, type CapturedLog } from "@sluice/testing";

/** The methods that the plugin registers, to be asked without SSH around them. */
export interface Methods {
  readonly methods: { readonly ldap: AuthMethod<"password">; readonly keys: AuthMethod<"publickey"> };
  readonly log: CapturedLog;
  close(): Promise<void>;
}

export async function methodsOf(options: LdapOptions): Promise<Methods> {
  const found = new Map<string, AuthMethod>();
  const plugin = ldap(options);
  const log = capturedLog();
  const server = await startTestServer({
    log,
    fs: createMemoryFileSystem(),
    auth: [["test"], ["ldap"]],
    plugins: [
      {
        ...plugin,
        setup: (host) =>
          plugin.setup(
            new Proxy(host, {
              get(target, property) {
                const value: unknown = Reflect.get(target, property);
                if (property !== "authenticate") return typeof value === "function" ? value.bind(target) : value;
                return (method: AuthMethod) => {
                  found.set(method.name, method);
                  host.authenticate(method);
                };
              },
            }),
          ),
      },
    ],
  });
  return {
    methods: {
      ldap: found.get("ldap") as AuthMethod<"password">,
      keys: found.get("ldap-keys") as AuthMethod<"publickey">,
    },
    log,
    close: () => server.close(),
  };
}

/** A verdict as core takes it: a rejection refuses. */
export async function verdictOf(verdict: Verdict | Promise<Verdict>): Promise<Verdict> {
  try {
    return await verdict;
  } catch (error) {
    return { is: "refused", reason: (error as Error).message };
  }
}
