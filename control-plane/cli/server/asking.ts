// A question to whoever sits at the terminal. A program cannot answer.

import { createInterface } from 'node:readline/promises';

export type Agreement = 'agreed' | 'declined' | 'nobody-there';

export async function ask(question: string): Promise<Agreement> {
  if (process.stdin.isTTY !== true || process.stderr.isTTY !== true) return 'nobody-there';
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${question} [y/N] `);
    return /^y(es)?$/i.test(answer.trim()) ? 'agreed' : 'declined';
  } finally {
    terminal.close();
  }
}
