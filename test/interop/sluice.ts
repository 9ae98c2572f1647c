import { writeFile } from "node:fs/promises";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import * as path from "node:path";
import { hashPassword } from "@sluice/auth-users";
import { start } from "./process.ts";
import type { Peer } from "./server.ts";

const user = "alice";
const program = fileURLToPath(new URL("sluice-server.ts", import.meta.url));

/** Sluice in a process of its own, as it is in service, from its sources. Clients see `root` as `/`. */
export const sluice: Peer = {
  user,
  base: () => "",
  adopt: async () => {},
  async listen(setup) {
    const usersFile = path.join(setup.directory, "users.json");
    const entry = { password: await hashPassword(setup.password), keys: [setup.authorizedKey] };
    await writeFile(usersFile, JSON.stringify({ users: { [user]: entry } }), { mode: 0o600 });
    const node = ["--conditions=@sluice/source", "--import", "tsx"];
    const child = start(process.execPath, [...node, program, setup.root, setup.hostKeyFile, usersFile]);
    let log = "";
    child.stderr.on("data", (chunk: Buffer) => (log += chunk.toString()));
    const ended = once(child, "close");
    const { value, done } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
    if (done === true) throw new Error(`The server did not start:\n${log}`);
    return {
      port: Number(value),
      async stop() {
        child.stdin.end();
        const [status] = (await ended) as [number | null];
        // Errors in the log are faults of the server, whether or not a client noticed.
        if (status !== 0 || log !== "") throw new Error(`The server ended with ${status}:\n${log}`);
      },
    };
  },
};
