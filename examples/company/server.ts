import { ldap } from "@sluice/auth-ldap";
import { totp } from "@sluice/auth-totp";
import {
  createServer,
  isWithin,
  namesOf,
  pathsOf,
  sftpPath,
  SftpError,
  type OperationName,
  type Server,
} from "@sluice/core";
import { localFiles } from "@sluice/fs-local";
import { lmdbStore } from "@sluice/store-lmdb";

/** What differs from one company to the next. */
export interface Company {
  readonly directory: {
    readonly url: string;
    readonly base: string;
    readonly bindDn: string;
    readonly password: string;
  };
  /** A folder with `people` and `groups` in it. */
  readonly files: string;
  readonly store: string;
  readonly hostKey: string;
  readonly totpKey: string;
}

const groups = sftpPath("/groups");
/** What everybody may do with the folder that the groups' folders are in. */
const reading: readonly OperationName[] = ["stat", "statfs", "realpath", "opendir", "readdir", "close"];

/** The password is the directory's, then a code of the app. Each user has a home, and the folders of their groups. */
export function companyServer({ directory, files, store, hostKey, totpKey }: Company): Server {
  const { url, base, bindDn, password } = directory;
  const server = createServer({ hostKeys: [hostKey], auth: [["ldap", "totp"]], log: { level: "warn" } });
  server.register(
    lmdbStore({ path: store }), // before those that use it: enrolments and used codes outlive the process
    ldap({
      urls: [url],
      bind: { dn: bindDn, password },
      search: { base: `ou=people,${base}` },
      groups: { search: { base: `ou=groups,${base}` }, required: ["staff"] },
    }),
    totp({ key: { file: totpKey }, issuer: "Example Company", mode: "both" }),
  );
  server.mount("/", localFiles({ root: `${files}/people/{user}`, createRoot: true }));
  server.mount("/groups", localFiles({ root: `${files}/groups` }));
  server.before((ctx) => {
    for (const path of pathsOf(ctx)) {
      if (!isWithin(path, groups)) continue;
      const [, group] = namesOf(path);
      const isAllowed = group === undefined ? reading.includes(ctx.op) : ctx.user.groups.includes(group);
      if (isAllowed) continue;
      throw new SftpError("permissionDenied", "This folder belongs to others");
    }
  });
  server.use("readdir", async (ctx, next) => {
    await next();
    if (ctx.request.directory.path !== groups) return;
    ctx.result = ctx.result?.filter(({ name }) => ctx.user.groups.includes(name));
  });
  return server;
}
