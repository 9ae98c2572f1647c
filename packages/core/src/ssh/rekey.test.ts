import { expect, it } from "vitest";
import { defaultRekeyLimits, RekeyWatch } from "./rekey.ts";
import type { Ssh2Protocol } from "./ssh2.ts";

/** Numbers of packets as ssh2 counts them: they begin anew behind 2^32 - 1. */
function watched(): { watch: RekeyWatch; state: { out: number; in: number; exchanges: number } } {
  const state = { out: 0, in: 0, exchanges: 0 };
  const protocol = {
    _authenticated: true,
    _cipher: {
      get outSeqno() {
        return state.out;
      },
    },
    _decipher: {
      get inSeqno() {
        return state.in;
      },
    },
    rekey: () => (state.exchanges += 1),
  } as unknown as Ssh2Protocol;
  const watch = new RekeyWatch(
    protocol,
    defaultRekeyLimits,
    () => 0,
    () => expect.unreachable("It is not overdue"),
  );
  return { watch, state };
}

it.each(["out", "in"] as const)(
  "Keys are exchanged anew after 2^31 packets %s, also where their numbers begin anew",
  (way) => {
    for (const first of [0, 2 ** 32 - 10]) {
      const { watch, state } = watched();
      state[way] = first;
      watch.done();
      state[way] = (first + 2 ** 31 - 1) % 2 ** 32;
      watch.check();
      expect(state.exchanges).toBe(0);
      state[way] = (first + 2 ** 31) % 2 ** 32;
      watch.check();
      watch.check();
      expect(state.exchanges).toBe(1);
      watch.stop();
    }
  },
);
