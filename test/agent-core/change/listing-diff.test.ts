// What a stranger did to our table while nobody listened, told from two listings.

import { describe, expect, test } from 'vitest';
import { tableDifferences } from '#agent-core/change/listing-diff.ts';
import { defaultMarks } from '#agent-core/marks/mark-layout.ts';

const stamp = (number: number, epoch: number) => `0x${defaultMarks.stamp(number, epoch).toString(16).padStart(8, '0')}`;

const state = (epoch: number, revision = 5) =>
  `\tchain state {\n\t\tcomment "revision=${revision} epoch=${epoch} digest=abc"\n\t}\n`;
const input = '\tchain input {\n\t\ttype filter hook input priority filter; policy drop;\n\t}\n';
const judge = (epoch: number, number = 3) => `\tchain judge {\n\t\tct mark ${stamp(number, epoch)} accept\n\t}\n`;
const list = (name: string, elements = '') => `\tset ${name} {\n\t\ttype ipv4_addr\n${elements}\t}\n`;
const words = '\tchain preparation {\n\t\tcomment "x"\n\t}\n';
const table = (...objects: readonly string[]) => `table inet segwall {\n${objects.join('\n')}}\n`;

const rows: readonly (readonly [
  name: string,
  before: string,
  after: string,
  differences: readonly string[],
  epochs?: readonly [before: number, after: number],
])[] = [
  ['two that are not there', '', '', []],
  ['one that was taken away', '', table(input), ['table deleted']],
  ['the same', table(input, list('a')), table(input, list('a')), []],
  ['the same in another order', table(list('a'), input), table(input, list('a')), []],
  ['one object more', table(input, list('mine')), table(input), ['set added: mine']],
  ['one object less', table(input), table(input, list('ours')), ['set deleted: ours']],
  ['another rule', table(input.replace('drop', 'accept')), table(input), ['chain changed: input']],
  ['another element', table(list('a', '\t\telements = { 10.0.0.1 }\n')), table(list('a')), ['set changed: a']],
  [
    'a set in place of a chain of that name',
    table(list('a')),
    table('\tchain a {\n\t}\n'),
    ['set added: a', 'chain deleted: a'],
  ],
  [
    'several, in the order of the first listing, what is gone last',
    table(list('x'), input.replace('drop', 'accept')),
    table(input, list('y')),
    ['set added: x', 'chain changed: input', 'set deleted: y'],
  ],
  ['a flag of the table’s own', `table inet segwall {\n\tflags dormant\n${input}}\n`, table(input), ['table changed']],
  ['the words of a transaction', table(input, words), table(input), []],
  ['… on the other side', table(input), table(input, words), []],
  // A load of ours between the two counts the epoch up.
  ['the next epoch', table(state(4), judge(4)), table(state(5), judge(5)), [], [4, 5]],
  ['the last epoch and the first', table(state(15), judge(15)), table(state(1), judge(1)), [], [15, 1]],
  ['another revision', table(state(4, 6)), table(state(5, 7)), [], [4, 5]],
  ['another decision under the next epoch', table(judge(4, 3)), table(judge(5, 9)), ['chain changed: judge'], [4, 5]],
  ['the mark of another epoch than its own', table(judge(5)), table(judge(5)), ['chain changed: judge'], [4, 5]],
  [
    'a comment that is none of the state rule’s',
    table(input.replace('policy', 'comment "a"; policy')),
    table(input),
    ['chain changed: input'],
  ],
];

test.each(
  rows.map(([name, before, after, differences, epochs = [1, 1]]) => ({ name, before, after, differences, epochs })),
)('$name', ({ before, after, differences, epochs }) => {
  const [epochBefore, epochAfter] = epochs;
  expect(
    tableDifferences({
      before: { text: before, epoch: epochBefore },
      after: { text: after, epoch: epochAfter },
      marks: defaultMarks,
      leftovers: 'told',
    }),
  ).toEqual(differences);
});

describe('without what a change of ours that was cut short leaves behind', () => {
  const hooked = '\tchain theirs {\n\t\ttype filter hook input priority 0; policy accept;\n\t}\n';
  test.each([
    ['a chain that nothing hooks', table('\tchain r_7 {\n\t}\n', input), table(input), []],
    ['a set', table(list('in0_4_ab'), input), table(input), []],
    ['a map', table('\tmap in0_4_ab {\n\t\ttype ipv4_addr : verdict\n\t}\n', input), table(input), []],
    ['a chain with a hook is never left over', table(hooked, input), table(input), ['chain added: theirs']],
    ['what was changed', table(judge(1, 3)), table(judge(1, 4)), ['chain changed: judge']],
    ['what was deleted', table(input), table(input, list('in0_4_ab')), ['set deleted: in0_4_ab']],
    ['the table', '', table(input), ['table deleted']],
    [
      'a flag of the table’s own',
      `table inet segwall {\n\tflags dormant\n${input}}\n`,
      table(input),
      ['table changed'],
    ],
  ])('%s', (_name, before, after, differences) => {
    expect(
      tableDifferences({
        before: { text: before, epoch: 1 },
        after: { text: after, epoch: 1 },
        marks: defaultMarks,
        leftovers: 'left-out',
      }),
    ).toEqual(differences);
  });
});
