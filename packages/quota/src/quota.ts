import {
  definePlugin,
  sftpPath,
  Store,
  token,
  type PluginFactory,
  type SftpPath,
  type Token,
  type User,
} from "@sluice/core";
import { limitAtOnce } from "./atonce.ts";
import { limitBandwidth } from "./bandwidth.ts";
import { Files } from "./files.ts";
import { refuseIncomplete } from "./incomplete.ts";
import { Journal } from "./journal.ts";
import { Ledger, type Limit, type Usage } from "./ledger.ts";
import { Lease } from "./lease.ts";
import { countNames } from "./names.ts";
import { quotaSchema, type QuotaOptions } from "./options.ts";
import { none } from "./record.ts";
import { changeOf, recountSubject, type CountedView, type Recounted } from "./recount.ts";
import { tellSpace } from "./space.ts";
import { Subjects, type Subject } from "./subjects.ts";
import { limitTransfer, Transfer } from "./transfer.ts";
import { countWriting, type Books } from "./writing.ts";

/** What somebody has used, and what they may. */
export interface QuotaUsage extends Usage {
  /** As people read it: `user alice`, `folder /projects`. */
  readonly title: string;
  /** Infinite where there is none. */
  readonly limit: Limit;
}

/** The quotas of a server, for other plugins and for tools. */
export interface Quota {
  /** What counts against a user who writes into a folder. @param folder where they write. @default "/" */
  usage(user: User, folder?: SftpPath): Promise<readonly QuotaUsage[]>;
  /**
   * Counts what is really there, beside live traffic, and corrects the books: of the user, their groups by the same difference, or of a folder.
   *
   * @param views what the user sees: file systems and where they are mounted
   * @throws Error where there is no such quota, or another recount of it is under way
   */
  recount(what: { readonly user: User; readonly tree?: SftpPath }, views: readonly CountedView[]): Promise<Recounted>;
}

/** The server's quotas. */
export const Quota: Token<Quota> = token("quota");

/**
 * Limits what may be stored and moved: by user, group and folder, by reservation, so that nobody overruns. Keeps its books in the server's `Store`.
 *
 * @example
 * server.register(lmdbStore({ path: "./store" }), quota({ users: { "*": { bytes: "10 GiB" } } }));
 */
export const quota: PluginFactory<QuotaOptions | undefined> = definePlugin({
  name: "quota",
  options: quotaSchema.default(quotaSchema.parse({})),
  setup(host, settings) {
    const store = host.services.get(Store);
    const { log } = host;
    const files = new Files();
    const lease = new Lease(store);
    const ledger = new Ledger(store, log, lease);
    const journal = new Journal(store, log, lease, {
      openFiles: () => files.all(),
      owes: (key) => ledger.owes(key),
    });
    const transfer = new Transfer(store, settings, log);
    host.onClose(async () => {
      await journal.close();
      await transfer.close();
      await ledger.close();
    });
    if (!host.rehearsal) {
      ledger.start();
      journal.start();
    }
    const books: Books = {
      store,
      ledger,
      subjects: new Subjects(settings),
      log,
      files,
      journal,
      chunk: settings.chunk,
    };
    host.services.provide(Quota, () => new QuotaBooks(books));
    refuseIncomplete(host);
    limitBandwidth(host, settings);
    limitTransfer(host, transfer);
    limitAtOnce(host, ledger, settings);
    countWriting(host, books);
    countNames(host, books);
    tellSpace(host, books);
  },
});

class QuotaBooks implements Quota {
  readonly #books: Books;

  constructor(books: Books) {
    this.#books = books;
  }

  async usage(user: User, folder: SftpPath = sftpPath("/")): Promise<readonly QuotaUsage[]> {
    const { ledger, subjects } = this.#books;
    const found = subjects.of(user, sftpPath("*", folder));
    return Promise.all(found.map(async ({ key, title, limit }) => ({ title, limit, ...(await ledger.usage(key)) })));
  }

  async recount(
    { user, tree }: { readonly user: User; readonly tree?: SftpPath },
    views: readonly CountedView[],
  ): Promise<Recounted> {
    const { ledger, subjects } = this.#books;
    const own = subjects.ofUser(user);
    const trees = tree === undefined ? [] : subjects.treesOf(user, sftpPath("*", tree));
    // Of several around each other, the one whose folder this is.
    const key =
      tree === undefined ? subjects.userKey(user) : trees.find(({ title }) => title === `folder ${tree}`)?.key;
    if (key === undefined)
      throw new Error(`There is no quota of ${tree === undefined ? `user ${user.name}` : `folder ${tree}`}`);
    const result = await recountSubject(this.#books, key, tree ?? sftpPath("/"), views);
    if (tree === undefined) {
      // What the members of a group have stored is no folder: it is off by as much as its members are.
      for (const group of own.filter((each) => !isUser(each))) await ledger.settle(group.key, changeOf(result), none);
    }
    return result;
  }
}

function isUser({ key }: Subject): boolean {
  return key.startsWith("user/");
}
