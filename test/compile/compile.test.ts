// Where rules land, what their remote sides are called and hold, and what each direction's mode and default are.

import { describe, expect, test } from 'vitest';
import { rangeText } from '#model/address-range.ts';
import { millis } from '#model/time.ts';
import { compileFleet } from '#policy/compile/compile.ts';
import { FleetCompiler } from '#policy/compile/fleet-compiler.ts';
import { address, fleetOf, grantLines, host, noon, ruleSetOf, rulesOf, shop } from './fleet.ts';

function segment(rules: string, rest = ''): string {
  return `kind: Segment
metadata: { name: shop }
spec:
  selector: app == "shop"
  inbound: enforce
  outbound: enforce
${rest}  rules:
${rules}`;
}

const webToApi = `    - { name: web-to-api, from: [{ workloads: role == "web" }], to: [{ workloads: role == "api" }], services: [tcp/8080] }`;

describe('a rule lands where its own side matches a member of its segment', () => {
  const table: readonly (readonly [
    title: string,
    from: string,
    to: string,
    workload: string,
    inbound: readonly string[],
    outbound: readonly string[],
  ])[] = [
    [
      'selectors at the source',
      '{ workloads: role == "web" }',
      '{ workloads: role == "api" }',
      'web-1',
      [],
      ['members/app == "shop"/role == "api"'],
    ],
    [
      'selectors at the destination',
      '{ workloads: role == "web" }',
      '{ workloads: role == "api" }',
      'api-1',
      ['members/app == "shop"/role == "web"'],
      [],
    ],
    ['selectors at neither', '{ workloads: role == "web" }', '{ workloads: role == "api" }', 'db-1', [], []],
    [
      'everyone is one peer set',
      '{ workloads: all() }',
      '{ workloads: role == "db" }',
      'db-1',
      ['members/app == "shop"'],
      ['members/app == "shop"/role == "db"'],
    ],
    [
      'not at a workload outside, though it matches',
      '{ tenant: role == "dev" }',
      '{ workloads: role == "db" }',
      'dev-1',
      [],
      [],
    ],
    [
      'a tenant peer as the remote side',
      '{ tenant: role == "dev" }',
      '{ workloads: role == "db" }',
      'db-1',
      ['tenant/role == "dev"'],
      [],
    ],
    [
      'a tenant peer that is a member as the local side',
      '{ tenant: role == "web" }',
      '{ workloads: role == "db" }',
      'web-2',
      [],
      ['members/app == "shop"/role == "db"'],
    ],
    [
      'a segment named from outside',
      '{ segment: shop, workloads: role == "web" }',
      '{ tenant: role == "dev" }',
      'web-1',
      [],
      ['tenant/role == "dev"'],
    ],
    [
      'any as the remote side',
      'any',
      '{ workloads: role == "web" }',
      'web-1',
      ['any'],
      ['members/app == "shop"/role == "web"'],
    ],
    [
      'ranges as the remote side',
      '{ cidr: 192.0.2.0/24, except: [192.0.2.0/28] }',
      '{ workloads: role == "web" }',
      'web-1',
      ['ranges/192.0.2.16-192.0.2.255'],
      ['members/app == "shop"/role == "web" local'],
    ],
    [
      'ranges as the local side',
      '{ workloads: role == "web" }',
      '{ cidr: 10.0.0.3/32 }',
      'api-2',
      ['members/app == "shop"/role == "web" local'],
      [],
    ],
    [
      'ranges and a selector that matches',
      '{ workloads: role == "api" }',
      '{ cidr: 10.0.0.0/8 }, { workloads: role == "db" }',
      'db-1',
      ['members/app == "shop"/role == "api"'],
      [],
    ],
    [
      'a name as the remote side',
      '{ workloads: role == "web" }',
      '{ fqdn: DB.example.com }',
      'web-1',
      ['members/app == "shop"/role == "web" local'],
      ['fqdn/db.example.com'],
    ],
  ];

  test.each(table)('%s', (_title, from, to, workload, inbound, outbound) => {
    const checked = fleetOf(segment(`    - { name: r, from: [${from}], to: [${to}], services: [tcp/1] }`));
    const resolutions = new Map([['db.example.com', [address('203.0.113.7')]]]);
    const fleet = { ...checked, inventory: { ...checked.inventory, resolutions } };
    const ends = (direction: 'inbound' | 'outbound') =>
      rulesOf(fleet, workload)[direction].grants.map(
        ({ peers, local }) =>
          `${peers.kind === 'any' ? 'any' : peers.ids.join(' | ')}${local.kind === 'any' ? '' : ' local'}`,
      );
    expect({ inbound: ends('inbound'), outbound: ends('outbound') }).toEqual({ inbound, outbound });
  });
});

