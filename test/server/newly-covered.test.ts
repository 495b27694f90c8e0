// What a plan says of rules beyond what was observed: which workloads and peers they cover that no rule covered before.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { PlanAnswer } from '#control-plane/answers/schemas.ts';
import { apiUnderTest } from '../hostile/support/api-under-test.ts';
import { runSegwall } from '../hostile/support/segwall.ts';
import { scratchDirectory } from './scratch-directory.ts';

const segment = (...rules: readonly string[]) =>
  `apiVersion: segwall/v1\nkind: Segment\nmetadata: { name: shop }\nspec: { selector: 'app == "shop"', inbound: enforce, rules: [${rules.join(', ')}] }\n`;
const rule = (name: string, from: string, services: string) =>
  `{ name: ${name}, from: [${from}], to: [{ workloads: 'role == "api"' }], services: [${services}] }`;
const web = `{ workloads: 'role == "web"' }`;
const before = segment(rule('web', web, 'tcp/8080-8090'), rule('net', '{ cidr: 10.1.0.0/16 }', 'any'));

async function shop() {
  const under = await apiUnderTest();
  await under.apply(before);
  for (const [host, role, address] of [
    ['api-1', 'api', '10.0.0.1'],
    ['api-2', 'api', '10.0.0.2'],
    ['web-1', 'web', '10.0.0.3'],
    ['web-2', 'web', '10.1.0.4'],
    ['db-1', 'db', '10.0.0.5'],
  ] as const)
    await under.connect(host, { labels: { app: 'shop', role }, addresses: [address] });
  return under;
}

test.each([
  ['nothing', before, []],
  [
    'a port within what was covered',
    segment(
      rule('web', web, 'tcp/8080-8090'),
      rule('net', '{ cidr: 10.1.0.0/16 }', 'any'),
      rule('more', web, 'tcp/8085'),
    ),
    [],
  ],
  [
    'another port, but for who had it by a range',
    segment(rule('web', web, 'tcp/8080-8090, tcp/22'), rule('net', '{ cidr: 10.1.0.0/16 }', 'any')),
    [
      {
        rule: 'shop/web',
        workloads: 2,
        pairs: 2,
        services: ['tcp/22'],
        examples: [
          { workload: 'api-1', peer: 'web-1' },
          { workload: 'api-2', peer: 'web-1' },
        ],
      },
    ],
  ],
  [
    'others',
    segment(
      rule('web', `${web}, { workloads: 'role == "db"' }`, 'tcp/8080-8090'),
      rule('net', '{ cidr: 10.1.0.0/16 }', 'any'),
    ),
    [
      {
        rule: 'shop/web',
        workloads: 2,
        pairs: 2,
        services: ['tcp/8080-8090'],
        examples: [{ peer: 'db-1' }, { peer: 'db-1' }],
      },
    ],
  ],
  [
    'everybody',
    segment(rule('web', web, 'tcp/8080-8090'), rule('net', 'any', 'any')),
    [{ rule: 'shop/net', workloads: 2, pairs: 2, services: ['any'], examples: [{ peer: 'any' }, { peer: 'any' }] }],
  ],
] as const)('%s', async (_what, text, rules) => {
  const { call } = await shop();
  const files = [{ path: 'p.yaml', text }];
  const { newlyCovered } = await call<PlanAnswer>('POST', '/api/v1/policy/plan', { files });
  const inbound = newlyCovered.rules.filter(({ direction }) => direction === 'inbound');
  expect(inbound).toMatchObject(rules);
  expect(inbound).toHaveLength(rules.length);
});

test('the command shows it though no flow was seen', async () => {
  const { listen } = await shop();
  const directory = join(await scratchDirectory(), 'policy');
  await mkdir(directory);
  await writeFile(join(directory, 'p.yaml'), segment(rule('web', web, 'tcp/8080-8090, tcp/22')));
  const state = { XDG_STATE_HOME: await scratchDirectory() };
  const { stdout } = await runSegwall(['plan', directory], {
    SEGWALL_SERVER: await listen(),
    SEGWALL_TOKEN: 't',
    ...state,
  });
  expect(stdout).toContain('what rules cover that none covered before, seen or not: ');
  expect(stdout).toMatch(/^shop\/web +inbound +2 +2 +tcp\/22 +api-1 ← web-1\b/m);
});
