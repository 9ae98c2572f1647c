/** A server that is measured. */
export interface Peer {
  readonly name: string;
  readonly port: number;
  /** The process that listens. */
  readonly pid: number;
  /** CPU seconds that serving has cost so far, those of connections that have ended included. */
  cpuSeconds(): Promise<number>;
  stop(): Promise<void>;
}
