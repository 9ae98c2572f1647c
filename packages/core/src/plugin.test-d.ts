import { expectTypeOf } from "vitest";
import { z } from "zod";
import type {
  AuthMethod,
  CloseOutcome,
  Context,
  DirectoryEntry,
  Extension,
  FileSystemSource,
  OpenDirectory,
  OpenFile,
  OperationName,
  Outcome,
  Plugin,
  PluginFactory,
  PluginHost,
  PublicKey,
  Questions,
  Result,
  SftpPath,
  Stats,
  Token,
} from "./index.ts";
import {
  defineFileSystem,
  definePlugin,
  pathsOf,
  proven,
  sftpPath,
  SftpError,
  State,
  statusCodes,
  token,
} from "./index.ts";

declare const host: PluginHost;
declare const source: FileSystemSource;

/* One operation: its request and result are typed. */
host.use("write", async (ctx, next) => {
  expectTypeOf(ctx.op).toEqualTypeOf<"write">();
  expectTypeOf(ctx.request.data).toEqualTypeOf<Uint8Array>();
  expectTypeOf(ctx.request.position).toEqualTypeOf<number>();
  expectTypeOf(ctx.request.file).toEqualTypeOf<OpenFile>();
  expectTypeOf(ctx.original).toEqualTypeOf(ctx.request);
  expectTypeOf(next).toEqualTypeOf<() => Promise<void>>();
  // @ts-expect-error a request is changed by divert alone
  ctx.request = { ...ctx.request, position: 0 };
  // @ts-expect-error nor in place
  ctx.request.position = 0;
  // @ts-expect-error a write has no path of its own
  void ctx.request.path;
  await next();
});
host.use("read", async (ctx) => {
  ctx.result = new Uint8Array(1);
  // @ts-expect-error a read answers bytes
  ctx.result = "text";
});
host.use("stat", async (ctx, next) => {
  await next();
  expectTypeOf(ctx.result).toEqualTypeOf<Stats | undefined>();
});
host.before("close", (ctx) => {
  expectTypeOf(ctx.request.outcome).toEqualTypeOf<CloseOutcome>();
});

/* Several operations: what they have in common, and a switch for the rest. */
host.before(["remove", "rename"], (ctx) => {
  expectTypeOf(ctx.op).toEqualTypeOf<"remove" | "rename">();
  // @ts-expect-error only remove has a path
  void ctx.request.path;
  if (ctx.op === "remove") expectTypeOf(ctx.request.path).toEqualTypeOf<SftpPath>();
  else expectTypeOf(ctx.request.to).toEqualTypeOf<SftpPath>();
});
host.before(["open", "mkdir"] as const, (ctx) => {
  expectTypeOf(ctx.request.path).toEqualTypeOf<SftpPath>();
});

/* All operations: a switch narrows, and knows when nothing is left. */
host.after((ctx, outcome) => {
  expectTypeOf(ctx).toEqualTypeOf<Context>();
  expectTypeOf(outcome).toEqualTypeOf<Outcome>();
  expectTypeOf(pathsOf(ctx)).toEqualTypeOf<readonly SftpPath[]>();
  switch (ctx.op) {
    case "write":
      expectTypeOf(ctx.request.data).toEqualTypeOf<Uint8Array>();
      break;
    case "rename":
      expectTypeOf(ctx.request).toEqualTypeOf<Readonly<{ from: SftpPath; to: SftpPath; overwrite: boolean }>>();
      break;
    case "readdir":
      expectTypeOf(ctx.result).toEqualTypeOf<readonly DirectoryEntry[] | undefined>();
      expectTypeOf(ctx.request.directory).toEqualTypeOf<OpenDirectory>();
      break;
    case "open":
      expectTypeOf(ctx.result).toEqualTypeOf<OpenFile | undefined>();
      break;
    default:
      expectTypeOf(ctx.op).toEqualTypeOf<Exclude<OperationName, "write" | "rename" | "readdir" | "open">>();
  }
  if (outcome.status === "ok" || outcome.status === "eof") expectTypeOf(outcome.error).toEqualTypeOf<undefined>();
  else expectTypeOf(outcome.error).toEqualTypeOf<unknown>();
});
expectTypeOf<Result<"realpath">>().toEqualTypeOf<SftpPath>();
expectTypeOf<Result<"remove">>().toEqualTypeOf<void>();

/* A diversion returns a part of the request, and nothing that the request has not. */
host.divert("open", (ctx) => ({ path: sftpPath(`/staging${ctx.request.path}`) }));
host.divert("write", async () => ({ data: new Uint8Array(1) }));
host.divert("rename", () => undefined);
// @ts-expect-error a path is made by sftpPath alone
host.divert("open", () => ({ path: "/staging" }));
// @ts-expect-error the position is a number
host.divert("write", () => ({ position: "0" }));

/* What cannot be registered. */
// @ts-expect-error no such operation
host.use("chmod", async () => undefined);
// @ts-expect-error nor in a list
host.before(["open", "chmod"], () => undefined);
// @ts-expect-error a middleware is asynchronous
host.use("open", () => undefined);
// @ts-expect-error a guard that answers a boolean would refuse nothing
host.before("open", () => false);

