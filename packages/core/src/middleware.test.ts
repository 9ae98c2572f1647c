import { afterEach, describe, expect, it } from "vitest";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import {
  faultyFileSystem,
  startTestServer,
  type FaultyFileSystem,
  type SftpClient,
  type TestServer,
} from "@sluice/testing";
import { SftpError } from "./errors.ts";
import type { FileHandle } from "./filesystem.ts";
import { sftpPath } from "./path.ts";
import { definePlugin, type PluginHost } from "./plugin.ts";
import type { Server } from "./server.ts";
import { fileOf } from "./session.ts";
import { token } from "./token.ts";

let running: TestServer | undefined;
afterEach(async () => running?.close());

let faulty: FaultyFileSystem;

async function serve(prepare: (server: Server) => void): Promise<SftpClient> {
  faulty = faultyFileSystem(createMemoryFileSystem({ files: { "/a": "content of a", "/b": "content of b" } }));
  running = await startTestServer({ fs: faulty.fs, prepare });
  return (await running.connect()).sftp();
}

const text = async (client: SftpClient, path: string): Promise<string> => (await client.readFile(path)).toString();

describe("the phases", () => {
  it("stand in the order observe, divert, guard, serve, whatever the order of registration", async () => {
    const order: string[] = [];
    const client = await serve((server) => {
      for (const name of ["1", "2"]) {
        server.use("stat", async (_ctx, next) => {
          order.push(`use ${name} in`);
          await next();
          order.push(`use ${name} out`);
        });
        server.before("stat", () => void order.push(`before ${name}`));
        server.divert("stat", () => void order.push(`divert ${name}`));
        server.after("stat", () => void order.push(`after ${name}`));
      }
    });
    await client.stat("/a");
    expect(order).toEqual([
      "divert 1",
      "divert 2",
      "before 1",
      "before 2",
      "use 1 in",
      "use 2 in",
      "use 2 out",
      "use 1 out",
      "after 1",
      "after 2",
    ]);
  });

  it("run for the operations that they were registered for, or for all", async () => {
    const order: string[] = [];
    const client = await serve((server) => {
      server.before(["stat", "mkdir"], (ctx) => void order.push(`some ${ctx.op}`));
      server.before((ctx) => void order.push(`all ${ctx.op}`));
    });
    await client.stat("/a");
    await client.rename("/a", "/c");
    await client.mkdir("/d");
    expect(order).toEqual(["some stat", "all stat", "all rename", "some mkdir", "all mkdir"]);
  });
});

describe("divert", () => {
  it("changes what is served, and leaves what the client asked in `original`", async () => {
    const seen: string[] = [];
    const client = await serve((server) => {
      server.divert("open", (ctx) => (ctx.request.path === "/alias" ? { path: sftpPath("/a") } : undefined));
      server.before("open", (ctx) => void seen.push(`guard ${ctx.original.path} ${ctx.request.path}`));
      server.after("open", (ctx) => void seen.push(`after ${ctx.original.path} ${ctx.request.path}`));
    });
    expect(await text(client, "/alias")).toBe("content of a");
    expect(seen).toEqual(["guard /alias /a", "after /alias /a"]);
  });

  it("sees what an earlier one has changed", async () => {
    const client = await serve((server) => {
      server.divert("stat", (ctx) => ({ path: sftpPath(`${ctx.request.path}/b`) }));
      server.divert("stat", async (ctx) => Promise.resolve({ path: sftpPath(ctx.request.path.replace("/x", "")) }));
    });
    expect(await client.stat("/x")).toMatchObject({ type: "file", size: 12 });
  });

  it("changes the data of a write", async () => {
    const client = await serve((server) =>
      server.divert("write", (ctx) => ({ data: Buffer.from(Buffer.from(ctx.request.data).toString().toUpperCase()) })),
    );
    await client.writeFile("/new", "quiet");
    expect(await text(client, "/new")).toBe("QUIET");
  });

  it("that throws refuses, and observers hear of it", async () => {
    const outcomes: string[] = [];
    const client = await serve((server) => {
      server.after("stat", (_ctx, { status }) => void outcomes.push(status));
      server.divert("stat", () => {
        throw new SftpError("noSuchPath");
      });
    });
    await expect(client.stat("/a")).rejects.toMatchObject({ code: 2, message: "No such path" });
    expect(outcomes).toEqual(["noSuchPath"]);
  });
});

