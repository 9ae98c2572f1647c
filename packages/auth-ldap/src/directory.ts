import { randomUUID } from "node:crypto";
import type { Address } from "./address.ts";
import { accountAttributes } from "./account.ts";
import { Cache } from "./cache.ts";
import { Client, type BindAnswer } from "./client.ts";
import { comparable, escapeValue } from "./dn.ts";
import { draftAttributes, nameOf } from "./draft.ts";
import { valueOf, type Entry } from "./entry.ts";
import { Answer, Doubt, isFault, Unavailable } from "./error.ts";
import { Gate } from "./gate.ts";
import { groupsOf, memberAttributes, type Group } from "./groups.ts";
import type { Settings } from "./settings.ts";
import { Pool } from "./pool.ts";
import { RootDses } from "./root-dse.ts";
import type { Servers } from "./servers.ts";
import { fillFilter } from "./template.ts";
import { dial, type Security } from "./transport.ts";

/** A user as the directory knows them. */
export interface Person {
  /** The canonical name. */
  readonly name: string;
  readonly entry: Entry;
}

/** A password to be changed. */
export interface PasswordChange {
  readonly dn: string;
  readonly from: string;
  readonly to: string;
}

const activeDirectoryFilter =
  "(&(objectCategory=person)(objectClass=user)(|(sAMAccountName={username})(userPrincipalName={username})))";
const boundFilter = "(&(objectClass=user)(|(userPrincipalName={bound})(sAMAccountName={username})))";
/** The result code of a search whose base is not there (RFC 4511, appendix A). */
const noSuchObject = 32;
/** Most users, and most unknown names, that are kept. */
const maxPeople = 2000;
const maxNames = 10_000;

/** What the methods ask of a directory, with connections that are shared where they may be. */
export class Directory {
  readonly settings: Settings;
  readonly #security: Security;
  readonly #servers: Servers;
  readonly #pool: Pool;
  readonly #binds: Gate;
  readonly #rootDses: RootDses = new RootDses();
  readonly #attributes: readonly string[];
  readonly #bound = new Set<Client>();
  readonly #people: Cache<Person> = new Cache(maxPeople);
  readonly #unknown: Cache<true> = new Cache(maxNames);
  readonly #groups: Cache<readonly Group[]> = new Cache(maxPeople);
  #closed = false;