/* Authentication: each mechanism brings its own credentials. */
host.authenticate({
  name: "users",
  mechanism: "password",
  verify(attempt) {
    expectTypeOf(attempt.password).toEqualTypeOf<string>();
    // @ts-expect-error there is no key in a password
    void attempt.key;
    return proven({ groups: ["staff"] });
  },
});
host.authenticate({
  name: "keys",
  mechanism: "publickey",
  verify: async ({ key }) => {
    expectTypeOf(key).toEqualTypeOf<PublicKey>();
    return proven();
  },
});
host.authenticate({
  name: "code",
  mechanism: "keyboard-interactive",
  async verify({ ask }) {
    expectTypeOf(ask).toEqualTypeOf<(questions: Questions) => Promise<readonly string[]>>();
    return proven();
  },
});
// @ts-expect-error a verdict is made by proven, refused or unknown
host.authenticate({ name: "yes", mechanism: "password", verify: () => true });
// @ts-expect-error no such mechanism
host.authenticate({ name: "none", mechanism: "none", verify: () => proven() });
// @ts-expect-error proven() knows no such field
proven({ admin: true });
host.beforeLogin((login) => {
  // @ts-expect-error guards do not see the secret
  void login.password;
});
expectTypeOf<AuthMethod["mechanism"]>().toEqualTypeOf<"password" | "publickey" | "keyboard-interactive">();

/* Extensions: decoded to the request of an operation, encoded from its result. */
const copy: Extension<"statfs"> = {
  name: "space@example.com",
  operation: "statfs",
  decode: (fields) => ({ path: fields.path() }),
  encode: (reply, stats) => {
    expectTypeOf(stats.freeBlocks).toEqualTypeOf<number>();
    return reply.ok();
  },
};
host.extend(copy);
// @ts-expect-error a statfs asks for a path
host.extend({ name: "x", operation: "statfs", decode: () => ({}) });

/* definePlugin without options. */
const plain = definePlugin({
  name: "plain",
  setup(inner, options) {
    expectTypeOf(inner).toEqualTypeOf<PluginHost>();
    expectTypeOf(options).toEqualTypeOf<undefined>();
  },
});
expectTypeOf(plain).toEqualTypeOf<PluginFactory<undefined>>();
expectTypeOf(plain()).toEqualTypeOf<Plugin>();
plain(undefined);
// @ts-expect-error takes no options
plain({ bytes: 1 });

/* definePlugin with a schema: callers give its input, setup gets its output. */
const quota = definePlugin({
  name: "quota",
  requires: ["audit"],
  options: z.strictObject({ bytes: z.number(), unit: z.string().default("B") }),
  setup: (_, options) => {
    expectTypeOf(options).toEqualTypeOf<{ bytes: number; unit: string }>();
  },
});
quota({ bytes: 1 });
quota({ bytes: 1, unit: "KiB" });
// @ts-expect-error options are needed
quota();
// @ts-expect-error bytes is needed
quota({});
// @ts-expect-error bytes is a number
quota({ bytes: "1" });
// @ts-expect-error no such option
quota({ bytes: 1, files: 2 });

/* definePlugin with a schema that can do without. */
const audit = definePlugin({
  name: "audit",
  options: z.strictObject({ file: z.string() }).optional(),
  async setup(_, options) {
    expectTypeOf(options).toEqualTypeOf<{ file: string } | undefined>();
  },
});
audit();
audit({ file: "audit.jsonl" });
// @ts-expect-error file is text
audit({ file: 7 });
expectTypeOf(audit.pluginName).toEqualTypeOf<string>();
// @ts-expect-error a plugin has a name
definePlugin({ setup: () => undefined });

/* defineFileSystem. */
const files = defineFileSystem({
  name: "fs-test",
  options: z.strictObject({ root: z.string() }).transform(({ root }) => ({ root, depth: root.length })),
  create(options) {
    expectTypeOf(options).toEqualTypeOf<{ root: string; depth: number }>();
    return source;
  },
});
expectTypeOf(files({ root: "/srv" })).toEqualTypeOf<FileSystemSource>();
// @ts-expect-error options are needed
files();
// @ts-expect-error what the schema makes is not what it takes
files({ root: "/srv", depth: 3 });
const memory = defineFileSystem({ name: "fs-memory", options: z.strictObject({}).optional(), create: () => source });
memory();
// @ts-expect-error a file system is made of something
defineFileSystem({ name: "x", options: z.string(), create: () => undefined });
host.mount("/", source);
host.mount("/mine", async ({ user }) => {
  expectTypeOf(user.home).toEqualTypeOf<SftpPath>();
  return source as Exclude<FileSystemSource, (...args: never[]) => unknown>;
});
host.mount("/early", (session) => {
  // @ts-expect-error a session has no file system before it is made
  void session.fs;
  throw new SftpError("failure");
});

/* Tokens carry their type; statuses are names. */
interface Ledger {
  used(user: string): number;
}
const Ledger: Token<Ledger> = token("quota.ledger");
expectTypeOf(host.services.get(Ledger)).toEqualTypeOf<Ledger>();
host.services.provide(Ledger, () => ({ used: () => 0 }));
// @ts-expect-error a ledger counts
host.services.provide(Ledger, () => ({ used: () => "0" }));
expectTypeOf(new State().get(Ledger)).toEqualTypeOf<Ledger | undefined>();
// @ts-expect-error a ledger is no number
new State().set(Ledger, 7);
// @ts-expect-error statuses are names, not numbers
throw new SftpError(statusCodes.failure);
