/** What one process of a crowd does until it is told to stop; it then answers with what it has done, and ends. */
export type Job =
  /** `count` connections that never log in, and come again some seconds after they were sent away. */
  | { readonly does: "stay"; readonly manner: "silent" | "dripping"; readonly port: number; readonly count: number }
  /** So many connections a second that say who they are, and then nothing. */
  | { readonly does: "flood"; readonly port: number; readonly perSecond: number }
  /** Logins, `atOnce` at a time, from addresses of 127.0.`net`.0/24. */
  | {
      readonly does: "logins";
      readonly port: number;
      readonly userKey: string;
      readonly atOnce: number;
      readonly net: number;
    };

/** What a process has done. */
export interface Done {
  /** Connections made, or logins that went well. */
  readonly made: number;
  /** The longest that a server kept a connection, in milliseconds. */
  readonly longestMs: number;
}
