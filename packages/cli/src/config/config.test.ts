import { generateHostKey } from "@sluice/core";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Failure } from "../failure.ts";
import { assemble, type Assembled } from "./assemble.ts";
import { findConfig, loadConfig } from "./load.ts";
import { makeServer } from "./open.ts";

let directory: string;
const before = process.cwd();

beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), "sluice-config-")));
  process.chdir(directory);
  writeFileSync("host", generateHostKey().privateKey, { mode: 0o600 });
  packageOf(
    "sluice-greet",
    `const make = (options) => ({ name: "greet", requires: [], setup: async () => {}, validate: async () => {
       const issues = [];
       for (const key of Object.keys(options ?? {})) if (!["times", "loud", "word"].includes(key)) issues.push({ message: "unknown", path: [key] });
       if (options?.times !== undefined && typeof options.times !== "number") issues.push({ message: "expected number", path: ["times"] });
       if (options?.loud !== undefined && typeof options.loud !== "boolean") issues.push({ message: "expected boolean", path: [{ key: "loud" }] });
       if (options?.word?.startsWith?.("bad")) issues.push({ message: \`not \${options.word}\`, path: ["word"] });
       return issues;
     } });
     export const greet = Object.assign(make, { pluginName: "greet" });
     export const greetAlias = greet;
     export const helper = () => 1;`,
  );
  packageOf(
    "sluice-fs-box",
    `class SetupError extends Error { name = "SetupError"; code = "ERR_SLUICE_OPTIONS"; constructor(m, issues) { super(m); this.issues = issues; } }
     const make = (options) => {
       if (typeof options?.size !== "number") throw new SetupError("box: size", [{ message: "expected number", path: ["size"] }]);
       if (options.size > 9) throw new SetupError("the root is too large", []);
       return { open: async () => {}, list: async function* () {}, stat: async () => {} };
     };
     export const box = Object.assign(make, { fileSystemName: "fs-box" });`,
  );
});

afterEach(() => {
  process.chdir(before);
  rmSync(directory, { recursive: true });
});

function packageOf(name: string, source: string): void {
  const folder = join(directory, "node_modules", name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, "package.json"),
    JSON.stringify({ name, type: "module", exports: { ".": { import: "./index.js" } } }),
  );
  writeFileSync(join(folder, "index.js"), source);
}

const good = `hostKeys: [./host]
plugins:
  - sluice-greet: { times: 2 }
mounts:
  - { path: /, use: sluice-fs-box, options: { size: 3 } }
`;

async function open(
  text: string,
  environment: NodeJS.ProcessEnv = {},
  name = "sluice.config.yaml",
): Promise<Assembled> {
  writeFileSync(name, text);
  return assemble(await loadConfig({ file: join(directory, name), shown: name }, environment));
}

async function errors(
  text: string,
  environment: NodeJS.ProcessEnv = {},
  name = "sluice.config.yaml",
): Promise<string[]> {
  try {
    await open(text, environment, name);
  } catch (error) {
    if (error instanceof Failure) return error.lines.map((line) => line.replace(name, "x"));
    throw error;
  }
  return [];
}

test("a configuration becomes options, addresses, plugins and mounts", async () => {
  const assembled = await open(`${good}listen: [2022, { host: "::1", port: 0 }]\nlimits: { sessions: 3 }\n`);
  expect(assembled.options).toEqual({ hostKeys: ["./host"], limits: { sessions: 3 } });
  expect(assembled.listen).toEqual([{ port: 2022 }, { host: "::1", port: 0 }]);
  expect(assembled.plugins.map((plugin) => plugin.name)).toEqual(["greet"]);
  expect(assembled.mounts).toEqual([{ path: "/", source: expect.objectContaining({ open: expect.any(Function) }) }]);
});

