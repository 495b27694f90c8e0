// Declared settings as people read them: one row each, for a program's `--help` and docs/reference/settings.md.

import type { MappingShape, SettingShape } from './setting-shape.ts';

export interface SettingRow {
  /** "flows.windowSeconds"; `[]` stands for each entry of a list. */
  readonly name: string;
  /** What it may be. */
  readonly may: string;
  /** As a file would say it; empty where there is none. */
  readonly fallback: string;
  readonly means: string;
  readonly flag: string | undefined;
}

/** A mapping that only holds others is no row of its own. */
export function settingRows({ keys }: MappingShape, before = ''): readonly SettingRow[] {
  return Object.entries(keys).flatMap(([key, { shape, fallback, means, needed, flag }]): readonly SettingRow[] => {
    const name = `${before}${key}`;
    if (shape.kind === 'mapping') return settingRows(shape, `${name}.`);
    const may = `${mayText(shape)}${needed === undefined ? '' : '; needed'}`;
    const row = { name, may, fallback: fallback === undefined ? '' : valueText(fallback), means, flag };
    return [row, ...rowsInside(shape, name)];
  });
}

/** A line each, to be printed below a command's options. */
export function settingsHelp(shape: MappingShape): string {
  const rows = settingRows(shape);
  const widest = Math.max(...rows.map(({ name }) => name.length));
  const lines = rows.map(({ name, may, fallback }) =>
    `  ${name.padEnd(widest)}  ${may}${fallback === '' ? '' : `; default ${fallback}`}`.replaceAll('`', ''),
  );
  return `\nSettings of the file:\n${lines.join('\n')}\n`;
}

function rowsInside(shape: SettingShape, name: string): readonly SettingRow[] {
  if (shape.kind === 'list' && shape.of.kind === 'mapping') return settingRows(shape.of, `${name}[].`);
  return shape.kind === 'either' && shape.or.kind === 'mapping' ? settingRows(shape.or, `${name}.`) : [];
}

function mayText(shape: SettingShape): string {
  switch (shape.kind) {
    case 'integer':
      return `${shape.least} to ${shape.most}`;
    case 'choice':
      return shape.values.map((value) => `\`${value}\``).join(', ');
    case 'text':
      // The text in brackets is of the one that was refused.
      return (shape.refusal('') ?? '').replace(/ \(.*\)$/, '');
    case 'any-text':
    case 'either':
    case 'texts':
      return shape.allowed;
    case 'bits':
      return shape.refusal(Number.NaN) ?? '';
    case 'list':
      return shape.of.kind === 'mapping' ? 'a list of entries' : `a list, each ${mayText(shape.of)}`;
    case 'mapping':
      return `the keys ${Object.keys(shape.keys).join(', ')}`;
  }
}

function valueText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
