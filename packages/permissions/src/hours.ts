/** When a rule applies, by the clock on a wall. */
export interface Hours {
  /** @default every day */
  readonly days?: readonly Day[];
  /** From this time on, `HH:MM`. @default "00:00" */
  readonly from?: string;
  /** Before this time, `HH:MM`; earlier than `from` for hours that span midnight, which belong to the day they begin on. @default "24:00" */
  readonly to?: string;
  /** An IANA name, such as `Europe/Berlin`. @default the server's time zone */
  readonly timeZone?: string;
}

export const days = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"] as const;
/** A day of the week. */
export type Day = (typeof days)[number];

const dayMinutes = 24 * 60;

/** Hours, read and ready to be compared with a time. */
export class Timetable {
  readonly #days: readonly Day[];
  readonly #from: number;
  readonly #to: number;
  readonly #clock: Intl.DateTimeFormat;

  /** @throws RangeError that names the field */
  constructor({ days: on = days, from = "00:00", to = "24:00", timeZone }: Hours) {
    this.#days = on;
    this.#from = minutesOf(from, "from");
    this.#to = minutesOf(to, "to");
    if (this.#from === this.#to) throw new RangeError("from and to are the same: the rule would never apply");
    try {
      this.#clock = new Intl.DateTimeFormat("en-GB", {
        weekday: "long",
        hour: "2-digit",
        minute: "2-digit",
        hourCycle: "h23",
        ...(timeZone === undefined ? {} : { timeZone }),
      });
    } catch {
      throw new RangeError(`timeZone: there is no time zone "${timeZone}"; write one such as Europe/Berlin`);
    }
  }

  includes(at: Date): boolean {
    const parts = new Map(this.#clock.formatToParts(at).map(({ type, value }) => [type, value]));
    const minute = Number(parts.get("hour")) * 60 + Number(parts.get("minute"));
    const today = days.indexOf((parts.get("weekday") ?? "").toLowerCase() as Day);
    const isOn = (day: number): boolean => this.#days.includes(days[(day + 7) % 7] ?? "sunday");
    if (this.#from < this.#to) return isOn(today) && minute >= this.#from && minute < this.#to;
    return (isOn(today) && minute >= this.#from) || (isOn(today - 1) && minute < this.#to);
  }
}

function minutesOf(text: string, field: string): number {
  const [, hours, minutes] = /^(\d\d):([0-5]\d)$/.exec(text) ?? [];
  const total = Number(hours) * 60 + Number(minutes);
  if (!(total <= dayMinutes)) throw new RangeError(`${field}: a time such as 08:30 is needed, got "${text}"`);
  return total;
}
