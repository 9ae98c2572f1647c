type Token = { readonly is: "text"; readonly text: string } | { readonly is: "?" | "*" | "**" };

/** Whether a path fits a glob: `?` one character and `*` any number within a name, `**` across names. Linear in the path for each token. */
export function globMatcher(glob: string): (path: string) => boolean {
  const tokens = tokensOf(glob);
  return (path) => {
    let at = reachable(tokens, new Set([0]));
    for (const character of path) {
      const next = new Set<number>();
      for (const state of at) {
        const token = tokens[state];
        if (token === undefined) continue;
        if (token.is === "**" || (token.is === "*" && character !== "/")) next.add(state);
        else if (token.is === "?" && character !== "/") next.add(state + 1);
        else if (token.is === "text" && token.text === character) next.add(state + 1);
      }
      at = reachable(tokens, next);
      if (at.size === 0) return false;
    }
    return at.has(tokens.length);
  };
}

/** A star may stand for nothing. */
function reachable(tokens: readonly Token[], states: Set<number>): Set<number> {
  for (const state of states) {
    const token = tokens[state];
    if (token?.is === "*" || token?.is === "**") states.add(state + 1);
  }
  return states;
}

function tokensOf(glob: string): Token[] {
  const parts = glob.match(/\*\*|[*?]|[^*?]/gsu) ?? [];
  return parts.map((text) => (text === "**" || text === "*" || text === "?" ? { is: text } : { is: "text", text }));
}