test("every mistake of the shape is told at once, each at its position", async () => {
  const text = `listne: 2022
listen: { port: x, hots: y }
hostKeys: []
auth: [[]]
ident: 7
mounts:
  - { path: srv, use: 3, option: {} }
limits:
  sessions: 0
  sesions: 1
log: { level: loud }
plugins:
  - a: {}
    b: {}
  - 5
symlinkOrder: both
`;
  expect(await errors(text)).toEqual([
    'x:1:1 listne: unknown option; did you mean "listen"?',
    "x:2:17 listen.port: expected a port from 0 to 65535",
    'x:2:20 listen.hots: unknown option; did you mean "host"?',
    'x:3:11 hostKeys: expected a list of at least one host key; make one with "sluice hostkey"',
    "x:4:8 auth[0]: expected at least one method",
    "x:5:8 ident: expected string, received number",
    'x:7:13 mounts[0].path: expected a path that begins with "/"',
    "x:7:23 mounts[0].use: expected a package's name",
    'x:7:26 mounts[0].option: unknown option; did you mean "options"?',
    "x:9:13 limits.sessions: expected a whole number from 1",
    'x:10:3 limits.sesions: unknown option; did you mean "sessions"?',
    'x:11:15 log.level: expected one of "trace"|"debug"|"info"|"warn"|"error"|"fatal"|"silent"',
    "x:13:5 plugins[0]: expected one package's name with its options; begin each plugin with a dash of its own",
    "x:15:5 plugins[1]: expected a package's name, or its name with options",
    'x:16:15 symlinkOrder: expected one of "auto"|"openssh"|"spec"',
  ]);
});

test("guards against floods may be set, and one of them left out", async () => {
  const { options } = await open(
    `${good}allow: [10.0.0.0/8]\ndeny: []\nmaxStartups: "1:2:3"\npenalties: false\nrekey: { ms: 5 }\n`,
  );
  expect(options).toMatchObject({
    allow: ["10.0.0.0/8"],
    deny: [],
    maxStartups: "1:2:3",
    penalties: false,
    rekey: { ms: 5 },
  });
  expect(await errors(`${good}penalties: true\n`)).toEqual([
    "x:6:12 penalties: expected false, or some of the penalties",
  ]);
  expect(await errors(`${good}penalties: { crashMs: 0, authMs: 1 }\n`)).toEqual([
    "x:6:23 penalties.crashMs: expected a whole number from 1",
    expect.stringMatching(/^x:6:26 penalties\.authMs: unknown option/),
  ]);
});

test("algorithms are a preset or lists", async () => {
  const { options } = await open(`${good}algorithms: compatible\nrequireStrictKex: true\n`);
  expect(options).toMatchObject({ algorithms: "compatible", requireStrictKex: true });
  expect(await errors(`${good}algorithms: { kex: [curve25519-sha256] }\n`)).toEqual([]);
  expect(await errors(`${good}algorithms: old\n`)).toEqual([
    'x:6:13 algorithms: expected "modern", "compatible", or lists of algorithms',
  ]);
  expect(await errors(`${good}algorithms: { kexx: [] }\n`)).toEqual([
    'x:6:15 algorithms.kexx: unknown option; did you mean "kex"?',
  ]);
});

test("what is missing is told where it belongs", async () => {
  expect(await errors("listen: 2022\n")).toEqual([
    'x:1:1 hostKeys: expected a list of at least one host key; make one with "sluice hostkey"',
  ]);
  expect(await errors("# nothing\n")).toEqual(["x:1:1: expected object, received null"]);
  expect(await errors("- a\n")).toEqual(["x:1:1: expected object, received array"]);
  expect(await errors(good.replace("path: /, ", ""))).toEqual([
    "x:5:5 mounts[0].path: expected string, but it is missing",
  ]);
});

test("JSON mistakes have positions too", async () => {
  const text = '{\n\t"hostKeys": ["./host"],\n\t"limits": { "handles": 1.5 }\n}\n';
  expect(await errors(text, {}, "sluice.config.json")).toEqual([
    "x:3:25 limits.handles: expected a whole number from 1",
  ]);
});

test("mistakes of plugins, file systems and host keys are told together", async () => {
  const text = `hostKeys: [./host, ./absent]
plugins:
  - sluice-greet: { times: two, lout: 1 }
  - sluice-nope
  - sluice-fs-box
mounts:
  - { path: /a, use: sluice-fs-box, options: { size: big } }
  - { path: /b, use: sluice-fs-box, options: { size: 10 } }
  - { path: /c, use: sluice-greet }
`;
  expect(await errors(text)).toEqual([
    expect.stringMatching(/^x:1:20 hostKeys\[1\]: Host key \.\/absent: there is no such file; /),
    "x:3:28 plugins[0].sluice-greet.times: expected number",
    "x:3:39 plugins[0].sluice-greet.lout: unknown",
    "x:4:5 plugins[1]: sluice-nope: is not installed; run: npm install sluice-nope",
    'x:5:5 plugins[2]: sluice-fs-box: exports no plugin; it exports a file system, which belongs under "mounts"',
    "x:7:54 mounts[0].options.size: expected number",
    "x:8:46 mounts[1].options: the root is too large",
    'x:9:22 mounts[2].use: sluice-greet: exports no file system; it exports a plugin, which belongs under "plugins"',
  ]);
});

