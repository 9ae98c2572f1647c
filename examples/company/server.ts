import { audit } from "@sluice/audit";
import { ldap } from "@sluice/auth-ldap";
import { totp } from "@sluice/auth-totp";
import { createServer, type Server } from "@sluice/core";
import { localFiles } from "@sluice/fs-local";
import { permissions } from "@sluice/permissions";
import { quota } from "@sluice/quota";
import { lmdbStore } from "@sluice/store-lmdb";
import { scanUploads } from "./scan.ts";

/** What differs from one company to the next. */
export interface Company {
  readonly directory: {
    readonly url: string;
    readonly base: string;
    readonly bindDn: string;
    readonly password: string;
  };
  /** The directory's groups that have a folder. */
  readonly groups: readonly string[];
  /** A folder with `people` and `groups` in it. */
  readonly files: string;
  readonly store: string;
  readonly hostKey: string;
  readonly totpKey: string;
  /** The log of what was done. */
  readonly audit: string;
  /** At `warn` the log tells at each start which rules are exceptions from others. */
  readonly logLevel: "warn" | "error";
  /** What each user may store, and what each group's folder may hold, such as `10 GiB`. */
  readonly quota: { readonly user: string; readonly group: string };
}

/** The password is the directory's, then a code of the app. Each user has a home, and the folders of their groups. */
export function companyServer(company: Company): Server {
  const { directory, groups, files, hostKey } = company;
  const { url, base, bindDn, password } = directory;
  const server = createServer({ hostKeys: [hostKey], auth: [["ldap", "totp"]], log: { level: company.logLevel } });
  server.register(
    audit({ file: company.audit, checkpoint: { records: 100, seconds: 60 } }),
    lmdbStore({ path: company.store }), // before those that use it: enrolments, used codes and quotas outlive the process
    ldap({
      urls: [url],
      bind: { dn: bindDn, password },
      search: { base: `ou=people,${base}` },
      groups: { search: { base: `ou=groups,${base}` }, required: ["staff"] },
    }),
    totp({ key: { file: company.totpKey }, issuer: "Example Company", mode: "both" }),
    permissions({
      rules: [
        { name: "archives", groups, paths: ["/groups/*/archive/**"], deny: changing },
        ...groups.map((group) => ({
          name: `folder of ${group}`,
          groups: [group],
          paths: [`/groups/${group}/**`],
          allow: "all" as const,
        })),
        { name: "folders of others", paths: ["/groups/*"], hide: true },
        { name: "the folders' folder", paths: ["/groups"], allow: ["list"] },
        { name: "homes", paths: ["/**"], allow: "all" },
      ],
    }),
    quota({ users: { "*": { bytes: company.quota.user } }, trees: { "/groups/*": { bytes: company.quota.group } } }),
    scanUploads(), // behind the quota, which has the books right when this one refuses
  );
  server.mount("/", localFiles({ root: `${files}/people/{user}`, createRoot: true }));
  server.mount("/groups", localFiles({ root: `${files}/groups` }));
  return server;
}

/** All that does not only look. */
const changing = [
  "upload",
  "overwrite",
  "delete",
  "rename",
  "createDirectories",
  "createLinks",
  "chmod",
  "chown",
  "chtimes",
] as const;
