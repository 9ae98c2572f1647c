import {
  SftpError,
  token,
  type Context,
  type OpenFile,
  type Outcome,
  type PluginHost,
  type Session,
  type Token,
} from "@sluice/core";
import { Account, AccountState, FactorsState, peerOf } from "./account.ts";
import { changing, isChange, misses, onOpenFile } from "./changes.ts";
import type { Recorder } from "./recorder.ts";
import { bounded, byRule, endingOf, endingOfError, type Ending } from "./refusal.ts";
import { common, type RecordBody } from "./record.ts";
import { Budget } from "./sequence.ts";
import { subjectOf } from "./subject.ts";
import { Transfer, TransferState, withoutOutcome, type Hashing } from "./transfer.ts";

/** A session whose connection goes on gets its record so long after it ended: what it had open is closed by then. */
const settleMs = 1000;

/** What strict mode leaves for the observer: how the request had ended when it was recorded. */
const RecordedState: Token<string> = token("audit.recorded");
/** `seq` of the intent that an open was announced with. */
const IntentState: Token<number> = token("audit.intent");

/** Turns what happens on a server into records. */
export class Trail {
  readonly #log: Recorder;
  readonly #hashing: Hashing;
  readonly #budget = new Budget();
  /** Sessions that have no record yet. */
  readonly #accounts = new Set<Account>();
  readonly #timers = new Set<NodeJS.Timeout>();
  /** Whether requests carry what strict mode has left in their state: else none is made for them. */
  #strict = false;

  constructor(log: Recorder, hashing: Hashing) {
    this.#log = log;
    this.#hashing = hashing;
  }

