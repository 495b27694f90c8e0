// Numbers of things as a reader expects them.

/** "1 test", "2 tests". */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
