// Many names in an answer: how many there are, and the first of them.

export function someOf(names: readonly string[], most = 10): { count: number; names: string[] } {
  return { count: names.length, names: names.slice(0, most) };
}