describe('peer sets', () => {
  test('hold every address of every match, once, and are shared by the rules that mean them', () => {
    const fleet = fleetOf(
      segment(`${webToApi}
    - { name: web-to-db, from: [{ workloads: "role in {'web'}" }], to: [{ workloads: role == "db" }], services: [tcp/5432] }`),
    );
    expect([...ruleSetOf(fleet, 'api-1').peerSets.values()]).toEqual([
      { id: 'members/app == "shop"/role == "web"', addresses: ['10.0.0.1', '10.0.0.2', 'fd00::1'], ranges: [] },
    ]);
    expect([...ruleSetOf(fleet, 'db-1').peerSets.keys()]).toEqual(['members/app == "shop"/role == "web"']);
  });

  test('that match nobody are there and empty', () => {
    const fleet = fleetOf(segment(webToApi.replace('"web"', '"nobody"')));
    expect(ruleSetOf(fleet, 'api-1').peerSets.get('members/app == "shop"/role == "nobody"')?.addresses).toEqual([]);
  });

  test('of an IP list keep their id whatever is in the list', () => {
    const rules = (cidr: string) =>
      fleetOf(`kind: IPList
metadata: { name: office }
spec: { cidrs: [${cidr}] }
---
${segment('    - { name: r, from: [{ ipList: office }], to: [{ workloads: all() }], services: [any] }')}`);
    for (const cidr of ['192.0.2.0/24', '198.51.100.0/24']) {
      expect(ruleSetOf(rules(cidr), 'db-1').peerSets.get('ranges/ipList office')?.ranges).toHaveLength(1);
    }
  });

  test('of a name with a star hold what every deeper name resolved to', () => {
    const checked = fleetOf(
      segment('    - { name: r, from: [{ workloads: all() }], to: [{ fqdn: "*.example.com" }], services: [any] }'),
    );
    const resolutions = new Map([
      ['example.com', [address('192.0.2.1')]],
      ['a.example.com', [address('192.0.2.2')]],
      ['a.b.example.com', [address('192.0.2.3')]],
      ['badexample.com', [address('192.0.2.4')]],
    ]);
    const set = ruleSetOf({ ...checked, inventory: { ...checked.inventory, resolutions } }, 'db-1').peerSets.get(
      'fqdn/*.example.com',
    );
    expect(set?.ranges.map(rangeText)).toEqual(['192.0.2.2-192.0.2.3']);
    expect(set?.fqdn).toBe('*.example.com');
  });

  test('with very long names keep short ids that differ', () => {
    const many = (last: string) =>
      `role in {${Array.from({ length: 60 }, (_, at) => `'value-${at}'`).join(', ')}, '${last}'}`;
    const rule = (name: string, last: string) =>
      `    - { name: ${name}, from: [{ workloads: "${many(last)}" }], to: [{ workloads: role == "db" }], services: [any] }`;
    const ids = [...ruleSetOf(fleetOf(segment(`${rule('a', 'x')}\n${rule('b', 'y')}`)), 'db-1').peerSets.keys()];
    expect(ids).toHaveLength(2);
    for (const id of ids) expect(id.length).toBeLessThanOrEqual(200);
  });
});

