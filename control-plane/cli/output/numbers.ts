// Whole numbers as options.

import { CommandFailure } from './failure.ts';

export interface NumberBounds {
  readonly least: number;
  readonly greatest: number;
}

export function assertNumber(text: string, option: string, bounds?: NumberBounds): number {
  const isNumber = /^\d{1,15}$/.test(text);
  const number = Number(text);
  if (isNumber && (bounds === undefined || (number >= bounds.least && number <= bounds.greatest))) return number;
  const within = bounds === undefined ? '' : ` from ${bounds.least} to ${bounds.greatest}`;
  throw new CommandFailure(2, 'bad-option', `${option} is "${text}"; allowed is a whole number${within}`);
}
