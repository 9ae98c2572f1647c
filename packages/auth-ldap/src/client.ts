import { Attribute, Change, Client as Protocol, Control, ResultCodeError, SASL_MECHANISMS } from "ldapts";
import type { connect } from "node:net";
import { encode, Tag } from "./ber.ts";
import { entryOf, sidAttribute, type Entry } from "./entry.ts";
import { Answer, Doubt, isFault, Unreachable } from "./error.ts";
import type { MessageStream, Operation } from "./message-stream.ts";
import { PolicyControl, type PolicyError } from "./policy-control.ts";

/** What a bind was answered. Only the code 0 is success. */
export interface BindAnswer {
  readonly code: number;
  readonly text: string;
  readonly policy: PolicyError | undefined;
}

/** What to search for. */
export interface Search {
  readonly base: string;
  readonly scope: "base" | "one" | "sub";
  readonly filter: string;
  readonly attributes: readonly string[];
  /** More entries than that are an error. */
  readonly limit: number;
}

/** Active Directory would answer a search from its root with references to other partitions (MS-ADTS, section 3.1.1.3.4.1.4). */
const domainScope = "1.2.840.113556.1.4.1339";
const passwordModify = "1.3.6.1.4.1.4203.1.11.1";

/**
 * One connection to one server, for one operation at a time. Each has a time limit, and ends with the signal. After an error other than
 * the directory's answer the connection is gone.
 */
export class Client {
  readonly url: string;
  readonly #stream: MessageStream;
  readonly #protocol: Protocol;
  readonly #operationMs: number;