describe('a segment with each', () => {
  const fleet = fleetOf(
    `kind: Segment
metadata: { name: ring }
spec:
  selector: has(app)
  each: [app, env]
  inbound: enforce
  rules:
    - { name: within, from: [{ workloads: role == "web" }], to: [{ workloads: role == "api" }], services: [tcp/8080] }
    - { name: across, from: [{ segment: ring, workloads: role == "web" }], to: [{ workloads: role == "api" }], services: [tcp/9090] }`,
    [
      host('shop-web', { app: 'shop', env: 'prod', role: 'web' }, '10.1.0.1'),
      host('shop-api', { app: 'shop', env: 'prod', role: 'api' }, '10.1.0.2'),
      host('pay-web', { app: 'pay', env: 'prod', role: 'web' }, '10.1.0.3'),
      host('pay-api', { app: 'pay', env: 'prod', role: 'api' }, '10.1.0.4'),
      host('stray', { app: 'pay', role: 'api' }, '10.1.0.5'),
    ].join('\n'),
  );

  test('keeps { workloads } to the combination, and lets { segment } reach all of them', () => {
    expect(grantLines(fleet, 'shop-api', 'inbound')).toEqual([
      'ring[app=shop,env=prod]/across members/has(app)[app,env]/role == "web": tcp/9090',
      'ring[app=shop,env=prod]/within members/has(app)[app=shop,env=prod]/role == "web": tcp/8080',
    ]);
    const { peerSets } = ruleSetOf(fleet, 'shop-api');
    expect(peerSets.get('members/has(app)[app=shop,env=prod]/role == "web"')?.addresses).toEqual(['10.1.0.1']);
    expect(peerSets.get('members/has(app)[app,env]/role == "web"')?.addresses).toEqual(['10.1.0.1', '10.1.0.3']);
  });

  test('names the combination where its default decides', () => {
    expect(rulesOf(fleet, 'pay-api').inbound.defaultSegment).toEqual({
      segment: 'ring',
      combination: 'app=pay,env=prod',
    });
  });

  test('has no member that lacks one of its keys', () => {
    expect(rulesOf(fleet, 'stray').inbound).toMatchObject({ mode: 'observe', grants: [] });
    expect(rulesOf(fleet, 'stray').inbound.defaultSegment).toBeUndefined();
  });
});

describe('modes', () => {
  const bare = (name: string, inbound: string, rest = '') =>
    `kind: Segment\nmetadata: { name: ${name} }\nspec: { selector: app == "shop", inbound: ${inbound}${rest} }`;

  const table: readonly (readonly [
    title: string,
    documents: readonly string[],
    mode: string,
    named: string | undefined,
  ])[] = [
    ['no segment observes, and names none', [], 'observe', undefined],
    ['off', [bare('a', 'off')], 'off', 'a'],
    ['observe is stricter than off', [bare('a', 'off'), bare('b', 'observe')], 'observe', 'b'],
    [
      'selective is stricter than observe',
      [bare('a', 'observe'), bare('b', 'selective', ', selective: [tcp/22]')],
      'selective',
      'b',
    ],
    ['enforce is strictest', [bare('b', 'enforce'), bare('a', 'selective', ', selective: [tcp/22]')], 'enforce', 'b'],
    ['the first in code-unit order is named', [bare('s9', 'enforce'), bare('s10', 'enforce')], 'enforce', 's10'],
  ];
  test.each(table)('%s', (_title, documents, mode, named) => {
    const { inbound } = rulesOf(fleetOf(documents.join('\n---\n')), 'web-1');
    expect([inbound.mode, inbound.defaultSegment?.segment]).toEqual([mode, named]);
  });

  test('off ships no grants, and guardrails all the same', () => {
    const fleet = fleetOf(`${segment(webToApi).replace('inbound: enforce', 'inbound: off')}
---
kind: Guardrail
metadata: { name: no-dev }
spec: { mode: enforce, deny: [{ from: [{ workloads: role == "dev" }], to: [{ workloads: app == "shop" }], services: [any] }] }`);
    expect(rulesOf(fleet, 'api-1').inbound).toMatchObject({
      mode: 'off',
      grants: [],
      guardrails: [{ guardrail: 'no-dev' }],
    });
    expect(rulesOf(fleet, 'dev-1').outbound.guardrails).toHaveLength(1);
    expect(rulesOf(fleet, 'dev-1').inbound.guardrails).toEqual([]);
  });

  test('selective services are listed by segment with an onDeny of their own, only where selective decides', () => {
    const both = [
      bare('b', 'selective', ', selective: [tcp/22]'),
      bare('a', 'selective', ', selective: [tcp/3389, udp/53]'),
    ];
    expect(rulesOf(fleetOf(both.join('\n---\n')), 'web-1').inbound.selective.map(({ segment: name }) => name)).toEqual([
      'a',
      'b',
    ]);
    const own = [...both, bare('c', 'selective', ', selective: [tcp/23], onDeny: { inbound: reject }')];
    expect(rulesOf(fleetOf(own.join('\n---\n')), 'web-1').inbound).toMatchObject({
      onDeny: 'drop',
      selective: [{ segment: 'a' }, { segment: 'b' }, { segment: 'c', onDeny: 'reject' }],
    });
    const enforced = [...both, bare('c', 'enforce')];
    expect(rulesOf(fleetOf(enforced.join('\n---\n')), 'web-1').inbound.selective).toEqual([]);
  });
});

