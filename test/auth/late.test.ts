import { afterEach, describe, expect, it } from "vitest";
import { Client } from "ssh2";
import { proven } from "@sluice/core";
import { latch } from "@sluice/testing";
import { listen, method, type ListeningServer } from "./server.ts";

let running: ListeningServer | undefined;
afterEach(async () => running?.close());

/** Logs in by a password; resolves when the connection is gone. */
function client(port: number): { readonly client: Client; readonly closed: Promise<void> } {
  const connecting = new Client();
  connecting.on("error", () => undefined);
  const closed = new Promise<void>((resolve) => connecting.once("close", () => resolve()));
  connecting.connect({ host: "127.0.0.1", port, username: "alice", password: "right" });
  return { client: connecting, closed };
}

describe("A verdict that comes late", () => {
  it("logs nobody in who has left, and the attempt's signal was aborted", async () => {
    const [asked, aborted] = [latch(), latch()];
    let told = 0;
    running = await listen({
      methods: [
        method<"password">({
          name: "slow",
          mechanism: "password",
          async verify({ signal }) {
            asked.release();
            await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
            aborted.release();
            return proven();
          },
        }),
      ],
      prepare: (server) => server.afterLogin(() => void (told += 1)),
    });
    const { client: leaving, closed } = client(running.port);
    await asked.wait();
    leaving.destroy();
    await Promise.all([closed, aborted.wait(), running.idle()]);
    expect(told).toBe(0);
    expect(running.log.text()).not.toContain("Logged in");
  });

  it("does not keep a connection whose time is over, even if it never comes", async () => {
    running = await listen({
      limits: { loginGraceMs: 300 },
      methods: [
        method<"password">({ name: "never", mechanism: "password", verify: () => new Promise(() => undefined) }),
      ],
    });
    await client(running.port).closed;
    await running.idle();
    expect(running.log.text()).toContain("The login took too long");
    expect(running.log.text()).not.toContain("Logged in");
  });
});
