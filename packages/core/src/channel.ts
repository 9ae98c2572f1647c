/** What a session needs of the SSH channel that carries it. */
export interface Channel {
  /** Says who takes what arrives. Called once. */
  listen(listener: {
    /** A piece of the stream, valid until this returns. While paused, as much as the window holds may still come. */
    data(piece: Buffer): void;
    /** The peer sends no more, but still reads. */
    eof(): void;
    /** The channel is gone; called once, whatever the reason. */
    closed(): void;
    /** Called when `congested` has become false. */
    drained(): void;
  }): void;
  pause(): void;
  resume(): void;
  /** Sends bytes. `sent` is called when they have left for the socket, or when the channel is gone: the buffer is free then. */
  send(bytes: Uint8Array, sent?: () => void): void;
  /** Whether the peer reads so slowly that nothing more should be served for it now. */
  readonly congested: boolean;
  /** Ends the channel with an exit status (RFC 4254, section 6.10). */
  end(exitStatus: number): void;
}
