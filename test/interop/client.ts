import type { InteropServer } from "./server.ts";

/** How to log in. */
export type Login = { readonly by: "key" } | { readonly by: "password"; readonly password: string };

/** A server, how to log in to it, and where a client may keep its own configuration. */
export interface Target {
  readonly server: InteropServer;
  readonly login: Login;
  /** A new directory for this login alone; removed afterwards. */
  readonly scratch: string;
}

/** A path on the server or here. Text is UTF-8; bytes are for names that are not. */
export type Path = string | Buffer;

/** What a client carries over from one end to the other besides the bytes of a file. */
export type Preserved = "mode" | "time";

/**
 * A real client, driven to do what its users do with it.
 *
 * Every method is one scenario. A client that cannot do something leaves the method out and says why in a comment.
 * `Link` is what it holds while connected; programs that log in for every command hold the target itself.
 */
export interface InteropClient<Link> {
  readonly name: string;
  /** Why it cannot run on this machine; undefined when it can. */
  readonly unavailable: string | undefined;
  /** What the client says where its words are not the usual ones. */
  readonly says?: { readonly missing?: RegExp; readonly denied?: RegExp; readonly unauthenticated?: RegExp };

  readonly connect: (target: Target) => Promise<Link>;
  readonly close: (link: Link) => Promise<void>;
  readonly put: (link: Link, local: Path, remote: Path) => Promise<void>;
  readonly get: (link: Link, remote: Path, local: Path) => Promise<void>;

  /** The names in a directory; `.` and `..` may be among them. */
  readonly list?: (link: Link, directory: Path) => Promise<readonly Path[]>;
  readonly rename?: (link: Link, from: Path, to: Path) => Promise<void>;
  /**
   * Renames onto an existing name: `replaces` it, or `refuses` and leaves both. `either` is for clients whose versions
   * differ, which must still do one of the two and say which.
   */
  readonly overwrite?: {
    readonly ends: "replaces" | "refuses" | "either";
    readonly rename: (link: Link, from: Path, to: Path) => Promise<void>;
  };
  /** Gets what is missing at the end of a file that is partly here. */
  readonly resumeGet?: (link: Link, remote: Path, local: Path) => Promise<void>;
  readonly resumePut?: (link: Link, local: Path, remote: Path) => Promise<void>;
  /** Makes `remote`, which does not exist, a copy of the directory `local`. */
  readonly putTree?: (link: Link, local: Path, remote: Path) => Promise<void>;
  readonly getTree?: (link: Link, remote: Path, local: Path) => Promise<void>;
  readonly symlink?: (link: Link, target: Path, path: Path) => Promise<void>;
  readonly readlink?: (link: Link, path: Path) => Promise<Path>;
  readonly preserving?: {
    readonly put?: {
      readonly keeps: readonly Preserved[];
      readonly run: (link: Link, local: Path, remote: Path) => Promise<void>;
    };
    readonly get?: {
      readonly keeps: readonly Preserved[];
      readonly run: (link: Link, remote: Path, local: Path) => Promise<void>;
    };
  };
  /**
   * Names that are not UTF-8. `listed`: put and got by their bytes, which listings give back. `transferred`: put and got,
   * but the client cannot list them. `survived`: cannot be named, and the rest of the directory is listed all the same.
   * `copied`: cannot be named, but comes along with its directory.
   */
  readonly rawNames: "listed" | "transferred" | "survived" | "copied";
}

/** The bytes of a path. */
export function bytesOf(path: Path): Buffer {
  return typeof path === "string" ? Buffer.from(path) : path;
}
