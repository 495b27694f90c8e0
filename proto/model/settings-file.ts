// A program's settings lie in layers: FILE.yaml, then FILE.d/*.yaml in the order of their names; a later layer wins, mapping by mapping. Pure: who
// reads the files, and what settings there are, is each program's. settings-text.ts reads a file's YAML.

import { closestName } from './closest-name.ts';
import { compareCodeUnits } from './code-unit-order.ts';

/** The keys, and numbers in lists, that lead to a setting. */
export type SettingPlace = readonly (string | number)[];

/** What is wrong with one setting. `file` and `line` are absent where it came from the command line, or is nowhere. */
export interface SettingProblem {
  readonly setting: string;
  readonly value: string;
  readonly allowed: string;
  readonly file?: string;
  readonly line?: number;
}

export interface SettingsFile {
  readonly path: string;
  readonly value: unknown;
  /** Of the setting, or of what is nearest around it; 1 where nothing is. */
  lineOf(place: SettingPlace): number;
}

/** Whether the text sets anything: what only comments needs no YAML to be read. */
export function setsAnything(text: string): boolean {
  return text.split('\n').some((line) => !/^\s*(#|$)/.test(line));
}

/** Of the names in FILE.d: what is read, in order, and what is passed over since it does not end in .yaml or .yml, or begins with a dot. */
export function dropInNames(names: readonly string[]): {
  readonly read: readonly string[];
  readonly passedOver: readonly string[];
} {
  const ordered = [...names].sort(compareCodeUnits);
  const isRead = (name: string) => /^[^.].*\.ya?ml$/.test(name);
  return { read: ordered.filter(isRead), passedOver: ordered.filter((name) => !isRead(name)) };
}

/** FILE.d beside FILE.yaml. */
export function dropInDirectory(main: string): string {
  return `${main.replace(/\.ya?ml$/, '')}.d`;
}

/** Far above any that a person writes. */
const mostBytes = 1024 * 1024;

/** Why a file is not even opened: a pipe would hold the start until somebody writes to it, and a device might never end. */
export function unfitCause(file: { isFile(): boolean; readonly size: number }): { readonly code: string } | undefined {
  if (!file.isFile()) return { code: 'not a regular file' };
  return file.size > mostBytes ? { code: 'above 1 MiB' } : undefined;
}

/** `cause`: what reading it threw, with a code. */
export function unreadableFile(path: string, cause: unknown): SettingProblem {
  const code = (cause as { readonly code?: string }).code ?? String(cause);
  const value = code === 'ENOENT' ? 'not there' : 'not readable';
  return { setting: path, value, allowed: `a file that can be read (${code})` };
}

/** Mappings are merged; of lists whose entries have names, an entry replaces the one of its name; whatever else is said later replaces. */
export function mergeSettings(
  layers: readonly unknown[],
  listsByName: readonly string[] = [],
): Record<string, unknown> {
  const merged: Record<string, unknown> = {};
  for (const layer of layers) {
    if (!isMapping(layer)) continue;
    for (const [key, value] of Object.entries(layer)) {
      const before = Object.hasOwn(merged, key) ? merged[key] : undefined;
      merged[key] = listsByName.includes(key) ? byName(before, value) : together(before, value);
    }
  }
  return merged;
}

function together(before: unknown, value: unknown): unknown {
  return isMapping(before) && isMapping(value) ? { ...before, ...value } : value;
}

function byName(before: unknown, value: unknown): unknown {
  if (!Array.isArray(before) || !Array.isArray(value)) return value;
  const nameOf = (entry: unknown) => (isMapping(entry) ? entry['name'] : undefined);
  const replaced = new Set(value.map(nameOf));
  return [...before.filter((entry) => !replaced.has(nameOf(entry))), ...value];
}

export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What a program says of a key that it does not know. */
export function unknownKeyText(written: string, known: readonly string[]): string {
  const meant = closestName(written, known);
  return `no such setting${meant === undefined ? '' : `, did you mean ${meant}?`}; the keys here are ${known.join(', ')}`;
}

/** "essential[0].name". */
export function placeText(place: SettingPlace): string {
  return place.reduce<string>(
    (text, step) => (typeof step === 'number' ? `${text}[${step}]` : text === '' ? step : `${text}.${step}`),
    '',
  );
}

/** "/etc/segwall/agent.yaml:3: flows.windowSeconds is 0; allowed: a whole number from 1 to 300". */
export function settingProblemText({ file, line, setting, value, allowed }: SettingProblem): string {
  const where = file === undefined ? '' : `${file}${line === undefined ? '' : `:${line}`}: `;
  return `${where}${setting} is ${value}; allowed: ${allowed}`;
}

/** One setting that holds, as a file would say it, and what says so; nothing: it is the default. */
export interface EffectiveSetting {
  readonly setting: string;
  readonly value: unknown;
  readonly source?: { readonly file: string; readonly line: number } | 'command line';
}

const widestName = 28;
const widestValue = 64;

/** A line each: the setting, its value, and where it was said. */
export function effectiveText({ setting, value, source }: EffectiveSetting): string {
  const where =
    source === undefined ? 'default' : typeof source === 'string' ? source : `${source.file}:${source.line}`;
  const said = value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value);
  return `${setting.padEnd(widestName)}  ${said.padEnd(widestValue)}  ${where}`.replace(/ {2,}$/, '');
}
