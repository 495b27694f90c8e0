// What `npm test` says of a machine that cannot run it, and that this one can.

import { expect, test } from 'vitest';
import { readText } from '#test/arch/sources.ts';
import { type MachineFacts, needs, readMachine, whatIsMissing } from '#test/machine-needs.ts';

const enough: MachineFacts = {
  user: 0,
  memoryGib: needs.memoryGib,
  diskGib: needs.diskGib,
  directory: '/tmp',
  lacking: [],
};

test.each<readonly [string, Partial<MachineFacts>, string | undefined]>([
  ['enough of everything', {}, undefined],
  ['no root', { user: 1000 }, 'root (it makes network namespaces, cgroups and mounts)'],
  ['little memory', { memoryGib: 1.9 }, '4 GiB of memory (there are 1.9)'],
  ['a small /tmp', { diskGib: 0.5 }, '4 GiB free in /tmp (there are 0.5; TMPDIR names another place)'],
  [
    'no veth',
    { lacking: [{ feature: 'veth devices', said: 'Error: Unknown device type.' }] },
    'a kernel with veth devices (Error: Unknown device type.)',
  ],
])('%s', (_, facts, missing) => {
  const said = whatIsMissing({ ...enough, ...facts });
  if (missing === undefined) expect(said).toBeUndefined();
  else expect(said).toMatch(`npm test needs ${missing}. `);
});

test('all that is missing is one sentence', () => {
  expect(whatIsMissing({ ...enough, user: 1, diskGib: 1 })).toMatch(/^npm test needs root .*; 4 GiB free in /);
});

test('the machine that runs this has what the kernel must have', async () => {
  expect((await readMachine()).lacking).toEqual([]);
});

test('CONTRIBUTING.md says the same', () => {
  expect(readText('CONTRIBUTING.md')).toContain(
    `${needs.memoryGib} GiB of memory, ${needs.diskGib} GiB of disk for temporary files, and about ${needs.minutes} minutes on two cores`,
  );
});
