import { bench } from "../../packages/auth-totp/test/support.ts";
import { openStore } from "../../packages/store-lmdb/src/lmdb-store.ts";

/** What the process is told: how often to use a code, and when that is. */
export interface Use {
  readonly code: string;
  readonly now: number;
  readonly times: number;
}

/** What it tells: how often that worked. */
export interface Used {
  readonly proven: number;
}

/** A process that logs alice in by codes, on a store that others use as well. */
const store = await openStore({ file: process.argv[2]!, waitMs: 10_000 });
const { login, clock } = bench({}, store);

process.on("message", ({ code, now, times }: Use) => {
  clock.now = now;
  void Promise.all(Array.from({ length: times }, () => login(code))).then((verdicts) =>
    process.send!({ proven: verdicts.filter(({ is }) => is === "proven").length } satisfies Used),
  );
});
process.on("disconnect", () => process.exit());
process.send!("ready");