describe("before", () => {
  it("refuses by throwing at once or later, and nothing reaches the file system", async () => {
    const client = await serve((server) => {
      server.before("remove", () => {
        throw new SftpError("permissionDenied", "The archive is read-only");
      });
      server.before("mkdir", () => Promise.reject(new SftpError("quotaExceeded")));
    });
    await expect(client.remove("/a")).rejects.toMatchObject({ code: 3, message: "The archive is read-only" });
    await expect(client.mkdir("/d")).rejects.toMatchObject({ code: 4, message: "Quota exceeded" });
    expect(faulty.calls("remove") + faulty.calls("mkdir")).toBe(0);
  });

  it("that has passed lets the next one judge", async () => {
    const order: string[] = [];
    const client = await serve((server) => {
      server.before("stat", () => void order.push("sync"));
      server.before("stat", async () => {
        await Promise.resolve();
        order.push("async");
      });
      server.before("stat", () => {
        order.push("refused");
        throw new SftpError("permissionDenied");
      });
      server.before("stat", () => void order.push("never"));
    });
    await expect(client.stat("/a")).rejects.toMatchObject({ code: 3 });
    expect(order).toEqual(["sync", "async", "refused"]);
  });
});

describe("after", () => {
  it("hears how each request ended: served, at its end, refused", async () => {
    const outcomes: string[] = [];
    const client = await serve((server) => {
      server.before("open", (ctx) => {
        if (ctx.request.path === "/b") throw new SftpError("permissionDenied", "Not this one");
      });
      server.after(["open", "read", "readdir"], (ctx, { status, durationMs, error }) => {
        expect(durationMs).toBeGreaterThanOrEqual(0);
        outcomes.push(`${ctx.op} ${status}${error instanceof Error ? ` ${error.message}` : ""}`);
      });
    });
    const handle = await client.open("/a");
    await client.read(handle, 0, 5);
    await client.read(handle, 100, 5);
    await expect(client.open("/b")).rejects.toMatchObject({ code: 3 });
    await expect(client.open("/missing")).rejects.toMatchObject({ code: 2 });
    await client.list("/");
    expect(outcomes).toEqual([
      "open ok",
      "read ok",
      "read eof",
      "open permissionDenied Not this one",
      "open noSuchFile No such file",
      "readdir ok",
      "readdir eof",
    ]);
  });

  it("that throws changes nothing, and is logged with the plugin's name", async () => {
    const grumpy = definePlugin({
      name: "grumpy",
      setup: (host) =>
        host.after("stat", () => {
          throw new Error("observed too much");
        }),
    });
    const client = await serve((server) => server.register(grumpy()));
    expect(await client.stat("/a")).toMatchObject({ size: 12 });
    await expect(client.stat("/missing")).rejects.toMatchObject({ code: 2 });
    const { fields } = await running!.log.waitFor(({ message }) => message === "An observer failed");
    expect(fields).toMatchObject({ plugin: "grumpy", op: "stat" });
  });
});

describe("use", () => {
  it("answers in place of the file system", async () => {
    const client = await serve((server) => {
      server.use("stat", async (ctx, next) => {
        if (ctx.request.path !== "/motd") return next();
        ctx.result = { type: "file", size: 6, mtimeMs: 1000 };
      });
      server.use("open", async (ctx, next) => {
        if (ctx.request.path !== "/motd") return next();
        ctx.result = fileOf(ctx.request.path, ctx.request.flags, handleOf("hello\n"));
      });
    });
    expect(await client.stat("/motd")).toMatchObject({ type: "file", size: 6, mtimeMs: 1000 });
    expect(await text(client, "/motd")).toBe("hello\n");
    expect(await text(client, "/a")).toBe("content of a");
  });

  it("changes a result on the way out, and makes an error of it or a result of an error", async () => {
    const client = await serve((server) =>
      server.use("stat", async (ctx, next) => {
        try {
          await next();
        } catch (error) {
          if (!SftpError.is(error) || error.status !== "noSuchFile") throw error;
          ctx.result = { type: "directory", size: 0, mtimeMs: 0 };
          return;
        }
        if (ctx.request.path === "/b") throw new SftpError("noSuchFile");
        ctx.result = { ...ctx.result!, mode: 0o444 };
      }),
    );
    expect(await client.stat("/a")).toMatchObject({ mode: 0o444, size: 12 });
    expect(await client.stat("/missing")).toMatchObject({ type: "directory" });
    await expect(client.stat("/b")).rejects.toMatchObject({ code: 2 });
  });

  it("pairs a reservation with its release, however the request ends", async () => {
    let reserved = 0;
    const client = await serve((server) => {
      server.use("mkdir", async (_ctx, next) => {
        reserved += 1;
        try {
          await next();
        } finally {
          reserved -= 1;
        }
      });
      server.use("mkdir", async (ctx, next) => {
        expect(reserved).toBe(1);
        if (ctx.request.path === "/no") throw new SftpError("permissionDenied");
        await next();
      });
    });
    await client.mkdir("/yes");
    await expect(client.mkdir("/no")).rejects.toMatchObject({ code: 3 });
    await expect(client.mkdir("/yes")).rejects.toMatchObject({ code: 4 });
    expect(reserved).toBe(0);
  });

  const misuses: Record<string, (host: PluginHost) => void> = {
    "calls next() twice": (host) =>
      host.use("mkdir", async (_ctx, next) => {
        await next();
        await next();
      }),
    "does not await next()": (host) =>
      host.use("mkdir", (_ctx, next) => {
        void next();
        return Promise.resolve();
      }),
  };
  it.each(Object.entries(misuses))("that %s is refused, and the log says whose it is", async (what, setup) => {
    const careless = definePlugin({ name: "careless", setup });
    const client = await serve((server) => server.register(careless()));
    await expect(client.mkdir("/d")).rejects.toMatchObject({ code: 4, message: /^Internal error/ });
    expect(faulty.calls("mkdir")).toBe(1);
    const { fields } = await running!.log.waitFor(({ message }) => message === "A request failed");
    const reason = what.startsWith("calls") ? "called next() twice" : "did not await next()";
    expect((fields["err"] as Error).message).toBe(`The "mkdir" middleware of plugin "careless" ${reason}`);
  });

  it("that neither answers nor calls next is a failure where an answer is owed", async () => {
    const client = await serve((server) => server.use(["stat", "open", "read", "readdir"], () => Promise.resolve()));
    await expect(client.stat("/a")).rejects.toMatchObject({ code: 4, message: /^Internal error/ });
    await expect(client.open("/a")).rejects.toMatchObject({ code: 4, message: /^Internal error/ });
    await expect(client.list("/")).rejects.toMatchObject({ code: 4, message: /^Internal error/ });
  });
});

