import type { Server } from "@sluice/core";
import { constants } from "node:os";

/** How long transfers may go on once the server is asked to end. */
const graceMs = 30_000;

/**
 * Starts a server and keeps it until the process is asked to end: SIGINT and SIGTERM close it and let transfers finish; a second
 * one ends the process at once. An error that nobody caught is logged and closes it too: what it left behind is not known.
 *
 * @param closing told once when the first signal arrives
 * @returns the exit code
 */
export function untilSignal(server: Server, start: () => Promise<void>, closing: () => void): Promise<number> {
  return new Promise((resolve, reject) => {
    let isClosing = false;
    const close = (code: number): void => {
      isClosing = true;
      server.close({ graceMs }).then(
        () => resolve(code),
        (error: unknown) => {
          server.log.error({ err: error }, "Closing failed");
          resolve(1);
        },
      );
    };
    const signalled = (signal: NodeJS.Signals): void => {
      if (isClosing) process.exit(128 + constants.signals[signal]);
      closing();
      close(0);
    };
    const crashed = (error: unknown): void => {
      try {
        server.log.fatal({ err: error }, "An error that nobody caught; the server closes");
      } catch {
        // It may be the log that fails; an error in here would end the process with transfers under way.
        console.error(error);
      }
      if (!isClosing) close(1);
    };
    process.on("SIGINT", signalled);
    process.on("SIGTERM", signalled);
    process.on("uncaughtException", crashed);
    process.on("unhandledRejection", crashed);
    start().catch((error: unknown) => {
      isClosing = true;
      server.close({ graceMs: 0 }).then(
        () => reject(error),
        () => reject(error),
      );
    });
  });
}
