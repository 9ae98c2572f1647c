import { runUntilSignal } from "@sluice/core";
import { located, makeServer, openConfig } from "./config/open.ts";

/** Serves what a configuration says until the process is asked to end. @returns the exit code */
export async function serveConfig(named: string | undefined): Promise<number> {
  const assembled = await openConfig(named);
  const server = await makeServer(assembled);
  const listen = async (): Promise<void> => {
    for (const where of assembled.listen) await located(assembled, () => server.listen(where));
  };
  return runUntilSignal(server, { start: listen, closing: () => server.log.info("Closing; transfers may finish") });
}
