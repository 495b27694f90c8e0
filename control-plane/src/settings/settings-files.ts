// The files of the control plane's settings: the main file, then its drop-ins (control-plane.yaml, control-plane.d/*.yaml), under what the command line
// says. All that is wrong in any of them is told at once, by file and line.

import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { err, ok, type Result } from '#model/result.ts';
import {
  dropInDirectory,
  dropInNames,
  type EffectiveSetting,
  isMapping,
  mergeSettings,
  type SettingProblem,
  type SettingsFile,
  unfitCause,
  unreadableFile,
} from '#model/settings-file.ts';
import { parseSettingsFile } from '#model/settings-text.ts';
import { checkSettings, defaultOf, type RawSettings, readSettings, type Settings, settingNames } from './settings.ts';

export interface LoadedSettings {
  readonly settings: Settings;
  readonly effective: readonly EffectiveSetting[];
  /** Files beside the drop-ins that are none by their names. */
  readonly passedOver: readonly string[];
}

/** `config` must be there where it is given; its drop-ins need not. */
export async function loadSettings(
  config: string | undefined,
  flags: RawSettings,
): Promise<Result<LoadedSettings, readonly SettingProblem[]>> {
  const problems: SettingProblem[] = [];
  const files: SettingsFile[] = [];
  const dropIns = config === undefined ? ok({ read: [], passedOver: [] }) : await listDropIns(config);
  if (!dropIns.ok) problems.push(dropIns.error);
  const { read, passedOver } = dropIns.ok ? dropIns.value : { read: [], passedOver: [] };
  for (const path of config === undefined ? [] : [config, ...read]) {
    const file = await readFileOf(path);
    if (!file.ok) problems.push(file.error);
    else if (isMapping(file.value.value)) files.push(file.value);
    else
      problems.push({
        setting: path,
        value: 'not a mapping',
        allowed: 'settings, each with its value',
        file: path,
        line: 1,
      });
  }
  for (const { value, path, lineOf } of files)
    for (const bad of checkSettings(value as RawSettings))
      problems.push({ ...bad, file: path, line: lineOf([bad.setting]) });
  const merged = mergeSettings(files.map(({ value }) => value));
  const settings = readSettings(flags, merged);
  if (!settings.ok) {
    // What a file says wrong was told with its line.
    const told = new Set(problems.map(({ setting }) => setting));
    problems.push(...settings.error.filter(({ setting }) => flags[setting] !== undefined || !told.has(setting)));
  }
  if (problems.length > 0 || !settings.ok) return err(problems);
  return ok({
    settings: settings.value,
    effective: settingNames.map((name) => effectiveOf(name, flags, files)),
    passedOver,
  });
}

function effectiveOf(setting: keyof Settings, flags: RawSettings, files: readonly SettingsFile[]): EffectiveSetting {
  if (flags[setting] !== undefined) return { setting, value: flags[setting], source: 'command line' };
  const said = (file: SettingsFile) => (isMapping(file.value) ? (file.value[setting] ?? undefined) : undefined);
  const file = files.findLast((each) => said(each) !== undefined);
  if (file === undefined) return { setting, value: defaultOf(setting) };
  return { setting, value: said(file), source: { file: file.path, line: file.lineOf([setting]) } };
}

async function listDropIns(main: string) {
  const directory = dropInDirectory(main);
  try {
    const { read, passedOver } = dropInNames(await readdir(directory));
    const within = (name: string) => join(directory, name);
    return ok({ read: read.map(within), passedOver: passedOver.map(within) });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ENOTDIR'
      ? ok({ read: [], passedOver: [] })
      : err(unreadableFile(directory, cause));
  }
}

async function readFitFile(path: string): Promise<string> {
  const unfit = unfitCause(await stat(path));
  if (unfit !== undefined) throw unfit;
  return await readFile(path, 'utf8');
}

async function readFileOf(path: string): Promise<Result<SettingsFile, SettingProblem>> {
  try {
    return parseSettingsFile(path, await readFitFile(path));
  } catch (cause) {
    return err(unreadableFile(path, cause));
  }
}
