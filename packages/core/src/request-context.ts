import type { OperationContext, OperationName, Request, Result } from "./context.ts";
import type { Logger } from "./log.ts";
import type { Session } from "./session.ts";
import type { User } from "./connection.ts";
import { State } from "./token.ts";

/** The context of one request. What few steps ask for (`state`, `log`) is made when it is asked for. */
export class RequestContext<K extends OperationName> implements OperationContext<K> {
  readonly op: K;
  readonly original: Request<K>;
  readonly session: Session;
  request: Request<K>;
  result: Result<K> | undefined = undefined;
  /** The frame that a READ's data was put into, with room in front for the reply's header. */
  frame: Buffer | undefined = undefined;
  #state: State | undefined;
  #log: Logger | undefined;

  constructor(op: K, request: Request<K>, session: Session) {
    this.op = op;
    this.original = request;
    this.request = request;
    this.session = session;
  }

  get user(): User {
    return this.session.user;
  }

  get signal(): AbortSignal {
    return this.session.signal;
  }

  get state(): State {
    return (this.#state ??= new State());
  }

  get log(): Logger {
    return (this.#log ??= this.session.log.child({ op: this.op }));
  }
}
