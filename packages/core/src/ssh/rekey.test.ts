import { expect, it } from "vitest";
import { defaultRekeyLimits, type RekeyLimits } from "./rekey-limits.ts";
import { RekeyWatch } from "./rekey.ts";
import type { Ssh2Protocol } from "./ssh2.ts";

interface State {
  out: number;
  in: number;
  exchanges: number;
  ended: number;
}

/** Numbers of packets as ssh2 counts them: they begin anew behind 2^32 - 1. */
function watched(limits: Partial<RekeyLimits> = {}, strict = false): { watch: RekeyWatch; state: State } {
  const state: State = { out: 0, in: 0, exchanges: 0, ended: 0 };
  const protocol = {
    _authenticated: true,
    _strictMode: strict,
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
    { ...defaultRekeyLimits, ...limits },
    () => 0,
    () => (state.ended += 1),
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
      expect(state).toMatchObject({ exchanges: 1, ended: 0 });
      watch.stop();
    }
  },
);

it.each(["out", "in"] as const)(
  "A connection ends long before the numbers of its packets %s come again under one key, whether an exchange is under way or not",
  (way) => {
    for (const packets of [2 ** 31, 2 ** 40]) {
      const { watch, state } = watched({ packets });
      state[way] = 2 ** 32 - 10;
      watch.done();
      state[way] = 2 ** 31 - 10;
      watch.check();
      expect(state).toMatchObject({ exchanges: packets === 2 ** 31 ? 1 : 0, ended: 0 });
      state[way] = 2 ** 31 + 2 ** 28 - 11;
      watch.check();
      expect(state.ended).toBe(0);
      state[way] = 2 ** 31 + 2 ** 28 - 10;
      watch.check();
      expect(state.ended).toBe(1);
      watch.stop();
    }
  },
);

it("Numbers that begin anew with each key, as they do in strict key exchange, are counted by themselves", () => {
  const { watch, state } = watched({}, true);
  state.in = state.out = 5;
  watch.done();
  state.in = 1_000_000;
  watch.begun();
  state.in = 0;
  watch.check();
  expect(state).toMatchObject({ exchanges: 0, ended: 0 });
  state.in = 2 ** 31 + 2 ** 28;
  watch.check();
  expect(state.ended).toBe(1);
  watch.stop();
});
