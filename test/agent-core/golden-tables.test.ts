// The text of each named policy's table, byte for byte, and that a kernel takes it and has it afterwards. SEGWALL_WRITE_GOLDEN=1 writes
// the files; what changes there is what hosts load from then on.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseTableState } from '#agent-core/table/table-listing.ts';
import { createLab, type Lab, type LabHost } from '#test/support/lab.ts';
import { type NamedTable, namedPolicies, namedTable } from './named-tables.ts';

const folder = new URL('../fixtures/nft/', import.meta.url);
const tables = new Map(Object.entries(namedPolicies).map(([name, policy]) => [name, namedTable(policy)]));

describe('the text of', () => {
  test.each(Object.entries(namedPolicies))('%s is the file’s', (name, { is }) => {
    const text = `# ${is}\n${tables.get(name)?.script}`;
    const file = new URL(`${name}.nft`, folder);
    if (process.env['SEGWALL_WRITE_GOLDEN'] === '1') writeFileSync(file, text);
    expect(text).toBe(readFileSync(file, 'utf8'));
  });

  test('every file has its policy', () => {
    expect(readdirSync(folder).sort()).toEqual([...tables.keys()].map((name) => `${name}.nft`).sort());
  });
});

/** How many rules each chain has, and how many elements each map and set. */
interface Contents {
  readonly rules: Readonly<Record<string, number>>;
  readonly elements: Readonly<Record<string, number>>;
}

/** Of a script for an empty kernel. */
function writtenIn(script: string): Contents {
  const rules: Record<string, number> = {};
  const elements: Record<string, number> = {};
  for (const line of script.split('\n')) {
    const [, what = '', name = '', rest = ''] = /^(\w+ \w+) inet segwall (\S+)(.*)$/.exec(line) ?? [];
    if (what === 'add chain' || what === 'flush chain') rules[name] = 0;
    if (what === 'add rule') rules[name] = (rules[name] ?? 0) + 1;
    if (what === 'add map' || what === 'add set') elements[name] = 0;
    if (what === 'add element') elements[name] = (elements[name] ?? 0) + rest.split(', ').length;
  }
  return { rules, elements };
}

interface ListedObjects {
  readonly nftables: readonly {
    readonly chain?: { readonly name: string };
    readonly rule?: { readonly chain: string };
    readonly map?: ListedMap;
    readonly set?: ListedMap;
  }[];
}
interface ListedMap {
  readonly name: string;
  readonly elem?: readonly unknown[];
}

function heldBy({ nftables }: ListedObjects): Contents {
  const rules: Record<string, number> = {};
  const elements: Record<string, number> = {};
  for (const { chain, rule, map, set } of nftables) {
    if (chain !== undefined) rules[chain.name] ??= 0;
    if (rule !== undefined) rules[rule.chain] = (rules[rule.chain] ?? 0) + 1;
    const listed = map ?? set;
    if (listed !== undefined) elements[listed.name] = listed.elem?.length ?? 0;
  }
  return { rules, elements };
}

describe('in the kernel', () => {
  let lab: Lab;
  let host: LabHost;
  beforeAll(async () => {
    lab = await createLab({ name: 'golden' });
    host = await lab.addHost({ name: 'host' });
  });
  afterAll(() => lab.remove());

  test.each([...tables])(
    '%s is loaded as it stands in its file, and read back',
    async (name, { state }: NamedTable) => {
      const input = readFileSync(new URL(`${name}.nft`, folder), 'utf8');
      const anew = `add table inet segwall\ndelete table inet segwall\n${input}`;
      expect(await host.exec(['nft', '-f', '-'], { input: anew })).toMatchObject({ exitCode: 0, stderr: '' });
      const listing = await host.exec(['nft', 'list', 'table', 'inet', 'segwall']);
      expect(parseTableState(listing.stdout)).toEqual(state);
      const listed = await host.exec(['nft', '-j', 'list', 'table', 'inet', 'segwall']);
      expect(heldBy(JSON.parse(listed.stdout))).toEqual(writtenIn(input));
    },
  );
});
