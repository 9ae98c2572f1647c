import type { AuditLog } from "./log.ts";

/** Takes records. */
export type Recorder = Pick<AuditLog, "append" | "commit" | "trouble">;

/** Takes none: for a server that will not serve. */
export const noRecorder: Recorder = {
  append: () => undefined,
  commit: () => Promise.reject(new Error("Nothing is recorded")),
  trouble: undefined,
};
