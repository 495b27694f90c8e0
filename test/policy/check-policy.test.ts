// What check hands out, and that it is the same whatever the order of files, documents and list entries.

import { describe, expect, test } from 'vitest';
import { checkPolicy } from '#policy/check/check-policy.ts';
import { selectorText } from '#policy/policy/selector-text.ts';
import { createWorld, document, noon, segment, workloads } from './world.ts';

const shop = segment(
  'shop',
  'selector: app == "shop"\ninbound: selective\nselective: [tcp/22, rdp]\nonDeny: { inbound: reject }\nrules:\n  - { name: r, from: [{ ipList: office }, any], to: [{ segment: lab }], services: [rdp, icmp], reason: WHY-1, owner: me }',
);
const rest =
  segment('lab', 'selector: all()') +
  document('Service', 'rdp', 'ports: [tcp/3389, udp/3389]') +
  document('IPList', 'office', 'cidrs: [10.0.0.0/9, 10.128.0.0/9]');
const fleet = workloads('web h1 10.0.0.1 app=shop', 'nginx h1/nginx.service 10.0.0.9', 'partner external 10.9.0.1');

describe('the policy it hands out', () => {
  const { policy, inventory } = createWorld(shop + rest, fleet);

  test('has names resolved, defaults filled in and ranges joined', () => {
    const found = policy.segments.get('shop');
    expect(found).toMatchObject({
      inbound: 'selective',
      outbound: 'observe',
      onDeny: { inbound: 'reject', outbound: 'reject' },
      each: [],
    });
    expect(found?.selective).toEqual([
      { kind: 'ports', protocol: 'tcp', low: 22, high: 22 },
      { kind: 'ports', protocol: 'tcp', low: 3389, high: 3389 },
      { kind: 'ports', protocol: 'udp', low: 3389, high: 3389 },
    ]);
    expect(found?.rules[0]).toMatchObject({
      reason: 'WHY-1',
      owner: 'me',
      position: { file: 'policy.yaml', line: 11, column: 15 },
    });
    expect(found?.rules[0]?.from[0]).toEqual({
      kind: 'ranges',
      ranges: [{ family: 'ipv4', first: 0x0a00_0000n, last: 0x0aff_ffffn }],
      source: 'ipList office',
    });
    expect(found === undefined ? '' : selectorText(found.selector)).toBe('app == "shop"');
  });

  test('has units with their host’s addresses and their own', () => {
    expect(inventory.workloads.get('nginx')?.addresses).toEqual(['10.0.0.1', '10.0.0.9']);
    expect(inventory.workloads.get('partner')?.host).toBeUndefined();
  });

  test('is absent where there is an error', () => {
    const checked = checkPolicy({
      files: [{ path: 'p', text: `${shop}${rest}---\nnonsense` }],
      now: noon,
      mode: 'offline',
    });
    expect(checked.policy).toBeUndefined();
    expect(checked.inventory).toBeUndefined();
  });
});

describe('JSON', () => {
  const json = {
    apiVersion: 'segwall/v1',
    kind: 'Workload',
    metadata: { name: 'web', labels: { app: 'shop' } },
    spec: { host: 'h', kind: 'host', addresses: ['10.0.0.1'] },
  };
  test.each([
    ['one document', JSON.stringify(json)],
    ['one document, indented', JSON.stringify(json, undefined, 2)],
    [
      'one object a line',
      `${JSON.stringify(json)}\n${JSON.stringify({ ...json, metadata: { name: 'b' }, spec: { ...json.spec, host: 'i', addresses: ['10.0.0.2'] } })}\n`,
    ],
    [
      'a list of documents',
      JSON.stringify([
        json,
        { ...json, metadata: { name: 'b' }, spec: { ...json.spec, host: 'i', addresses: ['10.0.0.2'] } },
      ]),
    ],
  ])('%s', (_name, text) => {
    expect(createWorld(segment('s', 'selector: all()'), text).inventory.workloads.get('web')?.labels).toEqual(
      new Map([['app', 'shop']]),
    );
  });
});