test("mistakes of every kind are told together", async () => {
  const text = `hostKeys: [./absent]
listne: 1
constructor: 2
plugins:
  - sluice-greet: { times: x }
  - sluice-greet: { word: "\${NOPE}", times: x }
mounts:
  - { path: x, use: sluice-fs-box }
log: { destination: . }
`;
  expect(await errors(text)).toEqual([
    expect.stringMatching(/^x:1:12 hostKeys\[0\]: Host key/),
    'x:2:1 listne: unknown option; did you mean "listen"?',
    "x:3:1 constructor: this key is not allowed",
    "x:5:28 plugins[0].sluice-greet.times: expected number",
    expect.stringMatching(/^x:6:27 plugins\[1\]\.sluice-greet\.word: the environment variable NOPE is not set/),
    'x:8:13 mounts[0].path: expected a path that begins with "/"',
    "x:9:21 log.destination: cannot be written: is a directory",
  ]);
});

test("a plugin that cannot be loaded, or says nothing of itself, is told with the reason", async () => {
  packageOf("sluice-broken", 'throw new Error("no luck\\nsecond line")');
  packageOf("sluice-plain", "export const x = 1;");
  packageOf(
    "sluice-many",
    'export const a = Object.assign(() => 1, { pluginName: "a" }); export const b = Object.assign(() => 1, { pluginName: "b" });',
  );
  const text = good.replace("  - sluice-greet: { times: 2 }", "  - sluice-broken\n  - sluice-plain\n  - sluice-many");
  expect(await errors(text)).toEqual([
    "x:3:5 plugins[0]: sluice-broken: cannot be loaded: no luck",
    "x:4:5 plugins[1]: sluice-plain: exports no plugin; expected an export made by definePlugin",
    'x:5:5 plugins[2]: sluice-many: exports several: a, b; none is called "sluice-many"',
  ]);
});

test("of several plugins in a package, the one that is called like the package is taken", async () => {
  const plugin = (name: string): string =>
    `Object.assign(() => ({ name: "${name}", requires: [], setup: async () => {}, validate: async () => [] }), { pluginName: "${name}" })`;
  packageOf("@x/sluice-auth-many", `export const a = ${plugin("other")}; export const b = ${plugin("many")};`);
  const { plugins } = await open(good.replace("- sluice-greet: { times: 2 }", '- "@x/sluice-auth-many"'));
  expect(plugins.map(({ name }) => name)).toEqual(["many"]);
});

test("a policy of the wrong shape is told by an example of the right one", async () => {
  const example = "expected alternatives such as [[password, totp], [authorized-keys]]";
  expect(await errors(`${good}auth: password\n`)).toEqual([`x:6:7 auth: ${example}`]);
  expect(await errors(`${good}auth: [password]\n`)).toEqual([`x:6:8 auth[0]: ${example}`]);
});

test("a plugin that is named alone and needs options is told by its name", async () => {
  expect(await errors(good.replace("- sluice-greet: { times: 2 }", '- "@sluice/audit"'))).toEqual([
    "x:3:5 plugins[0]: @sluice/audit: needs options; see its README",
  ]);
});

test("an unknown option of a plugin or file system is told with a suggestion", async () => {
  const text = good.replace("sluice-greet: { times: 2 }", '"@sluice/auth-users": { file: ./users.yaml, wach: true }');
  expect(await errors(text)).toEqual([
    'x:3:49 plugins[0].@sluice/auth-users.wach: unknown option; did you mean "watch"?',
  ]);
});

