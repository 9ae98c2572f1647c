/** Cases that do not apply, by name, each with why. */
export type Exceptions = Readonly<Record<string, string>>;

/** The cases of a suite without those that do not apply. @throws TypeError if one is named that does not exist. */
export function applicable<T extends { readonly name: string }>(
  suite: string,
  cases: readonly T[],
  exceptions: Exceptions = {},
): readonly T[] {
  const names = new Set(Object.keys(exceptions));
  for (const name of names) {
    if (!cases.some((each) => each.name === name)) throw new TypeError(`${suite}: no case is called "${name}"`);
  }
  return cases.filter((each) => !names.has(each.name));
}
