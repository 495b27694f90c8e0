// Enums by table: every name of the model has its number, and a number that no name has is refused. Number 0 is never a
// name's, so that a field left out does not read as some value.

import { refuse } from './refusal.ts';

export interface EnumCodec<Name extends string, Number_ extends number> {
  encode(name: Name): Number_;
  decode(number: number, where: string): Name;
}

export function createEnumCodec<Name extends string, Number_ extends number>(
  what: string,
  numbers: Readonly<Record<Name, Number_>>,
): EnumCodec<Name, Number_> {
  const names = new Map<number, Name>();
  for (const name in numbers) {
    if (numbers[name] === 0 || names.has(numbers[name])) throw new Error(`${what} ${name} has no number of its own`);
    names.set(numbers[name], name);
  }
  const allowed = [...names].map(([number, name]) => `${number} (${name})`).join(', ');
  return {
    encode: (name) => numbers[name],
    decode: (number, where) => names.get(number) ?? refuse(where, `${what} ${number}`, allowed),
  };
}