  constructor(url: string, stream: MessageStream, operationMs: number) {
    this.url = url;
    this.#stream = stream;
    this.#operationMs = operationMs;
    let given = false;
    const createConnection = (): MessageStream => {
      // It would connect anew by itself, in clear text.
      if (given) throw new Error("the connection is gone");
      given = true;
      return stream;
    };
    this.#protocol = new Protocol({
      url: "ldap://directory",
      createConnection: createConnection as unknown as typeof connect,
    });
  }

  get closed(): boolean {
    return this.#stream.destroyed;
  }

  close(): void {
    this.#stream.destroy();
  }

  /** @throws Unreachable, or Answer where the server cannot tell now; every other answer is returned */
  async bind(dn: string, password: string, signal: AbortSignal): Promise<BindAnswer> {
    // An empty password is a request for an anonymous bind, which succeeds (RFC 4513, section 5.1.2).
    if (dn === "" || password === "") throw new Doubt("a bind without a name or a password proves nothing");
    // The library would take it for another kind of bind.
    if ((SASL_MECHANISMS as readonly string[]).includes(dn)) throw new Doubt("the name of the bind is none");
    const policy = new PolicyControl();
    try {
      await this.#run("bind", signal, () => this.#protocol.bind(dn, password, policy));
      return { code: 0, text: "", policy: policy.error };
    } catch (error) {
      if (!(error instanceof Answer) || isFault(error)) throw error;
      return { code: error.code, text: error.message, policy: policy.error };
    }
  }

  /** @throws Doubt for referrals and for more entries than the limit */
  async search(
    search: Search,
    signal: AbortSignal,
    options: { readonly stayInDomain?: boolean } = {},
  ): Promise<Entry[]> {
    const { base, scope, filter, limit } = search;
    const controls = options.stayInDomain === true ? [new Control(domainScope)] : [];
    const found = await this.#find(limit, signal, () =>
      this.#protocol.search(
        base,
        {
          scope,
          filter,
          attributes: search.attributes.length === 0 ? ["1.1"] : [...search.attributes],
          explicitBufferAttributes: [sidAttribute],
          sizeLimit: limit + 1,
          timeLimit: Math.ceil(this.#operationMs / 1000),
        },
        controls,
      ),
    );
    if (found.searchReferences.length > 0) throw new Doubt("the directory refers to another one");
    if (found.searchEntries.length > limit) throw tooMany(limit);
    return found.searchEntries.map(entryOf);
  }

  /** The entry of that name; `undefined` where there is none. */
  async read(dn: string, attributes: readonly string[], signal: AbortSignal): Promise<Entry | undefined> {
    try {
      const [entry] = await this.search(
        { base: dn, scope: "base", filter: "(objectClass=*)", attributes, limit: 1 },
        signal,
      );
      return entry;
    } catch (error) {
      if (error instanceof Answer && error.code === 32) return undefined;
      throw error;
    }
  }

  /** Changes a password by the extended operation of RFC 3062. */
  async modifyPassword(dn: string, oldPassword: string, newPassword: string, signal: AbortSignal): Promise<void> {
    const value = encode(Tag.sequence, encode(0x80, dn), encode(0x81, oldPassword), encode(0x82, newPassword));
    await this.#run("extended", signal, () => this.#protocol.exop(passwordModify, value));
  }

  /** Changes a password in Active Directory, which wants the old one too (MS-ADTS, section 3.1.1.3.1.5). */
  async modifyUnicodePwd(dn: string, oldPassword: string, newPassword: string, signal: AbortSignal): Promise<void> {
    const change = (operation: "delete" | "add", password: string): Change =>
      new Change({
        operation,
        modification: new Attribute({ type: "unicodePwd", values: [Buffer.from(`"${password}"`, "utf16le")] }),
      });
    const changes = [change("delete", oldPassword), change("add", newPassword)];
    await this.#run("modify", signal, () => this.#protocol.modify(dn, changes));
  }

  async #find<T>(limit: number, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    try {
      return await this.#run("search", signal, work);
    } catch (error) {
      // sizeLimitExceeded
      throw error instanceof Answer && error.code === 4 ? tooMany(limit) : error;
    }
  }

  async #run<T>(operation: Operation, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    if (this.closed) throw new Unreachable(`${this.url}: the connection is gone`);
    let late = false;
    let fail: (error: Error) => void = () => {};
    // The library does not tell of every end of a connection, and whoever waits here holds a place.
    const gone = new Promise<never>((_, reject) => (fail = reject));
    const leave = (): void => {
      this.close();
      fail(new Error("the connection was closed"));
    };
    const timer = setTimeout(() => {
      late = true;
      leave();
    }, this.#operationMs);
    signal.addEventListener("abort", leave, { once: true });
    this.#stream.once("close", leave);
    this.#stream.begin(operation);
    try {
      const result = await Promise.race([work(), gone]);
      this.#checkCode(operation);
      return result;
    } catch (error) {
      signal.throwIfAborted();
      const failure = this.#failureOf(operation, error, late);
      if (failure instanceof Unreachable) this.close();
      throw failure;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", leave);
      this.#stream.off("close", leave);
    }
  }

  /** A search that was cut counts as successful in the library. */
  #checkCode(operation: Operation): void {
    const code = this.#stream.last?.code;
    if (code !== 0) throw new Answer(code ?? -1, operation, "");
  }

  #failureOf(operation: Operation, error: unknown, late: boolean): Error {
    if (late)
      return new Unreachable(`${this.url}: no answer to a ${operation} within ${this.#operationMs} ms`, { late });
    // A referral (RFC 4511, section 4.1.10) is not followed: who answers there was never configured.
    if (this.#stream.last?.code === 10) return new Doubt("the directory refers to another one");
    if (error instanceof Answer) return error;
    if (error instanceof ResultCodeError) return new Answer(error.code, operation, error.message);
    const { errored } = this.#stream;
    return new Unreachable(`${this.url}: ${errored?.message ?? (error as Error).message}`, { cause: error });
  }
}

function tooMany(limit: number): Doubt {
  return new Doubt(limit === 1 ? "more than one entry matches" : `more than ${limit} entries match`);
}
