// Which decision a number in a connection's mark names: also of rules that are gone, by the numbering that outlives them.

import { type Decision, parseDecisionKey } from '#agent-core/judge/decision.ts';
import type { Numbering } from '#agent-core/judge/numbers.ts';
import type { Table } from '#agent-core/table/table.ts';

export interface DecisionNames {
  decisionOf(number: number): Decision | undefined;
  /** Another table is in force: what was kept to answer faster goes. */
  forget(): void;
}

export function createDecisionNames(table: () => Table | undefined): DecisionNames {
  let names: { readonly numbering: Numbering; readonly byNumber: ReadonlyMap<number, string> } | undefined;
  return {
    forget: () => {
      names = undefined;
    },
    decisionOf(number) {
      const now = table();
      const current = now?.decisions.get(number);
      if (current !== undefined || now === undefined) return current;
      const { numbering } = now;
      if (names?.numbering !== numbering) {
        names = { numbering, byNumber: new Map([...numbering.decisions].map(([key, known]) => [known, key])) };
      }
      const key = names.byNumber.get(number);
      return key === undefined ? undefined : parseDecisionKey(key);
    },
  };
}
