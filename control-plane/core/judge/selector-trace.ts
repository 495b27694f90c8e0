// Why a selector does or does not match some labels, down to the terms that decided it.

import type { Labels } from '#model/label.ts';
import { type Selector, selectorMatches } from '#model/selector.ts';
import { selectorText } from '#policy/policy/selector-text.ts';

/** `terms` decided it: those that failed where it does not match, those that matched where it does. Each with the label found. */
export interface SelectorTrace {
  readonly matches: boolean;
  readonly terms: readonly string[];
}

export function traceSelector(selector: Selector, labels: Labels): SelectorTrace {
  const matches = selectorMatches(selector, labels);
  return { matches, terms: [...new Set(deciding(selector, labels, matches))] };
}

/** Terms whose outcome makes the whole come out as it does. `wanted` is the outcome of `selector` itself. */
function deciding(selector: Selector, labels: Labels, wanted: boolean): readonly string[] {
  switch (selector.kind) {
    case 'and':
    case 'or':
      return selector.terms
        .filter((term) => selectorMatches(term, labels) === wanted)
        .flatMap((term) => deciding(term, labels, wanted));
    case 'not':
      return isCompound(selector.term)
        ? deciding(selector.term, labels, !wanted)
        : [`${selectorText(selector)}${found(selector.term, labels)}`];
    default:
      return [`${selectorText(selector)}${found(selector, labels)}`];
  }
}

function isCompound(selector: Selector): boolean {
  return selector.kind === 'and' || selector.kind === 'or' || selector.kind === 'not';
}

function found(selector: Selector, labels: Labels): string {
  if (!('key' in selector)) return '';
  const value = labels.get(selector.key);
  return value === undefined ? ` (${selector.key} is not set)` : ` (${selector.key} is "${value}")`;
}