  constructor(settings: Settings, security: Security, servers: Servers) {
    this.settings = settings;
    this.#security = security;
    this.#servers = servers;
    this.#binds = new Gate(settings.bindConnections);
    this.#pool = new Pool({
      servers,
      dial: (address, signal) => this.#dial(address, signal),
      account: settings.bind,
      size: settings.searchConnections,
    });
    const { attributes, groups } = settings;
    this.#attributes = [
      ...new Set([
        ...accountAttributes,
        ...draftAttributes(settings),
        ...attributes.keys,
        ...(groups === undefined ? [] : memberAttributes(groups)),
      ]),
    ];
  }

  /** Ends every connection; whoever waits is refused. */
  close(): void {
    this.#closed = true;
    this.#pool.close();
    for (const client of this.#bound) client.close();
  }

  /** The one user of that name; `undefined` where there is none. @throws Doubt where there are several */
  async find(username: string, signal: AbortSignal): Promise<Person | undefined> {
    const known = this.#people.get(username);
    if (known !== undefined) return known;
    if (this.#unknown.get(username) === true) return undefined;
    const person = await this.#pool.use((client) => this.#search(client, username, signal), signal);
    if (person === undefined) this.#unknown.set(username, true, this.settings.unknownCacheMs);
    else this.#people.set(username, person, this.settings.cacheMs);
    return person;
  }

  /** What is known of a name is looked up anew next time. */
  forget(username: string): void {
    this.#people.delete(username);
  }

  /** The entry and groups as they are now, past every cache; `undefined` where the entry is gone. */
  async look(
    dn: string,
    name: string,
    signal: AbortSignal,
  ): Promise<{ readonly entry: Entry; readonly groups: readonly Group[] } | undefined> {
    return this.#pool.use(async (client) => {
      const entry = await client.read(dn, this.#attributes, signal);
      if (entry === undefined) return undefined;
      if ((await this.#rootDses.of(client, signal)).activeDirectory) checkShown(entry);
      return { entry, groups: await this.#readGroups(client, { name, entry }, signal) };
    }, signal);
  }

  /** The groups of a user, as the searching account sees them. */
  async groups(person: Person, signal: AbortSignal): Promise<readonly Group[]> {
    if (this.settings.groups === undefined) return [];
    const key = comparable(person.entry.dn);
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    const groups = await this.#pool.use((client) => this.#readGroups(client, person, signal), signal);
    this.#groups.set(key, groups, this.settings.cacheMs);
    return groups;
  }

  /** The same by a connection of the user's own. */
  async groupsBy(client: Client, person: Person, signal: AbortSignal): Promise<readonly Group[]> {
    return this.#readGroups(client, person, signal);
  }

  /** Binds with a fresh connection, and does `work` with it whatever the answer was. */
  async bindAs<T>(
    dn: string,
    password: string,
    signal: AbortSignal,
    work: (client: Client, answer: BindAnswer) => Promise<T>,
  ): Promise<T> {
    return this.#binds.run(
      () =>
        this.#servers.run(async (address) => {
          const client = await this.#dial(address, signal);
          this.#bound.add(client);
          try {
            return await work(client, await client.bind(dn, password, signal));
          } finally {
            this.#bound.delete(client);
            client.close();
          }
        }, signal),
      signal,
    );
  }

  /** Takes the time of a wrong password, for a name that nobody has. */
  async pretend(password: string, signal: AbortSignal): Promise<void> {
    const { search } = this.settings;
    const dn = search?.decoy ?? `cn=${escapeValue(randomUUID())},${search?.base}`;
    await this.bindAs(dn, password, signal, async () => {});
  }

  /** The user as whom a connection is bound: by a distinguished name, or by a name of Active Directory. */
  async self(
    client: Client,
    bound: { readonly name: string; readonly isDn: boolean },
    username: string,
    signal: AbortSignal,
  ): Promise<Person> {
    const { defaultBase, activeDirectory } = await this.#rootDses.of(client, signal);
    const names = new Map([
      ["bound", bound.name],
      ["username", username],
    ]);
    const entry = bound.isDn
      ? await client.read(bound.name, this.#attributes, signal)
      : await this.#accountOf(client, names, defaultBase, signal);
    if (entry === undefined) throw new Doubt(`${username} may not read the own entry`);
    return { entry, name: nameOf(this.settings, entry, activeDirectory) };
  }

  /** Changes a password over a connection that the user is bound to. `isReset`: nothing else may be asked on it, as OpenLDAP has it. */
  async changeOwnPassword(
    client: Client,
    isReset: boolean,
    change: PasswordChange,
    signal: AbortSignal,
  ): Promise<void> {
    const isAd = !isReset && (await this.#rootDses.of(client, signal)).activeDirectory;
    await sendChange(client, isAd, change, signal);
  }

  /** Changes a password, by the old one, over a connection that searches. */
  async changePassword(change: PasswordChange, signal: AbortSignal): Promise<void> {
    await this.#pool.use(async (client) => {
      const { activeDirectory } = await this.#rootDses.of(client, signal);
      // An idle connection may be gone. That shows by what may be sent twice.
      await client.read("", [], signal);
      await sendChange(client, activeDirectory, change, signal);
    }, signal);
  }

  async #search(client: Client, username: string, signal: AbortSignal): Promise<Person | undefined> {
    const { search } = this.settings;
    if (search === undefined) throw new Doubt("there is no option search");
    const { activeDirectory } = await this.#rootDses.of(client, signal);
    const filter = search.filter ?? (activeDirectory ? activeDirectoryFilter : "(uid={username})");
    const { base, scope } = search;
    const people = {
      base,
      scope,
      attributes: this.#attributes,
      limit: 1,
      filter: fillFilter(filter, new Map([["username", username]])),
    };
    try {
      const [entry] = await client.search(people, signal, { stayInDomain: activeDirectory });
      if (activeDirectory) checkShown(entry);
      return entry === undefined ? undefined : { entry, name: nameOf(this.settings, entry, activeDirectory) };
    } catch (error) {
      if (!(error instanceof Answer) || error.code !== noSuchObject) throw error;
      throw new Answer(error.code, "search.base is not in the directory, or the account of bind may not see it", base);
    }
  }

  async #readGroups(client: Client, { entry, name }: Person, signal: AbortSignal): Promise<readonly Group[]> {
    const { groups } = this.settings;
    if (groups === undefined) return [];
    const rootDse = await this.#rootDses.of(client, signal);
    return groupsOf(groups, { client, rootDse, entry, username: name, signal });
  }

  /**
   * The account that a name of Active Directory means. It takes such a name for a userPrincipalName first, and then for a sAMAccountName: where both
   * lead to one entry, that is who has bound.
   */
  async #accountOf(
    client: Client,
    names: ReadonlyMap<string, string>,
    base: string | undefined,
    signal: AbortSignal,
  ): Promise<Entry | undefined> {
    if (base === undefined) throw new Doubt("the directory does not say where its users are; use a distinguished name");
    const filter = fillFilter(boundFilter, names);
    const [entry] = await client.search(
      { base, scope: "sub", filter, attributes: this.#attributes, limit: 1 },
      signal,
      { stayInDomain: true },
    );
    return entry;
  }

  async #dial(address: Address, signal: AbortSignal): Promise<Client> {
    const { connectMs, operationMs } = this.settings;
    const stream = await dial(address, this.#security, connectMs, signal);
    if (this.#closed) {
      stream.destroy();
      throw new Unavailable("the server is closing");
    }
    return new Client(address.url, stream, operationMs);
  }
}

/** Every user of Active Directory has it: where it does not show, neither would a disabled account. */
function checkShown(entry: Entry | undefined): void {
  if (entry === undefined || valueOf(entry, "userAccountControl") !== undefined) return;
  throw new Doubt("userAccountControl does not show: the account of the option bind needs the right to read it");
}

async function sendChange(
  client: Client,
  activeDirectory: boolean,
  { dn, from, to }: PasswordChange,
  signal: AbortSignal,
): Promise<void> {
  try {
    if (activeDirectory) await client.modifyUnicodePwd(dn, from, to, signal);
    else await client.modifyPassword(dn, from, to, signal);
  } catch (error) {
    if (!isFault(error)) throw error;
    // It may have been set: nobody is to be asked the same again.
    throw new Doubt(`whether the password was changed is not known: ${(error as Error).message}`);
  }
}