  /** Registers what sees everything and holds nothing up. */
  observe(host: PluginHost): void {
    host.afterLogin((login, verdict) => {
      const { connection, factors, username, mechanism } = login;
      if (verdict.is === "proven") connection.state.set(FactorsState, [...factors]);
      const reason =
        verdict.is === "proven"
          ? undefined
          : verdict.is === "refused"
            ? bounded(verdict.reason)
            : verdict.is === "changeRequired"
              ? "The password has to be changed"
              : "Unknown to every method";
      this.#log.append({
        type: "login",
        outcome: verdict.is === "proven" ? "ok" : "refused",
        ...peerOf(connection, username),
        factors: [...factors],
        mechanism,
        ...(reason === undefined ? {} : { reason }),
      });
    });
    host.onSession((session) => this.#begin(session));
    host.onDisconnect((connection) => {
      for (const account of this.#accounts) if (account.session.connection === connection) this.#end(account);
    });
    host.after("open", (ctx, outcome) => {
      if (outcome.status === "ok" && ctx.result !== undefined) this.#opened(ctx, ctx.result);
      else this.#operation(ctx, outcome);
    });
    host.after("read", (ctx, outcome) => {
      const transfer = ctx.request.file.state.get(TransferState);
      if (transfer === undefined || outcome.status === "eof") return;
      if (outcome.status === "ok") transfer.read(ctx.request.position, ctx.result ?? new Uint8Array());
      else transfer.failed("read", endingOf(outcome));
    });
    host.after("write", (ctx, outcome) => {
      const transfer = ctx.request.file.state.get(TransferState);
      if (outcome.status === "ok") transfer?.written(ctx.request.position, ctx.request.data);
      else transfer?.failed("write", endingOf(outcome));
    });
    host.after(["sync", "lock", "unlock"], (ctx, outcome) => {
      if (outcome.status !== "ok") ctx.request.file.state.get(TransferState)?.failed(ctx.op, endingOf(outcome));
    });
    host.after("close", (ctx, outcome) => this.#closed(ctx, outcome));
    const rest = ["opendir", "readdir", "stat", "statfs", "readlink", "realpath", ...changing] as const;
    host.after(rest, (ctx, outcome) => this.#operation(ctx, outcome));
  }

  /**
   * Registers what strict mode needs: an intent is written before anything is changed, opened or published, and the reply waits for the record of
   * the outcome. What cannot be recorded is refused.
   */
  enforce(host: PluginHost): void {
    this.#strict = true;
    host.beforeLogin(() => this.#check());
    host.onSession(async (session) => {
      const account = this.#account(session);
      account.intent = await this.#log.commit({
        type: "intent",
        [common]: account.who,
        op: "session",
      });
    });
    host.before([...onOpenFile], () => this.#check());
    host.use([...changing], async (ctx, next) => {
      const intent = await this.#announce(ctx, subjectOf(ctx));
      const start = performance.now();
      try {
        await next();
      } catch (error) {
        await this.#conclude(ctx, endingOfError(error), intent, start).catch(() => undefined);
        throw error;
      }
      await this.#conclude(ctx, { outcome: "ok", status: "ok" }, intent, start);
    });
    host.use("open", async (ctx, next) => {
      ctx.state.set(IntentState, await this.#announce(ctx, subjectOf(ctx)));
      await next();
    });
    host.use("close", async (ctx, next) => {
      const { file, outcome } = ctx.request;
      const transfer = file.state.get(TransferState);
      // What was refused after it had been opened is told by the refusal's record.
      if (file.kind !== "file" || transfer === undefined) return next();
      // Closing is what publishes an upload: what would be published unrecorded is dropped instead.
      if (file.flags.write && outcome === "completed") {
        const described = transfer.describe();
        await this.#announce(ctx, {
          path: file.path,
          bytesWritten: file.bytesWritten,
          sha256: described["sha256"],
        });
      }
      await next();
      ctx.state.set(RecordedState, "ok");
      await this.#held(this.#transferRecord(ctx, { outcome: "ok", status: "ok" }));
    });
  }

  /** Writes what is left. */
  close(): void {
    for (const account of this.#accounts) this.#end(account);
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  #account(session: Session): Account {
    let account = session.state.get(AccountState);
    if (account === undefined) session.state.set(AccountState, (account = new Account(session)));
    return account;
  }

  #begin(session: Session): void {
    const account = this.#account(session);
    this.#accounts.add(account);
    const ended = (): void => {
      account.endedAt = performance.now();
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        if (account.open === 0) this.#end(account);
      }, settleMs).unref();
      this.#timers.add(timer);
    };
    if (session.signal.aborted) ended();
    else session.signal.addEventListener("abort", ended, { once: true });
  }

  #end(account: Account): void {
    if (!this.#accounts.delete(account)) return;
    this.#log.append({ type: "session", outcome: "ended", ...account.describe() });
  }

  #opened(ctx: Context<"open">, file: OpenFile): void {
    const account = this.#account(ctx.session);
    account.files += 1;
    account.open += 1;
    const { path } = ctx.original;
    const intent = this.#strict ? ctx.state.get(IntentState) : undefined;
    file.state.set(
      TransferState,
      new Transfer(file, path === file.path ? undefined : path, this.#hashing, this.#budget, intent),
    );
  }

  #closed(ctx: Context<"close">, outcome: Outcome): void {
    const { file } = ctx.request;
    const account = this.#account(ctx.session);
    if (file.kind !== "file") {
      if (outcome.status !== "ok") this.#operation(ctx, outcome);
      return;
    }
    if (file.state.get(TransferState) === undefined) return;
    const ending = endingOf(outcome);
    const recorded = this.#strict ? ctx.state.get(RecordedState) : undefined;
    if (recorded !== ending.status) this.#log.append(this.#transferRecord(ctx, ending));
    file.state.delete(TransferState);
    account.open -= 1;
    account.bytesRead += file.bytesRead;
    account.bytesWritten += file.bytesWritten;
    if (account.open === 0 && account.endedAt !== undefined && ctx.session.connection.phase !== "closed")
      this.#settle(account);
  }

  /** The last file of a session that has ended is closed: unless another follows at once, its record can be written. */
  #settle(account: Account): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (account.open === 0) this.#end(account);
    }, settleMs).unref();
    this.#timers.add(timer);
  }

  #transferRecord(ctx: Context<"close">, ending: Ending): RecordBody {
    const { file, outcome } = ctx.request;
    const transfer = file.state.get(TransferState);
    return {
      type: "transfer",
      outcome: ending.outcome === "ok" ? outcome : outcome === "aborted" ? "aborted" : "refused",
      [common]: this.#account(ctx.session).who,
      ...(transfer?.intent === undefined ? {} : { intent: transfer.intent }),
      ...transfer?.describe(),
      ...withoutOutcome(ending),
    };
  }

  #operation(ctx: Context, outcome: Outcome): void {
    const { status } = outcome;
    if (status === "eof" || (status === "ok" && !isChange(ctx.op))) return;
    const ending = endingOf(outcome);
    if (status === "ok") this.#touched(ctx);
    else if (!isChange(ctx.op) && ctx.op !== "open" && misses.has(status) && !byRule(ending)) return;
    const account = this.#account(ctx.session);
    if (ending.outcome === "ok") account.changes += 1;
    else account.refusals += 1;
    if (this.#strict && ctx.state.get(RecordedState) === status) return;
    const intent = this.#strict ? ctx.state.get(IntentState) : undefined;
    this.#log.append(this.#operationRecord(ctx, ending, intent, outcome.durationMs));
  }

  #operationRecord(ctx: Context, ending: Ending, intent: number | undefined, durationMs: number): RecordBody {
    return {
      type: "operation",
      outcome: ending.outcome,
      [common]: this.#account(ctx.session).who,
      ...(intent === undefined ? {} : { intent }),
      op: ctx.op,
      ...subjectOf(ctx),
      ...withoutOutcome(ending),
      durationMs: Math.round(durationMs * 1000) / 1000,
    };
  }

  /** A change that bears on the hash of an open file. */
  #touched(ctx: Context): void {
    if (ctx.op === "copy") ctx.request.to.state.get(TransferState)?.spoil("copied");
    if (ctx.op === "setstat" && ctx.request.attributes.size !== undefined) {
      ctx.request.file?.state.get(TransferState)?.resized(ctx.request.attributes.size);
    }
  }

  async #announce(ctx: Context, subject: Record<string, unknown>): Promise<number> {
    return this.#held({ type: "intent", [common]: this.#account(ctx.session).who, op: ctx.op, ...subject });
  }

  async #conclude(ctx: Context, ending: Ending, intent: number, start: number): Promise<void> {
    ctx.state.set(IntentState, intent);
    ctx.state.set(RecordedState, ending.status);
    await this.#held(this.#operationRecord(ctx, ending, intent, performance.now() - start));
  }

  async #held(body: RecordBody): Promise<number> {
    try {
      return await this.#log.commit(body);
    } catch (error) {
      throw unrecorded(error);
    }
  }

  #check(): void {
    const { trouble } = this.#log;
    if (trouble !== undefined) throw unrecorded(new Error(trouble));
  }
}

function unrecorded(error: unknown): SftpError {
  return new SftpError("failure", "The server cannot record this now", {
    detail: `audit: ${error instanceof Error ? error.message : String(error)}`,
    cause: error,
  });
}