test("a file that is missing or is no program is told with its place", async () => {
  writeFileSync("bad.ts", "export const a = 1;\nthis is no program\n");
  const named = (file: string): string => good.replace("- sluice-greet: { times: 2 }", `- ./${file}`);
  expect(await errors(named("absent.ts"))).toEqual(["x:3:5 plugins[0]: ./absent.ts: does not exist"]);
  expect(await errors(named("bad.ts"))).toEqual([expect.stringMatching(/^x:3:5 plugins\[0\]: \.\/bad\.ts:2:\d+: /)]);
});

test("a plugin may be a file beside the configuration", async () => {
  writeFileSync(
    "own.ts",
    `type X = number; export const own = Object.assign(() => ({ name: "own", requires: [], setup: async () => {}, validate: async () => [] as X[] }), { pluginName: "own" });`,
  );
  const { plugins } = await open(good.replace("- sluice-greet: { times: 2 }", "- ./own.ts"));
  expect(plugins.map(({ name }) => name)).toEqual(["own"]);
});

test("a text from outside stands for a number or a truth value where one is needed", async () => {
  const text = `hostKeys: ["\${KEY:-./host}"]
listen: \${PORT}
limits: { sessions: "\${SESSIONS}" }
plugins:
  - sluice-greet: { times: "\${TIMES}", loud: "\${LOUD}", word: "\${WORD}" }
mounts:
  - { path: /, use: sluice-fs-box, options: { size: "\${SIZE}" } }
`;
  const { listen, options } = await open(text, {
    PORT: "2200",
    SESSIONS: "3",
    TIMES: "2",
    LOUD: "true",
    WORD: "7",
    SIZE: "4",
  });
  expect(listen).toEqual([{ port: 2200 }]);
  expect(options.limits).toEqual({ sessions: 3 });
  expect(await errors(text, { PORT: "high", SESSIONS: "3", TIMES: "2", LOUD: "true", WORD: "7", SIZE: "4" })).toEqual([
    "x:2:9 listen: expected a port from 0 to 65535",
  ]);
  expect(await errors(text, { PORT: "1", SESSIONS: "3", TIMES: "many", LOUD: "yes", WORD: "7", SIZE: "" })).toEqual([
    "x:5:28 plugins[0].sluice-greet.times: expected number",
    "x:5:46 plugins[0].sluice-greet.loud: expected boolean",
    "x:7:53 mounts[0].options.size: expected number",
  ]);
});

test("a text that was written as text stays text", async () => {
  expect(await errors(good.replace("times: 2", 'times: "2"'))).toEqual([
    "x:3:28 plugins[0].sluice-greet.times: expected number",
  ]);
});

test("a secret that a message would repeat is blacked out", async () => {
  writeFileSync("word", "bad-secret\n");
  const text = (word: string): string => good.replace("times: 2", `word: "${word}"`);
  const hidden = "x:3:27 plugins[0].sluice-greet.word: not ***";
  expect(await errors(text("file:word"))).toEqual([hidden]);
  expect(await errors(text("${API_TOKEN}"), { API_TOKEN: "bad-secret" })).toEqual([hidden]);
  expect(await errors(text("${PLACE}"), { PLACE: "bad-place" })).toEqual([hidden.replace("***", "bad-place")]);
});

test("a log that cannot be written is told before anything starts", async () => {
  expect(await errors(`${good}log: { destination: ./host/x.log }\n`)).toEqual([
    expect.stringMatching(/^x:6:21 log\.destination: cannot be written: .*(host is not a directory|not a directory)$/),
  ]);
  expect(await errors(`${good}log: { destination: . }\n`)).toEqual([
    "x:6:21 log.destination: cannot be written: is a directory",
  ]);
  expect(await errors(`${good}log: { destination: ./made/later.log }\n`)).toEqual([]);
});

test("TypeScript may hold the plugins and file systems themselves, and is read anew each time", async () => {
  const text = (port: number): string => `
    import { greet } from "sluice-greet";
    import { box } from "sluice-fs-box";
    interface Unused { x: number }
    export default { listen: ${port}, hostKeys: ["./host"], banner: () => "hello", log: { level: "silent" as const },
      plugins: [greet({ times: 2 }), "sluice-greet"], mounts: [{ path: "/", use: box({ size: 1 }) }, { path: "/f", use: () => box({ size: 1 }) }] };`;
  const assembled = await open(text(1), {}, "sluice.config.ts");
  expect(assembled.plugins.map((plugin) => plugin.name)).toEqual(["greet", "greet"]);
  expect(assembled.options.banner).toBeTypeOf("function");
  expect(assembled.mounts.map((mount) => mount.path)).toEqual(["/", "/f"]);
  expect((await open(text(2), {}, "sluice.config.ts")).listen).toEqual([{ port: 2 }]);
});

