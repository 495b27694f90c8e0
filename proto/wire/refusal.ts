// How decoders say no: deep inside they throw a WireRefusal, and `refusing` turns it, and protobufjs' own complaints about
// bytes that are no message, into the error of a Result. Nothing else is caught.

import { err, ok, type Result } from '#model/result.ts';
import { type Bound, type BoundedField, bounds, mostOf } from './bounds.ts';

/** `message` says where, what was found and what is allowed. */
export class WireRefusal extends Error {}

export function refuse(where: string, found: string, allowed: string): never {
  throw new WireRefusal(`${where}: found ${found}; allowed: ${allowed}`);
}

export function refuseUnless(holds: boolean, where: string, found: () => string, allowed: string): void {
  if (!holds) refuse(where, found(), allowed);
}

/** Runs a decoder over decoded messages. A bug in it is not a refusal, and passes through. */
export function refusing<T>(decode: () => T): Result<T> {
  try {
    return ok(decode());
  } catch (error) {
    if (error instanceof WireRefusal) return err(error.message);
    throw error;
  }
}

/** Reads bytes as a message; whatever protobufjs throws over bytes it does not like is a refusal. */
export function parseMessage<T>(name: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new WireRefusal(`${name}: the bytes are no such message (${reason})`);
  }
}

/** A number or instant within its bound (bounds.ts): beyond it refused, or counted as the bound, as its row says. */
export function boundedNumber(value: number | null | undefined, field: BoundedField, where: string): number {
  const bound: Bound = bounds[field];
  const most = mostOf(field);
  const given = value ?? 0;
  if (given > most && 'beyond' in bound && bound.beyond === 'saturate') return most;
  refuseUnless(
    Number.isSafeInteger(given) && given >= 0 && given <= most,
    where,
    () => String(given),
    `an integer from 0 to ${most}`,
  );
  return given;
}

/** A whole number that JavaScript holds exactly: 0 to 2^53 - 1. */
export function safeCount(value: number, where: string): number {
  refuseUnless(Number.isSafeInteger(value) && value >= 0, where, () => String(value), 'an integer from 0 to 2^53 - 1');
  return value;
}

export function boundedCount(count: number, bound: number, where: string): void {
  refuseUnless(count <= bound, where, () => `${count} of them`, `at most ${bound}`);
}

// Quoting and terminals are others' work, but nothing of ours has a reason to hold a control character.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for
const controlCharacters = /[\u0000-\u001f\u007f-\u009f]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the same ones
const everyControlCharacter = /[\u0000-\u001f\u007f-\u009f]/g;

/** A name: not empty, no control characters, at most `bound` characters. */
export function checkedName(text: string, bound: number, where: string): string {
  refuseUnless(text.length > 0, where, () => 'an empty name', 'a name');
  refuseUnless(text.length <= bound, where, () => `${text.length} characters`, `at most ${bound}`);
  refuseUnless(!controlCharacters.test(text), where, () => JSON.stringify(text), 'no control characters');
  return text;
}

/** Each control character as a space. */
export function withoutControls(text: string): string {
  return text.replace(everyControlCharacter, ' ');
}

/** Whether `checkedName` would take it. */
export function isGoodName(text: string, bound: number): boolean {
  return text.length > 0 && text.length <= bound && !controlCharacters.test(text);
}
