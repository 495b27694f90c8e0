// How a program declares its settings: one entry for each, with what it may be, what holds where nothing is said, and
// what it is for. The programs read their files by it (`problemsOf`, `filled`); the JSON Schemas,
// docs/reference/settings.md and the packages' commented files are made from it.

import { isMapping, type SettingPlace, unknownKeyText } from './settings-file.ts';

export type SettingShape =
  | { readonly kind: 'integer'; readonly least: number; readonly most: number }
  | { readonly kind: 'choice'; readonly values: readonly string[] }
  | TextShape
  /** Any text that is not empty. */
  | { readonly kind: 'any-text'; readonly allowed: string }
  | BitsShape
  | { readonly kind: 'list'; readonly of: SettingShape; readonly count?: Count; readonly unique?: string }
  | TextsShape
  /** A word, or what has a shape of its own: a list or a mapping. */
  | {
      readonly kind: 'either';
      readonly words: readonly string[];
      readonly or: SettingShape & { readonly kind: 'list' | 'mapping' };
      readonly allowed: string;
    }
  | MappingShape;

export interface TextShape {
  readonly kind: 'text';
  /** For JSON Schema; it may let through what `refusal` does not, never the other way round. */
  readonly pattern: string;
  /** What is allowed, where the text is not; the empty text never is. */
  readonly refusal: (text: string) => string | undefined;
}

/** A number, or a text such as 0x0fffffff. */
export interface BitsShape {
  readonly kind: 'bits';
  readonly refusal: (bits: number) => string | undefined;
}

/** A list, or one text with commas as on a command line; an error names the whole. */
export interface TextsShape {
  readonly kind: 'texts';
  /** Without anchors. */
  readonly pattern: string;
  readonly holds: (text: string) => boolean;
  readonly most: number;
  readonly allowed: string;
}

export interface MappingShape {
  readonly kind: 'mapping';
  readonly keys: Readonly<Record<string, Setting>>;
}

interface Count {
  readonly least: number;
  readonly allowed: string;
}

export interface Setting {
  readonly shape: SettingShape;
  /** What it is for. */
  readonly means: string;
  /** As a file would say it; absent where there is none. */
  readonly fallback?: unknown;
  /** `here`: wherever the mapping around it is written. `somewhere`: in one of the files, or on the command line. */
  readonly needed?: 'here' | 'somewhere';
  /** As the command line takes it, such as "--data <DIR>". */
  readonly flag?: string;
}

/** The type of what a file says, once nothing is wrong with it and defaults are filled in. */
export type Said<Shape> = Shape extends { readonly kind: 'integer' }
  ? number
  : Shape extends { readonly kind: 'choice'; readonly values: readonly (infer Value)[] }
    ? Value
    : Shape extends { readonly kind: 'text' | 'any-text' }
      ? string
      : Shape extends { readonly kind: 'bits' }
        ? number | string
        : Shape extends { readonly kind: 'list'; readonly of: infer Of }
          ? readonly Said<Of>[]
          : Shape extends { readonly kind: 'texts' }
            ? readonly string[] | string
            : Shape extends { readonly kind: 'either'; readonly words: readonly (infer Word)[]; readonly or: infer Or }
              ? Word | Said<Or>
              : Shape extends { readonly kind: 'mapping'; readonly keys: infer Keys }
                ? { readonly [Name in keyof Keys]: SaidSetting<Keys[Name]> }
                : never;

type SaidSetting<Of> = Of extends { readonly shape: infer Shape }
  ? Of extends { readonly fallback: unknown } | { readonly needed: string } | { readonly shape: MappingShape }
    ? Said<Shape>
    : Said<Shape> | undefined
  : never;

export interface BadSetting {
  readonly place: SettingPlace;
  readonly value: string;
  readonly allowed: string;
}