test("mistakes in TypeScript are told by path, without a line", async () => {
  const text = `import { greet } from "sluice-greet";
    export default { hostKeys: ["./host"], listne: 1, plugins: [greet({ times: "x" })], mounts: [{ path: "/", use: () => 1, options: {} }] }`;
  expect(await errors(text, {}, "sluice.config.ts")).toEqual([
    'x listne: unknown option; did you mean "listen"?',
    "x plugins[0].times: expected number",
    "x mounts[0].options: are for a file system that is named; give them where it is made",
  ]);
});

test("TypeScript that does not run is one line", async () => {
  const name = "sluice.config.ts";
  expect(await errors("export default {\n a: 1,\n b: : 2\n}", {}, name)).toEqual(["sluice: x:3:4: Unexpected token"]);
  expect(await errors('throw new Error("boom\\nmore")', {}, name)).toEqual(["sluice: x: cannot be loaded: boom"]);
  expect(await errors('import "nope-x"; export default {}', {}, name)).toEqual([
    "sluice: x: cannot be loaded: Cannot find module 'nope-x'",
  ]);
  expect(await errors("export const config = {}", {}, name)).toEqual([
    'sluice: x: has no default export; write "export default defineConfig({ … })"',
  ]);
});

test("JavaScript is read anew as well", async () => {
  const text = (port: number): string =>
    `export default { listen: ${port}, hostKeys: ["./host"], plugins: [], mounts: [] }`;
  for (const name of ["sluice.config.mjs", "sluice.config.js"]) {
    expect((await open(text(1), {}, name)).listen).toEqual([{ port: 1 }]);
    expect((await open(text(2), {}, name)).listen).toEqual([{ port: 2 }]);
  }
});

test("without a file named, the one of the directory is found, and none further up", async () => {
  mkdirSync("below");
  writeFileSync("sluice.config.yaml", good);
  expect(await findConfig(undefined, directory)).toEqual({
    file: join(directory, "sluice.config.yaml"),
    shown: "sluice.config.yaml",
  });
  await expect(findConfig(undefined, join(directory, "below"))).rejects.toThrow("no configuration in");
  writeFileSync("sluice.config.ts", "");
  await expect(findConfig(undefined, directory)).rejects.toThrow(
    /several configurations in .*: sluice\.config\.ts, sluice\.config\.yaml; keep one, or give --config FILE/,
  );
});

test("a file that cannot be a configuration is one line", async () => {
  const load = (name: string): Promise<unknown> => loadConfig({ file: join(directory, name), shown: name });
  await expect(load("absent.yaml")).rejects.toThrow("sluice: absent.yaml: does not exist");
  await expect(load("node_modules")).rejects.toThrow("sluice: node_modules: is not a file");
  await expect(load("host")).rejects.toThrow("sluice: host: a configuration is a file that ends in .yaml, .yml, .json");
  writeFileSync("empty.yaml", " \n");
  await expect(load("empty.yaml")).rejects.toThrow("sluice: empty.yaml: is empty");
  writeFileSync("large.yaml", "#".repeat(1024 * 1024 + 1));
  await expect(load("large.yaml")).rejects.toThrow("sluice: large.yaml: is larger than 1 MiB");
});

test("nothing but the configuration is executed", async () => {
  mkdirSync(".config");
  for (const extension of ["js", "mjs", "ts", "cjs"]) {
    writeFileSync(`.config/config.${extension}`, 'globalThis.sluiceExecuted = "yes";');
  }
  writeFileSync("package.json", '{ "cosmiconfig": { "transform": 1, "searchPlaces": ["evil.js"] } }');
  expect(await errors(good)).toEqual([]);
  expect((globalThis as { sluiceExecuted?: string }).sluiceExecuted).toBeUndefined();
  expect(process.cwd()).toBe(directory);
});

