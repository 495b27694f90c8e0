// One settings file in YAML, as data with the line on which each setting stands.

import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { err, ok, type Result } from './result.ts';
import type { SettingPlace, SettingProblem, SettingsFile } from './settings-file.ts';

/** Aliases are an error: a setting that holds itself has no value to show, and none of ours is used twice. */
export function parseSettingsFile(path: string, text: string): Result<SettingsFile, SettingProblem> {
  const lines = new LineCounter();
  const bad = (line: number, reason: string) =>
    err({ setting: 'the file', value: 'not YAML', allowed: firstLine(reason), file: path, line });
  try {
    const document = parseDocument(text, { lineCounter: lines });
    const [problem] = document.errors;
    if (problem !== undefined) return bad(lines.linePos(problem.pos[0]).line, problem.message);
    const value: unknown = document.toJS({ maxAliasCount: 0 }) ?? {};
    const lineOf = (place: SettingPlace) => lines.linePos(startOf(document.contents, place)).line || 1;
    return ok({ path, value, lineOf });
  } catch (error) {
    // What the library throws over aliases, and over brackets nested too deep for its stack.
    const reason = error instanceof Error ? error.message : String(error);
    return bad(1, `it cannot be read as YAML without aliases: ${reason}`);
  }
}

function startOf(root: Node | null, place: SettingPlace): number {
  let node: unknown = root;
  let start = 0;
  for (const step of place) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && key.value === step);
      if (pair === undefined) break;
      start = offsetOf(pair.key) ?? start;
      node = pair.value;
    } else if (isSeq(node) && typeof step === 'number') {
      node = node.items[step];
      start = offsetOf(node) ?? start;
    } else break;
  }
  return start;
}

function offsetOf(node: unknown): number | undefined {
  return (node as { readonly range?: readonly number[] | null } | undefined)?.range?.[0];
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? '';
}
