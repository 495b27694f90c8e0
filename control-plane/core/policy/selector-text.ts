// The one spelling of a selector: two selectors with equal trees, up to the order of values in a set, have equal texts. Used
// where a selector is part of a name (peer set ids) and where one is written into a policy file (suggestions).

import { sortedByCodeUnits } from '#model/code-unit-order.ts';
import type { Selector } from '#model/selector.ts';

/** Text that parses back to an equal selector. Label values hold no quotes, so no escapes are needed. */
export function selectorText(selector: Selector): string {
  switch (selector.kind) {
    case 'all':
      return 'all()';
    case 'has':
      return `has(${selector.key})`;
    case 'in':
      return comparison(selector.key, selector.values, { one: '==', many: 'in' });
    case 'not-in':
      return comparison(selector.key, selector.values, { one: '!=', many: 'not in' });
    case 'not':
      return `!${isCompound(selector.term) ? `(${selectorText(selector.term)})` : negatable(selector.term)}`;
    case 'and':
      return joined(selector.terms, ' && ');
    case 'or':
      return joined(selector.terms, ' || ');
  }
}

function comparison(
  key: string,
  values: ReadonlySet<string>,
  operators: { readonly one: string; readonly many: string },
): string {
  const quoted = sortedByCodeUnits(values).map(quote);
  return quoted.length === 1
    ? `${key} ${operators.one} ${quoted[0]}`
    : `${key} ${operators.many} {${quoted.join(', ')}}`;
}

/** A value read from single quotes may hold a double quote, and the other way round; never both. */
function quote(value: string): string {
  return value.includes('"') ? `'${value}'` : `"${value}"`;
}

function joined(terms: readonly Selector[], operator: string): string {
  return terms.map((term) => (isCompound(term) ? `(${selectorText(term)})` : selectorText(term))).join(operator);
}

function isCompound(selector: Selector): boolean {
  return selector.kind === 'and' || selector.kind === 'or';
}

/** `!` binds to a whole comparison in the grammar, but reads as if it bound to the key: brackets say what is meant. */
function negatable(selector: Selector): string {
  const text = selectorText(selector);
  return selector.kind === 'in' || selector.kind === 'not-in' ? `(${text})` : text;
}
