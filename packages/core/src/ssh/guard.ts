import { broken, Rate, rules, type GuardState } from "./rules.ts";
import { messageHandlers, type Ssh2Internals, type Ssh2Protocol } from "./ssh2.ts";

const requestsPerSecond = 100;
/** ssh2's parser takes this as the place to go on from: behind everything that has arrived. */
const stop = Infinity;

interface Watch extends GuardState {
  count: number;
  last: number | undefined;
  stopped: boolean;
  readonly onViolation: (reason: string) => void;
}

const watched = new WeakMap<Ssh2Protocol, Watch>();
let installed = false;

/** Puts the rules in front of ssh2's handlers. They apply to the connections that are watched, and to no other user of ssh2. */
function install(): void {
  if (installed) return;
  installed = true;
  for (let type = 0; type < 256; type++) {
    const handler = messageHandlers[type];
    if (handler === undefined && !rules.has(type)) continue;
    messageHandlers[type] = (protocol, payload) => {
      const watch = watched.get(protocol);
      if (watch === undefined) return handler?.(protocol, payload);
      // What follows the end in the same piece of data is not looked at: ssh2 would fail again at each message.
      if (watch.stopped) return stop;
      watch.count += 1;
      watch.last = type;
      const reason = broken(type, protocol, payload, watch);
      if (reason === undefined) return handler?.(protocol, payload);
      watch.stopped = true;
      watch.onViolation(`Protocol violation: ${reason} (message ${type})`);
      return stop;
    };
  }
}

/** Watches one connection's messages. ssh2 handles hostile ones by throwing, looping or allocating; here each has a rule. */
export class Guard {
  readonly #watch: Watch;

  /**
   * @param moved bytes moved so far, in both directions
   * @param onKeyExchange called when the client begins a key exchange
   * @param onViolation called at most once, with a reason for the log; the message is dropped
   */
  constructor(
    connection: Ssh2Internals,
    moved: () => number,
    onKeyExchange: () => void,
    onViolation: (reason: string) => void,
  ) {
    install();
    this.#watch = {
      channels: connection._chanMgr,
      authPending: false,
      authRequest: undefined,
      prompted: false,
      extInfo: 0,
      opens: 0,
      rekeys: 0,
      lastRekey: { at: 0, bytes: 0 },
      moved,
      channelRequests: new Rate(requestsPerSecond),
      globalRequests: new Rate(requestsPerSecond),
      onKeyExchange,
      count: 0,
      last: undefined,
      stopped: false,
      onViolation,
    };
    watched.set(connection._protocol, this.#watch);
  }

  /** The number of the message that came last. */
  get lastMessage(): number | undefined {
    return this.#watch.last;
  }

  /** The authentication request that is being decided, as it was sent. */
  get authRequest(): Buffer | undefined {
    return this.#watch.authRequest;
  }

  /** Messages since the last call. */
  takeCount(): number {
    const { count } = this.#watch;
    this.#watch.count = 0;
    return count;
  }

  /** From now on no message is looked at: neither what is left of the piece of data that is being parsed, nor what comes. */
  stop(): void {
    this.#watch.stopped = true;
  }

  /** The client is being asked: it may answer, or begin another attempt. */
  prompted(): void {
    this.#watch.prompted = true;
  }

  /** The pending authentication request was answered. */
  answered(): void {
    this.#watch.authPending = false;
    this.#watch.authRequest = undefined;
    this.#watch.prompted = false;
  }
}
