import type { OpenFile } from "./session.ts";

interface Slot {
  send: (() => void) | undefined;
}

/**
 * Sends the replies to one file's READs and WRITEs in the order of the requests, in whatever order they were served. The drafts leave it
 * free, but clients count on it: scp cuts its file where it believes the last byte to be, and paramiko waits for ever for a reply that it has
 * thrown away.
 */
export class ReplyOrder {
  readonly #files = new Map<OpenFile, Slot[]>();

  /** Takes the next turn of a file. The function returned is called once, with what sends the reply when the turn has come. */
  enter(file: OpenFile): (send: () => void) => void {
    const slot: Slot = { send: undefined };
    let slots = this.#files.get(file);
    if (slots === undefined) this.#files.set(file, (slots = []));
    slots.push(slot);
    return (send) => {
      slot.send = send;
      this.#flush(file);
    };
  }

  #flush(file: OpenFile): void {
    const slots = this.#files.get(file);
    while (slots?.[0]?.send !== undefined) slots.shift()?.send?.();
    if (slots?.length === 0) this.#files.delete(file);
  }
}
