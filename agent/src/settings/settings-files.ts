// The files of this host's settings: the main file, then its drop-ins (agent.yaml, agent.d/*.yaml). Read once at the start. All that is wrong in
// any of them is told at once, by file and line, and then none of them counts.

import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { settingsPathsOf } from '#agent/state/package-paths.ts';
import { err, ok, type Result } from '#model/result.ts';
import {
  dropInDirectory,
  dropInNames,
  type EffectiveSetting,
  isMapping,
  mergeSettings,
  type SettingPlace,
  type SettingProblem,
  type SettingsFile,
  setsAnything,
  settingProblemText,
  unfitCause,
  unreadableFile,
} from '#model/settings-file.ts';
import type { AgentSettings } from './settings.ts';
import { checkSettings, defaultKeys, settingName } from './settings-reader.ts';

export interface LoadedSettings {
  readonly settings: AgentSettings;
  readonly effective: readonly EffectiveSetting[];
  readonly files: readonly string[];
  /** Files beside the drop-ins that are none by their names. */
  readonly passedOver: readonly string[];
}

export interface SettingsPlace {
  readonly state: string;
  /** In place of the state's or the package's; it must be there. */
  readonly config?: string;
}

export async function loadSettings({
  state,
  config,
}: SettingsPlace): Promise<Result<LoadedSettings, readonly SettingProblem[]>> {
  return config === undefined ? load(settingsPathsOf(state), 'optional') : load([config], 'required');
}

/** Of one file and its drop-ins; the error has a line for each that is wrong. */
export async function readSettings(path: string, presence: 'required' | 'optional'): Promise<Result<AgentSettings>> {
  const loaded = await load([path], presence);
  return loaded.ok ? ok(loaded.value.settings) : err(loaded.error.map(settingProblemText).join('\n'));
}

const byName = ['essential'];

async function load(
  mains: readonly string[],
  presence: 'required' | 'optional',
): Promise<Result<LoadedSettings, readonly SettingProblem[]>> {
  const problems: SettingProblem[] = [];
  const files: SettingsFile[] = [];
  const passedOver: string[] = [];
  for (const main of mains) {
    const beside = await listDropIns(main);
    passedOver.push(...beside.passedOver);
    problems.push(...beside.problems);
    for (const path of [main, ...beside.read]) {
      const file = await readFileOf(path, path === main ? presence : 'required');
      if (file.ok && file.value !== undefined) files.push(file.value);
      if (!file.ok) problems.push(file.error);
    }
  }
  for (const file of files) {
    for (const { place, value, allowed } of checkSettings(file.value).bad)
      problems.push({ setting: settingName(place), value, allowed, file: file.path, line: file.lineOf(place) });
  }
  if (problems.length > 0) return err(problems);
  const merged = mergeSettings(
    files.map(({ value }) => value),
    byName,
  );
  const { settings } = checkSettings(merged);
  return ok({ settings, effective: effectiveOf(merged, files), files: files.map(({ path }) => path), passedOver });
}

async function listDropIns(main: string) {
  const directory = dropInDirectory(main);
  try {
    const { read, passedOver } = dropInNames(await readdir(directory));
    const within = (name: string) => join(directory, name);
    return { read: read.map(within), passedOver: passedOver.map(within), problems: [] };
  } catch (error) {
    const isMissing = codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR';
    return { read: [], passedOver: [], problems: isMissing ? [] : [unreadableFile(directory, error)] };
  }
}

async function readFitFile(path: string): Promise<string> {
  const unfit = unfitCause(await stat(path));
  if (unfit !== undefined) throw unfit;
  return await readFile(path, 'utf8');
}

async function readFileOf(
  path: string,
  presence: 'required' | 'optional',
): Promise<Result<SettingsFile | undefined, SettingProblem>> {
  let text: string;
  try {
    text = await readFitFile(path);
  } catch (error) {
    return presence === 'optional' && codeOf(error) === 'ENOENT' ? ok(undefined) : err(unreadableFile(path, error));
  }
  if (!setsAnything(text)) return ok({ path, value: {}, lineOf: () => 1 });
  // Only now: the library costs an idle agent a megabyte.
  const { parseSettingsFile } = await import('#model/settings-text.ts');
  return parseSettingsFile(path, text);
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}

function effectiveOf(
  merged: Readonly<Record<string, unknown>>,
  files: readonly SettingsFile[],
): readonly EffectiveSetting[] {
  return Object.entries(defaultKeys).flatMap(([key, fallback]): EffectiveSetting[] => {
    const value = merged[key];
    if (key === 'essential' && Array.isArray(value)) return value.map((entry) => essentialOf(entry, files));
    // `containers` is a mapping or a word: a whole, like a list.
    if (!isMapping(fallback)) return [{ setting: key, value: value ?? fallback, ...sourceOf([key], files) }];
    const given = isMapping(value) ? value : {};
    return Object.entries(fallback).map(([name, usual]) => ({
      setting: `${key}.${name}`,
      value: given[name] ?? usual ?? null,
      ...sourceOf([key, name], files),
    }));
  });
}

function essentialOf(entry: unknown, files: readonly SettingsFile[]): EffectiveSetting {
  const name = isMapping(entry) ? String(entry['name']) : '';
  for (const file of files.toReversed()) {
    const list = isMapping(file.value) ? file.value['essential'] : undefined;
    const index = Array.isArray(list) ? list.findIndex((other) => isMapping(other) && other['name'] === name) : -1;
    if (index >= 0)
      return {
        setting: `essential ${name}`,
        value: entry,
        source: { file: file.path, line: file.lineOf(['essential', index]) },
      };
  }
  return { setting: `essential ${name}`, value: entry };
}

function sourceOf(place: SettingPlace, files: readonly SettingsFile[]): Pick<EffectiveSetting, 'source'> {
  const file = files.findLast(({ value }) => isSaid(value, place));
  return file === undefined ? {} : { source: { file: file.path, line: file.lineOf(place) } };
}

function isSaid(value: unknown, place: SettingPlace): boolean {
  let at = value;
  for (const step of place) at = isMapping(at) ? at[step] : undefined;
  return at !== undefined && at !== null;
}