test('the order of files does not show in the problems', () => {
  const files = [
    { path: 'a.yaml', text: segment('x', 'selector: all()') },
    { path: 'b.yaml', text: segment('x', 'selector: nope') },
    { path: 'c.yaml', text: segment('y', 'selector: all(') },
  ];
  const check = (given: typeof files) => checkPolicy({ files: given, now: noon, mode: 'offline' }).problems;
  expect(check([...files].reverse())).toEqual(check(files));
  expect(check(files).map(({ file, line }) => `${file}:${line}`)).toEqual(['b.yaml:4', 'b.yaml:6', 'c.yaml:6']);
});

describe('on the server', () => {
  const check = (text: string) =>
    checkPolicy({
      files: [{ path: 'p.yaml', text }],
      now: noon,
      mode: 'server',
      knownWorkloads: createWorld('', workloads('web h1 10.0.0.1')).inventory.workloads,
    });
  test('managed workloads and resolutions are refused in a directory, external ones are taken', () => {
    expect(check(fleet).problems.map(({ code, line }) => `${code} ${line}`)).toEqual([
      'duplicate-name 4',
      'kind-not-here 5',
      'kind-not-here 10',
    ]);
    expect(check(workloads('partner external 10.9.0.1')).policy?.workloads.size).toBe(1);
    expect(
      check('apiVersion: segwall/v1\nkind: Resolution\nmetadata: { name: r }\nspec: { example.com: [10.0.0.1] }')
        .problems[0]?.code,
    ).toBe('kind-not-here');
  });
  test('tests may name live workloads, and no others', () => {
    const tests = document('PolicyTest', 't', 'tests:\n  - { from: web, to: wbe, service: any, expect: allow }');
    expect(check(tests).problems.map(({ code, suggestion }) => `${code} ${suggestion}`)).toEqual([
      'dangling-reference did you mean "web"?',
    ]);
  });
});

test('without an inventory, names of workloads in tests are taken on trust', () => {
  const text = document('PolicyTest', 't', 'tests:\n  - { from: web, to: api, service: any, expect: allow }');
  expect(checkPolicy({ files: [{ path: 'p', text }], now: noon, mode: 'offline' }).problems).toEqual([]);
  expect(
    checkPolicy({ files: [{ path: 'p', text }], inventoryFiles: [], now: noon, mode: 'offline' }).problems,
  ).toHaveLength(2);
});

test('a fault in one line of JSON is placed in that line', () => {
  const good =
    '{"apiVersion":"segwall/v1","kind":"Workload","metadata":{"name":"a"},"spec":{"kind":"external","addresses":["10.0.0.1"]}}';
  const lines = [
    good,
    good.replace('"a"', '"B"'),
    '{"apiVersion":',
    good.replace('"a"', '"c"').replace('10.0.0.1', '10.0.0.0/8'),
  ];
  const { problems } = checkPolicy({
    files: [],
    inventoryFiles: [{ path: 'i.json', text: lines.join('\n') }],
    now: noon,
    mode: 'offline',
  });
  expect(problems.map(({ code, line, column }) => `${code} ${line}:${column}`)).toEqual([
    'bad-name 2:65',
    'yaml-syntax 3:15',
    'bad-address 4:109',
  ]);
});

describe('a rule that expires is told of from two weeks before, and as expired from its instant on', () => {
  const rule = (expires: string) =>
    segment(
      's',
      `selector: all()\nrules:\n  - { name: r, from: [any], to: [{ workloads: all() }], services: [tcp/1], expires: ${expires} }`,
    );
  test.each([
    ['2026-01-07T11:59:59Z', ['rule-expired']],
    ['2026-01-07T12:00:00Z', ['rule-expired']],
    ['2026-01-07T12:00:01Z', ['rule-expires-soon']],
    ['2026-01-07T13:00:01+01:00', ['rule-expires-soon']],
    ['2026-01-21T12:00:00Z', ['rule-expires-soon']],
    ['2026-01-21T12:00:01Z', []],
  ])('%s at noon of 2026-01-07: %j', (expires, codes) => {
    const { problems } = checkPolicy({ files: [{ path: 'p', text: rule(expires) }], now: noon, mode: 'offline' });
    expect(problems.map(({ code }) => code)).toEqual(codes);
  });
});