describe('time', () => {
  const timed = (rest: string) =>
    fleetOf(segment(webToApi.replace('services: [tcp/8080]', `services: [tcp/8080], ${rest}`)));
  const at = (text: string) => millis(Date.parse(text));

  const table: readonly (readonly [
    title: string,
    rest: string,
    now: string,
    grants: number,
    next: string | undefined,
  ])[] = [
    ['before it expires', 'expires: 2026-10-28T12:00:00Z', '2026-10-28T11:59:59.999Z', 1, '2026-10-28T12:00:00Z'],
    ['at the instant it expires', 'expires: 2026-10-28T12:00:00Z', '2026-10-28T12:00:00Z', 0, undefined],
    ['inside its hours', 'when: { from: "08:00", to: "18:00" }', '2026-10-28T08:00:00Z', 1, '2026-10-28T18:00:00Z'],
    [
      'at the end of its hours',
      'when: { from: "08:00", to: "18:00" }',
      '2026-10-28T18:00:00Z',
      0,
      '2026-10-29T08:00:00Z',
    ],
    [
      'past midnight, of the day before',
      'when: { days: [wed], from: "22:00", to: "06:00" }',
      '2026-10-29T05:59:00Z',
      1,
      '2026-10-29T06:00:00Z',
    ],
    [
      'before midnight of another day',
      'when: { days: [wed], from: "22:00", to: "06:00" }',
      '2026-10-29T22:00:00Z',
      0,
      '2026-11-04T22:00:00Z',
    ],
    [
      'in its own zone',
      'when: { from: "08:00", to: "18:00", zone: Asia/Kolkata }',
      '2026-10-28T02:30:00Z',
      1,
      '2026-10-28T12:30:00Z',
    ],
    [
      'over the night that has 25 hours',
      'when: { from: "22:00", to: "08:00", zone: Europe/Berlin }',
      '2026-10-24T21:00:00Z',
      1,
      '2026-10-25T07:00:00Z',
    ],
    [
      'through the hour that comes twice',
      'when: { from: "02:30", to: "03:00", zone: Europe/Berlin }',
      '2026-10-25T00:30:00Z',
      1,
      '2026-10-25T01:00:00Z',
    ],
    [
      'an hour that summer time skips does not open',
      'when: { days: [sun], from: "02:00", to: "03:00", zone: Europe/Berlin }',
      '2027-03-28T00:00:00Z',
      0,
      '2027-04-04T00:00:00Z',
    ],
    [
      'all week never changes',
      'when: { days: [mon, tue, wed, thu, fri, sat, sun] }',
      '2026-10-28T12:00:00Z',
      1,
      undefined,
    ],
    [
      'would open only after it expires',
      'expires: 2026-10-28T07:00:00Z, when: { from: "08:00", to: "18:00" }',
      '2026-10-28T06:00:00Z',
      0,
      undefined,
    ],
  ];
  test.each(table)('%s', (_title, rest, now, grants, next) => {
    const fleet = timed(rest);
    expect(rulesOf(fleet, 'api-1', at(now)).inbound.grants).toHaveLength(grants);
    const nextChangeAt = compileFleet({ ...fleet, now: at(now) }).nextChangeAt;
    expect(nextChangeAt === undefined ? undefined : new Date(nextChangeAt).toISOString()).toBe(
      next === undefined ? undefined : new Date(next).toISOString(),
    );
  });
});

