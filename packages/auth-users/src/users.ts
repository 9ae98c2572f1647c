import { definePlugin, type PluginFactory } from "@sluice/core";
import { z } from "zod";
import { Directory } from "./directory.ts";
import { keyMethod } from "./key-method.ts";
import { passwordMethod } from "./password-method.ts";

/** Where the users are. */
export interface UsersOptions {
  /** The users file; relative to the working directory. JSON by the ending `.json`, else YAML. */
  readonly file: string;
  /** Whether edits take effect while the server runs. @default true */
  readonly watch?: boolean;
}

/**
 * Users in a file: the factors `password` and `authorized-keys`.
 *
 * @throws SetupError `ERR_SLUICE_USERS_FILE` at the start, where the file is missing or has mistakes.
 *
 * @example
 * server.register(users({ file: "./users.yaml" }));
 */
export const users: PluginFactory<UsersOptions> = definePlugin({
  name: "auth-users",
  options: z.strictObject({ file: z.string().min(1), watch: z.boolean().default(true) }),
  async setup(host, { file, watch }) {
    const directory = await Directory.open(file, host.log, { watch });
    host.onClose(() => directory.close());
    host.authenticate(passwordMethod(directory));
    host.authenticate(keyMethod(directory));
  },
});
