import { join } from "node:path";
import { audit } from "@sluice/audit";
import type { Plugin } from "@sluice/core";
import { permissions } from "@sluice/permissions";
import { quota } from "@sluice/quota";

/** All plugins that stand in the way of requests, with every part of them at work, and told to let everything through. */
export function everything(folder: string): readonly Plugin[] {
  return [
    audit({ file: join(folder, "audit.jsonl"), hash: "all" }),
    permissions({
      rules: [
        { hide: true, paths: ["/nobody/has/this"] },
        { allow: "all", maxFileBytes: "8000 TiB" },
      ],
    }),
    quota({
      users: { "*": { bytes: "8000 TiB", files: 1e12 } },
      trees: { "/*": { bytes: "8000 TiB" } },
      bandwidth: { user: { up: "1 TiB", down: "1 TiB" } },
      transfer: { day: { up: "8000 TiB", down: "8000 TiB" } },
      sessions: 100_000,
      uploads: 100_000,
    }),
  ];
}
