import { token, type CloseOutcome, type PluginHost, type State, type Token } from "@sluice/core";

/** Refused pieces that are remembered of one file; a client that goes on beyond has no whole file in mind. */
const mostPieces = 1024;

/** What the quota has kept out of a file. */
class Missing {
  /** The first refusal, which the client reads once more when it closes the file. */
  readonly refusal: unknown;
  readonly #pieces = new Map<number, number>();
  #forGood = false;

  constructor(refusal: unknown) {
    this.refusal = refusal;
  }

  get isMissing(): boolean {
    return this.#forGood || this.#pieces.size > 0;
  }

  add(piece: Piece | undefined): void {
    if (piece === undefined || this.#pieces.size >= mostPieces) this.#forGood = true;
    else this.#pieces.set(piece.start, Math.max(piece.end, this.#pieces.get(piece.start) ?? 0));
  }

  /** A client may make room and write again what was refused. */
  written({ start, end }: Piece): void {
    for (const [first, last] of this.#pieces) if (start <= first && last <= end) this.#pieces.delete(first);
  }
}

/** Where something was to be written. */
interface Piece {
  readonly start: number;
  readonly end: number;
}

const MissingFrom: Token<Missing> = token("quota.missing");

/** What the quota says to a write: where it refuses, the piece is missing in the file until it is written after all. */
export async function orMissing(state: State, piece: Piece | undefined, asked: Promise<void>): Promise<void> {
  try {
    await asked;
  } catch (error) {
    let missing = state.get(MissingFrom);
    if (missing === undefined) state.set(MissingFrom, (missing = new Missing(error)));
    missing.add(piece);
    throw error;
  }
}

/**
 * Refuses the close of a file in which something is missing, though its client says that it is complete: clients close what they could not write,
 * and a part of a file under the name of the whole one is worse than none. The storage drops it where it can.
 */
export function refuseIncomplete(host: PluginHost): void {
  host.divert("close", ({ request: { file, outcome } }): { readonly outcome: CloseOutcome } | undefined => {
    const missing = outcome === "completed" && file.state.get(MissingFrom)?.isMissing === true;
    return missing ? { outcome: "refused" } : undefined;
  });
  host.use("close", async (ctx, next) => {
    const { file, outcome } = ctx.request;
    const missing = outcome === "refused" ? file.state.get(MissingFrom) : undefined;
    await next();
    if (missing?.isMissing === true) throw missing.refusal;
  });
}

/** Something was written: what was missing there is so no longer. */
export function noLongerMissing(state: State, piece: Piece): void {
  state.get(MissingFrom)?.written(piece);
}
