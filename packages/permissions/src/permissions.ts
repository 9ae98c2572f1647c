import { definePlugin, SftpError, sftpPath, type PluginFactory, type Session, type User } from "@sluice/core";
import { boundFiles } from "./bound.ts";
import { explainRules } from "./explain.ts";
import { judgeOperation } from "./guard.ts";
import { Judge } from "./judge.ts";
import { narrowNew, narrowOpen, narrowRename } from "./narrow.ts";
import { schema, type PermissionsOptions } from "./options.ts";
import { RuleBook } from "./rule-book.ts";
import { readRule } from "./rule.ts";
import { warningsOf } from "./warnings.ts";

/**
 * Who may do what, where: rules by user, group and path. The first rule that speaks of a verb on a path decides it; what no rule speaks of is refused.
 *
 * @example
 * server.register(permissions({ rules: [
 *   { paths: ["/archive/**"], allow: "read-only" },
 *   { groups: ["staff"], paths: ["/projects/**"], allow: "all" },
 *   { paths: ["/home/{user}/**"], allow: "all", maxFileBytes: 10_000_000_000 },
 * ] }));
 */
export const permissions: PluginFactory<PermissionsOptions> = definePlugin({
  name: "permissions",
  options: schema,
  setup(host, options) {
    const rules = options.rules.map(readRule);
    const book = new RuleBook(rules);
    const extensions = new Set(options.extensions);
    const now = (): Date => new Date();
    const judges = new WeakMap<User, Judge>();
    const judgeOf = (session: Session): Judge => {
      let judge = judges.get(session.user);
      if (judge === undefined) {
        const { name, groups } = session.user;
        const { remoteAddress } = session.connection;
        judge = new Judge(book.rulesFor({ name, groups, remoteAddress }), now);
        judges.set(session.user, judge);
      }
      return judge;
    };

    const { warnings, whole } = warningsOf(rules);
    for (const { what, earlier, later } of warnings) host.log.warn({ earlier, later }, what);
    if (!whole) host.log.info("There are too many rules to compare each with each: not all contradictions are told");

    host.divert("open", (ctx) => narrowOpen(ctx.request, judgeOf(ctx.session)));
    host.divert("mkdir", (ctx) => narrowNew(ctx.request, judgeOf(ctx.session)));
    host.divert("rename", (ctx) => narrowRename(ctx.request, judgeOf(ctx.session)));
    host.before((ctx) => judgeOperation(ctx, judgeOf(ctx.session), extensions));

    // Who may put files somewhere and not look there may still see that the directory is one; more would tell of the files of others.
    host.use("stat", async (ctx, next) => {
      const { path, file } = ctx.request;
      if (file !== undefined || judgeOf(ctx.session).mayLook(path)) return next();
      try {
        await next();
      } catch (error) {
        // Which refusal it is would tell; that something is broken has to be told.
        throw SftpError.is(error) ? new SftpError("noSuchFile", undefined, { cause: error }) : error;
      }
      if (ctx.result?.type !== "directory") throw new SftpError("noSuchFile");
    });
    host.use("realpath", async (ctx, next) => {
      const { path } = ctx.request;
      if (judgeOf(ctx.session).mayLook(path)) return next();
      ctx.result = path;
    });

    if (rules.some(({ hide }) => hide)) {
      host.use("readdir", async (ctx, next) => {
        await next();
        const judge = judgeOf(ctx.session);
        const { path } = ctx.request.directory;
        ctx.result = ctx.result?.filter(({ name }) => !judge.isHidden(sftpPath(name, path)));
      });
    }

    if (rules.some(({ maxFileBytes }) => maxFileBytes !== Infinity)) {
      boundFiles(host, (path, session) => judgeOf(session).maxFileBytes(path));
    }
    host.onExplain((question) => explainRules(book, question));
  },
});
