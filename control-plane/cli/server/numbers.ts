// Whole numbers as options.

import { CommandFailure } from './failure.ts';

export function assertNumber(text: string, option: string): number {
  if (!/^\d{1,15}$/.test(text))
    throw new CommandFailure(2, 'bad-option', `${option} is "${text}"; allowed is a whole number`);
  return Number(text);
}
