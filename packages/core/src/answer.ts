import type { OperationName, Result } from "./context.ts";
import type { Dispatched } from "./dispatch.ts";
import type { Handles } from "./handles.ts";
import type { NameEntry } from "./protocol/codec.ts";
import { dataHeaderBytes, type ReplyMaker } from "./protocol/replies.ts";
import type { RequestContext } from "./request-context.ts";

/** Writes the reply to a request that was served. */
export function answer(
  dispatched: Dispatched,
  ctx: RequestContext<OperationName>,
  reply: ReplyMaker,
  handles: Handles,
): Uint8Array {
  const { extension } = dispatched;
  // What was opened gets a handle, or nobody would ever close it.
  const opens = ctx.op === "open" || ctx.op === "opendir";
  if (extension?.encode !== undefined && !opens) return extension.encode(reply, ctx.result);
  switch (ctx.op) {
    case "open":
    case "opendir":
      return reply.handle(handles.add(required<"open" | "opendir">(ctx)));
    case "read":
      return data(ctx as RequestContext<"read">, reply);
    case "readdir": {
      const entries = required<"readdir">(ctx);
      return entries.length === 0 ? reply.eof() : reply.names(entries);
    }
    case "stat":
      return reply.attributes(required<"stat">(ctx));
    case "readlink":
    case "realpath":
      return reply.names([bare(required<"readlink" | "realpath">(ctx))]);
    case "extended": {
      const bytes = ctx.result as Result<"extended">;
      return bytes === undefined ? reply.ok() : reply.extended((writer) => writer.raw(bytes));
    }
    default:
      return reply.ok();
  }
}

function bare(name: string): NameEntry {
  return { name, stats: {} };
}

function required<K extends OperationName>(ctx: RequestContext<OperationName>): Exclude<Result<K>, undefined> {
  if (ctx.result === undefined) throw new Error(`A middleware answered "${ctx.op}" without a result`);
  return ctx.result as Exclude<Result<K>, undefined>;
}

/** The data as it was read into its frame, or a copy of what a middleware put in its place. */
function data(ctx: RequestContext<"read">, reply: ReplyMaker): Uint8Array {
  const bytes = required<"read">(ctx);
  if (bytes.length === 0) return reply.eof();
  const { frame } = ctx;
  const inPlace = frame?.buffer === bytes.buffer && bytes.byteOffset === frame.byteOffset + dataHeaderBytes;
  return inPlace && frame !== undefined ? reply.dataInPlace(frame, bytes.length) : reply.data(bytes);
}