test("$import, which the loader would follow, is an unknown option like any other", async () => {
  writeFileSync("other.yaml", "listen: 1\n");
  expect(await errors(`$import: ./other.yaml\n${good}`)).toEqual([
    expect.stringMatching(/^x:1:1 \$import: unknown option/),
  ]);
});

test("what the server refuses is told at its position", async () => {
  const refused = async (text: string): Promise<string[]> => {
    const assembled = await open(text);
    const error: unknown = await makeServer(assembled, { level: "silent" }).catch((thrown: unknown) => thrown);
    return error instanceof Failure ? error.lines.map((line) => line.replace("sluice.config.yaml", "x")) : [];
  };
  expect(await refused(`${good}limits: { sessionBytes: 5 }\n`)).toEqual([
    "x:6:25 limits.sessionBytes: at least 262144 is needed, the size of one request",
  ]);
  expect(await refused(`${good}ident: "a b"\n`)).toEqual([expect.stringMatching(/^x:6:8 ident: 1 to 200 printable/)]);
  expect(await refused(good.replace("plugins:", "plugins:\n  - sluice-greet"))).toEqual([
    'x:4:5 plugins[1]: Plugin "greet" is registered twice',
  ]);
  expect(await refused(`${good}auth: [[password]]\n`)).toEqual([expect.stringMatching(/^x:6:7 auth: /)]);
  expect(await refused(`${good}  - { path: /, use: sluice-fs-box, options: { size: 3 } }\n`)).toEqual([
    expect.stringMatching(/^x:6:5 mounts\[1\]: Mount "\/": already mounted/),
  ]);
});

test("what a plugin refuses when it is set up is told at the option that it is about", async () => {
  packageOf(
    "sluice-set",
    `class SetupError extends Error { name = "SetupError"; code = "ERR_SLUICE_OPTIONS"; constructor(m, issues = []) { super(m); this.issues = issues; } }
     const failures = {
       issues: () => new SetupError("tls.ca: ./a cannot be read", [{ message: "./a cannot be read", path: ["tls", "ca"] }]),
       message: () => new SetupError("tls.ca: ./a cannot be read"),
       plain: () => new Error("tls.ca: ./a cannot be read"),
       elsewhere: () => new Error("nothing: works"),
     };
     const make = (options) => ({ name: "set", requires: [], validate: async () => [], setup: async () => { throw failures[options?.how ?? "plain"](); } });
     export const set = Object.assign(make, { pluginName: "set" });`,
  );
  const refused = async (entry: string): Promise<string[]> => {
    const assembled = await open(good.replace("plugins:", `plugins:\n  - ${entry}`));
    const error: unknown = await makeServer(assembled, { level: "silent" }).catch((thrown: unknown) => thrown);
    return error instanceof Failure ? error.lines.map((line) => line.replace("sluice.config.yaml", "x")) : [];
  };
  for (const how of ["issues", "message", "plain"]) {
    expect(await refused(`sluice-set: { tls: { ca: ./a }, how: ${how} }`)).toEqual([
      "x:3:30 plugins[0].sluice-set.tls.ca: ./a cannot be read",
    ]);
  }
  expect(await refused("sluice-set: { how: elsewhere }")).toEqual([
    'x:3:5 plugins[0]: Plugin "set" failed to set up: nothing: works',
  ]);
  expect(await refused("sluice-set")).toEqual([
    'x:3:5 plugins[0]: Plugin "set" failed to set up: tls.ca: ./a cannot be read',
  ]);
});

test("a mistake in the policy of a user or a group is told at its place", async () => {
  const text = `hostKeys: [./host]
auth:
  default: [[password]]
  user: {}
  users: { bob: [] }
  groups:
    admins: [[]]
    staff: password
`;
  const auth = (await errors(text)).filter((line) => line.includes("auth"));
  expect(auth).toEqual([
    'x:4:3 auth.user: unknown option; did you mean "users"?',
    "x:5:17 auth.users.bob: expected at least one alternative",
    "x:7:14 auth.groups.admins[0]: expected at least one method",
    "x:8:12 auth.groups.staff: expected alternatives such as [[password, totp], [authorized-keys]]",
  ]);
  expect(await errors("hostKeys: [./host]\nauth: { users: {} }\n")).toEqual([
    expect.stringMatching(/^x:2:\d+ auth\.default: expected alternatives/),
  ]);
});
