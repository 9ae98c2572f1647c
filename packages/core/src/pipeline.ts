import type { Diversion, Guard, Middleware, Observer, OperationName, Outcome } from "./context.ts";
import type { ErrorStatus } from "./errors.ts";
import { asRefusal } from "./refusal.ts";
import type { RequestContext } from "./request-context.ts";

/**
 * The phases, outermost first. Inside a phase, first registered is outermost: audit sees what guards refuse whatever the order of
 * the plugins, and a cache never answers before a permission check.
 */
export const phases = ["observe", "divert", "guard", "serve"] as const;
export type Phase = (typeof phases)[number];

/** One registered function and the plugin to blame for it. */
export type Step = { readonly plugin: string; readonly operations: readonly OperationName[] | undefined } & (
  | { readonly phase: "observe"; readonly run: Observer }
  | { readonly phase: "divert"; readonly run: Diversion }
  | { readonly phase: "guard"; readonly run: Guard }
  | { readonly phase: "serve"; readonly run: Middleware }
);
type StepOf<P extends Phase> = Extract<Step, { phase: P }>;

/** What a request runs through once it is compiled. */
export type Run<K extends OperationName = OperationName> = (ctx: RequestContext<K>) => Promise<void>;

/** Whether a step was registered for an operation. */
export function appliesTo(step: Step, op: OperationName): boolean {
  return step.operations === undefined || step.operations.includes(op);
}

/** Puts an operation's steps around what serves it, once, so that a request pays only for the steps that asked for it. */
export function compile<K extends OperationName>(op: K, steps: readonly Step[], serve: Run<K>): Run<K> {
  const mine = steps.filter((step) => appliesTo(step, op));
  const of = <P extends Phase>(phase: P): StepOf<P>[] => mine.filter((step): step is StepOf<P> => step.phase === phase);
  let run = serve as unknown as Run;
  for (const step of of("serve").reverse()) run = around(step, run);
  const guards = of("guard");
  if (guards.length > 0) run = guarded(guards, run);
  const diversions = of("divert");
  if (diversions.length > 0) run = diverted(diversions, run);
  const observers = of("observe");
  if (observers.length > 0) run = observed(observers, run);
  return run;
}

type AnyContext = Parameters<Guard>[0];

function around(step: StepOf<"serve">, inner: Run): Run {
  return async (ctx) => {
    let downstream: Promise<void> | undefined;
    let shown: NextPromise | undefined;
    let finished = false;
    let failure: { readonly error: unknown } | undefined;
    // A second next() would be a second write; a late one would work on data that is no longer there.
    const misused = (what: string): Promise<void> => {
      const error = misuse(step, ctx, what);
      if (finished) ctx.log.error({ err: error }, "A middleware misbehaved");
      failure ??= { error };
      return NextPromise.of(Promise.reject(error));
    };
    const next = (): Promise<void> => {
      if (downstream !== undefined) return misused("called next() twice");
      if (finished) return misused("called next() after it had returned");
      downstream = inner(ctx);
      return (shown = NextPromise.of(downstream));
    };
    try {
      await step.run(ctx as AnyContext, next);
    } catch (error) {
      failure ??= { error };
    }
    finished = true;
    // Nobody may answer before the request is served, or without knowing how it ended: a write that failed would be acknowledged.
    if (downstream !== undefined && shown?.heard === false) {
      failure ??= { error: misuse(step, ctx, "did not await next()") };
    }
    // It may have been listened to, and yet not waited for.
    if (shown?.settled === false) {
      await shown.catch(() => undefined);
      failure ??= { error: misuse(step, ctx, "did not await next()") };
    }
    if (failure !== undefined) throw failure.error;
  };
}

/** What `next()` returns. It knows whether anybody listened: a promise that nobody awaits would hide a failure. */
class NextPromise extends Promise<void> {
  heard = false;
  settled = false;

  static of(work: Promise<void>): NextPromise {
    const promise = new NextPromise((resolve, reject) => {
      work.then(resolve, reject);
    });
    const settle = (): void => {
      promise.settled = true;
    };
    // Not through `then`, which would count as listening; and so that a rejection always has somebody to hear it.
    void Promise.prototype.then.call(promise, settle, settle);
    return promise;
  }

  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  override then<A = void, B = never>(
    fulfilled?: ((value: void) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.heard = true;
    return super.then(fulfilled, rejected);
  }
}

function misuse(step: Step, ctx: RequestContext<OperationName>, what: string): Error {
  return new Error(`The "${ctx.op}" middleware of plugin "${step.plugin}" ${what}`);
}

function guarded(guards: readonly StepOf<"guard">[], inner: Run): Run {
  const from = (start: number, ctx: RequestContext<OperationName>): Promise<void> => {
    for (let i = start; i < guards.length; i++) {
      let verdict: void | Promise<void>;
      try {
        verdict = guards[i]?.run(ctx as AnyContext);
      } catch (error) {
        return Promise.reject(error);
      }
      if (verdict !== undefined) return verdict.then(() => from(i + 1, ctx));
    }
    return inner(ctx);
  };
  return (ctx) => from(0, ctx);
}

function diverted(diversions: readonly StepOf<"divert">[], inner: Run): Run {
  return async (ctx) => {
    for (const step of diversions) {
      const changes = await step.run(ctx as AnyContext);
      if (changes !== undefined) ctx.request = { ...ctx.request, ...changes } as typeof ctx.request;
    }
    await inner(ctx);
  };
}

function observed(observers: readonly StepOf<"observe">[], inner: Run): Run {
  const notify = (ctx: RequestContext<OperationName>, outcome: Outcome): void => {
    for (const step of observers) {
      try {
        step.run(ctx as AnyContext, outcome);
      } catch (error) {
        ctx.log.error({ plugin: step.plugin, err: error }, "An observer failed");
      }
    }
  };
  return async (ctx) => {
    const start = performance.now();
    try {
      await inner(ctx);
    } catch (error) {
      notify(ctx, { status: statusOf(error), durationMs: performance.now() - start, error });
      throw error;
    }
    notify(ctx, { status: isEnd(ctx) ? "eof" : "ok", durationMs: performance.now() - start });
  };
}

function isEnd(ctx: RequestContext<OperationName>): boolean {
  if (ctx.op !== "read" && ctx.op !== "readdir") return false;
  return (ctx.result as ArrayLike<unknown> | undefined)?.length === 0;
}

function statusOf(error: unknown): ErrorStatus {
  return asRefusal(error)?.status ?? "failure";
}
