import { constants } from "node:os";
import { withDeadline } from "./deadline.ts";
import type { Server } from "./server.ts";

/** How a process serves. */
export interface RunOptions {
  /** Opens what the server listens on. @default port 2022 of every address */
  readonly start?: () => Promise<unknown>;
  /** How long transfers may go on once the process is asked to end. @default 30000 */
  readonly graceMs?: number;
  /** Told once, when the server begins to close. */
  readonly closing?: () => void;
}

/** What an error that nobody caught has left behind is not known: transfers have this long at most. */
const crashGraceMs = 10_000;
/** How long closing may take beyond the grace. */
const closeMs = 15_000;
/** How long the process may stay when it is done. */
const lingerMs = 1000;

/**
 * Starts a server and keeps it until the process is asked to end: SIGINT and SIGTERM close it and let transfers finish, a second one ends the process at
 * once. An error that nobody caught is logged, closes the server too, and ends the process with an exit code that is not 0, since what the error left
 * behind is not known: run it under a supervisor that starts it again.
 *
 * @returns the exit code, when the server has closed
 * @throws what `start` rejects with, when the server has closed
 * @example
 * process.exitCode = await runUntilSignal(server, { start: () => server.listen(2022) });
 */
export async function runUntilSignal(server: Server, options: RunOptions = {}): Promise<number> {
  const { start = () => server.listen(), graceMs = 30_000, closing } = options;
  let code = 0;
  let ending = false;
  let end = (_graceMs: number): void => undefined;
  const asked = new Promise<number>((resolve) => (end = resolve));
  const close = (withinMs: number): void => {
    if (ending) return;
    ending = true;
    closing?.();
    end(withinMs);
  };
  const signalled = (signal: NodeJS.Signals): void => {
    if (ending) process.exit(128 + constants.signals[signal]);
    close(graceMs);
  };
  const crashed = (error: unknown): void => {
    code = 1;
    // For programs that do nothing with what this returns, too.
    process.exitCode = 1;
    report(server, error);
    close(Math.min(graceMs, crashGraceMs));
  };
  const listeners = [
    ["SIGINT", signalled],
    ["SIGTERM", signalled],
    ["uncaughtException", crashed],
    ["unhandledRejection", crashed],
  ] as const;
  for (const [event, listener] of listeners) process.on(event, listener);
  const failed = start().then(
    () => new Promise<never>(() => undefined),
    // What is being closed cannot start, and that is no error.
    (error: unknown) => (ending ? new Promise<never>(() => undefined) : Promise.reject(error)),
  );
  try {
    const withinMs = await Promise.race([asked, failed]);
    if (!(await closed(server, withinMs))) code = 1;
    // Whatever else a plugin has left running must not keep a process that serves nobody.
    setTimeout(() => process.exit(code), lingerMs).unref();
    return code;
  } catch (error) {
    ending = true;
    await closed(server, 0);
    throw error;
  } finally {
    for (const [event, listener] of listeners) process.off(event, listener);
  }
}

function report(server: Server, error: unknown): void {
  try {
    server.log.fatal({ err: error }, "An error that nobody caught; the server closes");
  } catch {
    // It may be the log that fails; an error in here would end the process with transfers under way.
    process.stderr.write(`An error that nobody caught; the server closes: ${String(error)}\n`);
  }
}

/** Whether the server has closed in order, and in time. */
async function closed(server: Server, graceMs: number): Promise<boolean> {
  try {
    await withDeadline(server.close({ graceMs }), graceMs + closeMs, "Closing took too long");
    return true;
  } catch (error) {
    server.log.error({ err: error }, "Closing failed");
    return false;
  }
}