describe("the context", () => {
  it("carries the user, the session, and what one step leaves for a later one", async () => {
    const Note = token<string>("note");
    const seen: unknown[] = [];
    const client = await serve((server) => {
      server.before("stat", (ctx) => ctx.state.set(Note, `by ${ctx.user.name}`));
      server.after("stat", (ctx) => {
        seen.push(ctx.state.get(Note), ctx.session.connection.user === ctx.user, ctx.session.version);
      });
    });
    await client.stat("/a");
    expect(seen).toEqual(["by tester", true, 3]);
  });
});

describe("an error that is no refusal", () => {
  it("is told to the client by an id alone, under which the log has all of it", async () => {
    const client = await serve((server) =>
      server.use("stat", () => {
        throw new Error("cannot reach db.internal:5432 as admin");
      }),
    );
    const error: unknown = await client.stat("/a").catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 4, message: /^Internal error [0-9a-f]{12}$/ });
    const id = (error as Error).message.split(" ").at(-1);
    const { fields, level } = await running!.log.waitFor(({ fields: { errorId } }) => errorId === id);
    expect(level).toBe("error");
    expect((fields["err"] as Error).message).toBe("cannot reach db.internal:5432 as admin");
    expect(fields).toMatchObject({ op: "stat", user: "tester" });
  });

  it("of node:fs is told in our words, without the path of the host", async () => {
    const errors: Record<string, [number, string]> = {
      ENOENT: [2, "No such file"],
      EACCES: [3, "Permission denied"],
      ENOSPC: [4, "No space left"],
      EXDEV: [4, "Source and target are on different file systems"],
      EMFILE: [4, "Too many open files"],
    };
    const client = await serve((server) =>
      server.before("stat", (ctx) => {
        const code = ctx.request.path.slice(1);
        throw Object.assign(new Error(`${code}: stat '/srv/sftp/tester/x'`), { code, path: "/srv/sftp/tester/x" });
      }),
    );
    for (const [code, [status, message]] of Object.entries(errors)) {
      await expect(client.stat(`/${code}`)).rejects.toMatchObject({ code: status, message });
    }
    await expect(client.stat("/EWHATEVER")).rejects.toMatchObject({ code: 4, message: /^Internal error/ });
  });

  it("is no error at all: undefined, a string, null", async () => {
    const thrown: unknown[] = [undefined, "text", null, { status: "permissionDenied" }];
    const client = await serve((server) =>
      server.before("stat", () => {
        throw thrown.shift() as Error;
      }),
    );
    for (let i = 0; i < 4; i++) {
      await expect(client.stat("/a")).rejects.toMatchObject({ code: 4, message: /^Internal error/ });
    }
  });

  it("keeps the detail of a refusal for the log", async () => {
    const client = await serve((server) =>
      server.before("stat", () => {
        throw new SftpError("permissionDenied", "No", { detail: "rule 12" });
      }),
    );
    await expect(client.stat("/a")).rejects.toMatchObject({ code: 3, message: "No" });
    await running!.log.waitFor(({ fields: { detail } }) => detail === "rule 12");
  });
});

function handleOf(content: string): FileHandle {
  const bytes = Buffer.from(content);
  return {
    read: (buffer, position) => {
      const part = bytes.subarray(position, position + buffer.length);
      buffer.set(part);
      return Promise.resolve(part.length);
    },
    write: () => Promise.reject(new SftpError("permissionDenied")),
    stat: () => Promise.resolve({ type: "file", size: bytes.length, mtimeMs: 0 }),
    close: () => Promise.resolve(),
  };
}
