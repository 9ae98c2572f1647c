import { PassThrough } from "node:stream";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { describe, expect, it } from "vitest";
import { generateHostKey, proven } from "./index.ts";
import { definePlugin } from "./plugin.ts";
import { createServer, type Server } from "./server.ts";

function made(): { readonly server: Server; readonly seen: unknown[] } {
  const seen: unknown[] = [];
  const server = createServer({ hostKeys: [{ key: generateHostKey().privateKey }], log: { level: "silent" } });
  server.authenticate({ name: "test", mechanism: "password", verify: () => proven() });
  server.mount(
    "/",
    Object.assign(() => createMemoryFileSystem(), { start: () => void seen.push("started") }),
  );
  const watcher = definePlugin({
    name: "watcher",
    setup(host) {
      seen.push(host.rehearsal);
      host.before("remove", function never() {});
      host.onClose(() => void seen.push("closed"));
    },
  });
  server.register(watcher());
  return { server, seen };
}

describe("a rehearsal", () => {
  it("sets plugins up and tells them so, starts nothing, and closes them", async () => {
    const { server, seen } = made();
    expect(server.rehearsal).toBe(false);
    await server.rehearse();
    expect(server.rehearsal).toBe(true);
    expect(await server.explain()).toContain("before watcher (never)");
    await server.close();
    expect(seen).toEqual([true, "closed"]);
  });

  it("serves nobody", async () => {
    const { server } = made();
    await server.rehearse();
    await expect(server.listen({ host: "127.0.0.1", port: 0 })).rejects.toMatchObject({
      code: "ERR_SLUICE_ALREADY_STARTED",
      message: "The server was only rehearsed; make a new one to serve",
    });
    const socket = new PassThrough();
    server.accept(socket);
    expect(socket.destroyed).toBe(true);
    await server.close();
  });

  it("tells what is wrong as a start does", async () => {
    const server = createServer({ hostKeys: [{ key: generateHostKey().privateKey }], log: { level: "silent" } });
    await expect(server.rehearse()).rejects.toMatchObject({ code: "ERR_SLUICE_MOUNT" });
  });

  it("is not what a server that is ready does any more", async () => {
    const { server, seen } = made();
    await server.ready();
    await server.rehearse();
    expect(server.rehearsal).toBe(false);
    expect(seen).toEqual([false, "started"]);
    await server.close();
  });
});