/** All that is wrong in what one file says; it need not say all. An empty value (`key:`) is as if it were not said. */
export function problemsOf(shape: SettingShape, value: unknown, place: SettingPlace = []): readonly BadSetting[] {
  const bad = (allowed: string) => [{ place, value: saidText(value), allowed }];
  switch (shape.kind) {
    case 'integer': {
      const { least, most } = shape;
      const isGood = typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most;
      return isGood ? [] : bad(`a whole number from ${least} to ${most}`);
    }
    case 'choice':
      return shape.values.some((known) => known === value) ? [] : bad(shape.values.join(', '));
    case 'text': {
      const refusal = shape.refusal(typeof value === 'string' ? value : '');
      return refusal === undefined ? [] : bad(refusal);
    }
    case 'any-text':
      return typeof value === 'string' && value !== '' ? [] : bad(shape.allowed);
    case 'bits': {
      const refusal = shape.refusal(bitsOf(value));
      return refusal === undefined ? [] : bad(refusal);
    }
    case 'texts': {
      const texts = textsOf(value);
      const isGood = texts.length <= shape.most && texts.every((text) => typeof text === 'string' && shape.holds(text));
      return isGood ? [] : bad(shape.allowed);
    }
    case 'list':
      return Array.isArray(value) ? problemsOfList(shape, value, place) : bad('a list');
    case 'either': {
      if (shape.words.some((word) => word === value)) return [];
      const isOther = shape.or.kind === 'list' ? Array.isArray(value) : isMapping(value);
      return isOther ? problemsOf(shape.or, value, place) : bad(shape.allowed);
    }
    case 'mapping':
      return isMapping(value)
        ? problemsOfMapping(shape, value, place)
        : bad(`the keys ${Object.keys(shape.keys).join(', ')}`);
  }
}

function problemsOfMapping({ keys }: MappingShape, value: Readonly<Record<string, unknown>>, place: SettingPlace) {
  const known = Object.keys(keys);
  const unknown = Object.keys(value)
    .filter((key) => !known.includes(key))
    .map((key) => ({ place: [...place, key], value: saidText(value[key]), allowed: unknownKeyText(key, known) }));
  const wrong = Object.entries(keys).flatMap(([key, { shape, needed }]) =>
    isSaid(value[key]) || needed === 'here' ? problemsOf(shape, value[key], [...place, key]) : [],
  );
  return [...unknown, ...wrong];
}

function problemsOfList(
  { of, count, unique }: SettingShape & { readonly kind: 'list' },
  value: readonly unknown[],
  place: SettingPlace,
): readonly BadSetting[] {
  const wrong = value.flatMap((item, index) => problemsOf(of, item, [...place, index]));
  if (count !== undefined && value.length < count.least)
    wrong.push({ place, value: saidText(value), allowed: count.allowed });
  if (unique === undefined) return wrong;
  const names = new Set<unknown>();
  for (const [index, entry] of value.entries()) {
    const name = isMapping(entry) ? entry[unique] : undefined;
    if (typeof name === 'string' && names.has(name))
      wrong.push({
        place: [...place, index, unique],
        value: saidText(name),
        allowed: `a ${unique} that no other entry has`,
      });
    names.add(name);
  }
  return wrong;
}

/** What holds, of what `problemsOf` finds nothing wrong with: with the default wherever nothing is said. */
export function filled<Shape extends MappingShape>(shape: Shape, value: unknown): Said<Shape> {
  const said = isMapping(value) ? value : {};
  const values = Object.entries(shape.keys).map(([key, { shape: of, fallback }]) => {
    const one = said[key];
    return [key, of.kind === 'mapping' ? filled(of, one) : isSaid(one) ? one : fallback];
  });
  return Object.fromEntries(values) as Said<Shape>;
}

/** Not a number where it is neither a number nor such a text. */
export function bitsOf(value: unknown): number {
  if (typeof value === 'string' && /^0x[0-9a-f]{1,8}$/i.test(value)) return Number(value);
  return typeof value === 'number' ? value : Number.NaN;
}

export function textsOf(value: unknown): readonly unknown[] {
  return typeof value === 'string' ? value.split(',') : Array.isArray(value) ? value : [value];
}

export function isSaid(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function saidText(value: unknown): string {
  return JSON.stringify(value) ?? 'missing';
}
