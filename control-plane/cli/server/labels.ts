// Labels as they are typed: "k=v,k=v" for tokens, "k=v" and "k-" for a workload.

import { CommandFailure } from '#cli/output/failure.ts';

export function parseLabelList(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const part of text.split(',').filter((one) => one !== '')) {
    const at = part.indexOf('=');
    if (at < 1)
      throw new CommandFailure(2, 'bad-option', `--labels has "${part}"; allowed is KEY=VALUE, separated by commas`);
    const key = part.slice(0, at);
    if (Object.hasOwn(labels, key))
      throw new CommandFailure(2, 'bad-option', `--labels has "${key}" twice; give it one value`);
    labels[key] = part.slice(at + 1);
  }
  return labels;
}

export interface LabelEdit {
  readonly set: Record<string, string>;
  readonly remove: string[];
}

export function parseLabelEdits(texts: readonly string[]): LabelEdit {
  const edit: LabelEdit = { set: {}, remove: [] };
  const seen = new Set<string>();
  for (const text of texts) {
    const at = text.indexOf('=');
    const key = at < 0 ? text.slice(0, -1) : text.slice(0, at);
    if (seen.has(key))
      throw new CommandFailure(2, 'bad-argument', `"${key}" is named twice; set it or take it away, once`);
    seen.add(key);
    if (at > 0) edit.set[text.slice(0, at)] = text.slice(at + 1);
    else if (at < 0 && text.length > 1 && text.endsWith('-')) edit.remove.push(text.slice(0, -1));
    else throw new CommandFailure(2, 'bad-argument', `"${text}" is neither KEY=VALUE nor KEY-`);
  }
  return edit;
}
