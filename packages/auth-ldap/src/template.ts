import { escapeFilter } from "ldapts";

/** Puts values into the placeholders of a filter, such as `(uid={username})`, so that they stay values (RFC 4515, section 3). */
export function fillFilter(filter: string, values: ReadonlyMap<string, string>): string {
  return fill(filter, values, (value) => escapeFilter`${value}`);
}

/** Puts values into `{placeholders}`; those that are not known stay as they are. */
export function fill(template: string, values: ReadonlyMap<string, string>, escape: (value: string) => string): string {
  return template.replace(/\{([^{}]*)\}/g, (placeholder, name: string) => {
    const value = values.get(name);
    return value === undefined ? placeholder : escape(value);
  });
}

/** The names of a template's placeholders. */
export function placeholdersOf(template: string): string[] {
  return [...template.matchAll(/\{([^{}]*)\}/g)].map(([, name = ""]) => name);
}