describe('who gets rules', () => {
  const fleet = fleetOf(
    segment(webToApi),
    `${shop}
---
apiVersion: segwall/v1
kind: Workload
metadata: { name: nginx, labels: { app: shop, role: web } }
spec: { host: web-1, kind: unit, unit: nginx.service }
---
apiVersion: segwall/v1
kind: Workload
metadata: { name: box, labels: { app: shop, role: api } }
spec: { host: web-1, kind: container, addresses: [10.0.9.1] }
---
apiVersion: segwall/v1
kind: Workload
metadata: { name: partner, labels: { app: shop, role: web } }
spec: { kind: external, addresses: [192.0.2.9] }`,
  );

  test('every managed workload of the host, in order, and no external one', () => {
    expect(ruleSetOf(fleet, 'web-1').workloads.map(({ workload, kind, unit }) => [workload, kind, unit])).toEqual([
      ['box', 'container', undefined],
      ['nginx', 'unit', 'nginx.service'],
      ['web-1', 'host', undefined],
    ]);
    expect([...compileFleet({ ...fleet, now: noon }).hosts]).toEqual([
      'api-1',
      'api-2',
      'db-1',
      'dev-1',
      'web-1',
      'web-2',
    ]);
  });

  test('an external workload is a peer all the same', () => {
    expect(ruleSetOf(fleet, 'api-1').peerSets.get('members/app == "shop"/role == "web"')?.addresses).toContain(
      '192.0.2.9',
    );
  });

  test('a host without managed workloads has no rule set', () => {
    expect(compileFleet({ ...fleet, now: noon }).ruleSetOf('partner', 1)).toBeUndefined();
  });

  test('a quarantined workload carries the peers that are exempt', () => {
    const workloads = new Map(fleet.inventory.workloads);
    const db = workloads.get('db-1');
    if (db === undefined) throw new Error('the shop has a database');
    const peers = [{ kind: 'tenant', selector: { kind: 'has', key: 'role' }, text: 'has(role)' }] as const;
    workloads.set('db-1', { ...db, quarantine: { name: 'incident-7', peers } });
    const quarantined = { ...fleet, inventory: { ...fleet.inventory, workloads } };
    expect(rulesOf(quarantined, 'db-1').quarantine).toEqual({
      name: 'incident-7',
      peers: { kind: 'sets', ids: ['tenant/has(role)'] },
    });
    expect(ruleSetOf(quarantined, 'db-1').peerSets.has('tenant/has(role)')).toBe(true);
  });
});

describe('segments that select alike', () => {
  const alike = fleetOf(`
kind: Segment
metadata: { name: shop }
spec:
  selector: app == "shop"
  inbound: enforce
  rules:
    - { name: web, from: [{ workloads: role == "web" }], to: [{ workloads: role == "api" }], services: [tcp/8080] }
---
kind: Segment
metadata: { name: backup }
spec:
  selector: app == "shop"
  rules:
    - { name: web, from: [{ workloads: role == "web" }], to: [{ workloads: all() }], services: [tcp/22] }
    - { name: by-name, from: [{ segment: shop, workloads: role == "web" }], to: [{ workloads: role == "api" }], services: [tcp/23] }
---
kind: Segment
metadata: { name: narrow }
spec:
  selector: app == "shop" && role == "api"
  rules:
    - { name: web, from: [{ workloads: role == "web" }], to: [{ workloads: all() }], services: [tcp/24] }`);

  test('name one peer set, and those that do not name their own', () => {
    expect([...ruleSetOf(alike, 'api-1').peerSets].map(([id, { addresses }]) => [id, addresses.length])).toEqual([
      ['members/app == "shop" && role == "api"/role == "web"', 0],
      ['members/app == "shop"/role == "web"', 3],
    ]);
    expect(grantLines(alike, 'api-1', 'inbound')).toEqual([
      'backup/by-name members/app == "shop"/role == "web": tcp/23',
      'backup/web members/app == "shop"/role == "web": tcp/22',
      'narrow/web members/app == "shop" && role == "api"/role == "web": tcp/24',
      'shop/web members/app == "shop"/role == "web": tcp/8080',
    ]);
  });

  test('have modes of their own', () => {
    expect(rulesOf(alike, 'api-1').inbound).toMatchObject({ mode: 'enforce', defaultSegment: { segment: 'shop' } });
    expect(rulesOf(alike, 'api-1').outbound.mode).toBe('observe');
  });

  test('a rule that names one of them means the others it selects once its selector is another', () => {
    const compiler = new FleetCompiler({ ...alike, now: noon });
    expect(compiler.ruleSetOf('api-1', 1)?.workloads[0]?.inbound.grants).toHaveLength(4);
    const shopSegment = alike.policy.segments.get('shop');
    if (shopSegment === undefined) throw new Error('no shop');
    const selector = { kind: 'has', key: 'nothing' } as const;
    const policy = {
      ...alike.policy,
      segments: new Map(alike.policy.segments).set('shop', { ...shopSegment, selector }),
    };
    const told = compiler.apply([{ kind: 'policy-replaced', policy }], noon);
    expect(told.get('api-1')?.addedPeerSets.map(({ id }) => id)).toEqual(['members/has(nothing)/role == "web"']);
    expect(compiler.ruleSetOf('api-1', 2)).toEqual(compileFleet({ ...alike, policy, now: noon }).ruleSetOf('api-1', 2));
  });
});

test('a set of most of the fleet has who came after others were gathered, in order', () => {
  const inventory = Array.from({ length: 40 }, (_, at) => host(`w-${at}`, { n: `${at % 2}` }, `10.0.0.${at}`)).join(
    '\n',
  );
  const large = fleetOf(
    `
kind: Segment
metadata: { name: all }
spec:
  selector: all()
  rules:
    - { name: odd, from: [{ workloads: has(n) }], to: [{ workloads: n == "1" }], services: [tcp/1] }
    - { name: even, from: [{ workloads: 'n in {"0", "1", "2"}' }], to: [{ workloads: n == "0" }], services: [tcp/2] }`,
    inventory,
  );
  const compiler = new FleetCompiler({ ...large, now: noon });
  expect(compiler.ruleSetOf('w-1', 1)?.peerSets.get('members/all()/has(n)')?.addresses).toHaveLength(40);
  const newcomer = large.inventory.workloads.get('w-2');
  if (newcomer === undefined) throw new Error('no w-2');
  const workload = { ...newcomer, name: 'new', host: 'new', addresses: [address('10.0.0.200')] };
  compiler.apply([{ kind: 'workload-set', workload }], noon);
  const workloads = new Map(large.inventory.workloads).set('new', workload);
  const scratch = compileFleet({ ...large, inventory: { ...large.inventory, workloads }, now: noon });
  expect(compiler.ruleSetOf('w-0', 2)).toEqual(scratch.ruleSetOf('w-0', 2));
  expect(compiler.ruleSetOf('w-1', 2)).toEqual(scratch.ruleSetOf('w-1', 2));
});
