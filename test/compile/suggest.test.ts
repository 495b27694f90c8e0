// What a suggestion proposes and in which words, what it leaves out, and the text it gives.

import { describe, expect, test } from 'vitest';
import { parseDocument } from 'yaml';
import { parseSelector } from '#model/parse-selector.ts';
import { assertOk } from '#model/result.ts';
import { serviceTermText } from '#model/service.ts';
import { millis } from '#model/time.ts';
import type { Direction } from '#model/verdict.ts';
import type { ObservedFlow } from '#policy/learn/observed-flow.ts';
import { renderSuggestion } from '#policy/learn/render-suggestion.ts';
import { applySuggestion, type Suggestion, type SuggestRequest, suggestRules } from '#policy/learn/suggest.ts';
import type { Peer } from '#policy/policy/policy.ts';
import { address, type Fleet, fleetOf, host, noon, readFleet, shop } from './fleet.ts';

const bareSegment = `kind: Segment
metadata: { name: shop }
spec: { selector: app == "shop" }`;

interface Seen {
  readonly port?: number;
  readonly protocol?: number;
  readonly only?: Direction;
  readonly rest?: Partial<ObservedFlow>;
}

/** A connection as both its ends saw it, or only one; names or addresses on either side. */
function seen(
  fleet: Fleet,
  client: string,
  server: string,
  { port = 8080, protocol = 6, only, rest = {} }: Seen = {},
): ObservedFlow[] {
  const addressOf = (name: string) => fleet.inventory.workloads.get(name)?.addresses[0] ?? address(name);
  const [src, dst] = [addressOf(client), addressOf(server)];
  const end = (workload: string, direction: Direction): ObservedFlow[] => {
    if (!fleet.inventory.workloads.has(workload) || (only !== undefined && only !== direction)) return [];
    const [local, peer] = direction === 'outbound' ? [src, dst] : [dst, src];
    const counts = { connections: 1, firstSeenAt: noon, lastSeenAt: millis(noon + 60_000) };
    return [
      {
        host: fleet.inventory.workloads.get(workload)?.host ?? workload,
        workload,
        direction,
        local,
        peer,
        protocol,
        port,
        verdict: 'would-deny',
        reason: 'default',
        ...counts,
        ...rest,
      },
    ];
  };
  return [...end(client, 'outbound'), ...end(server, 'inbound')];
}

function suggest(fleet: Fleet, flows: readonly ObservedFlow[], rest: Partial<SuggestRequest> = {}): Suggestion {
  return suggestRules({ ...fleet, segment: 'shop', flows, ...rest });
}

/** "web-to-api-tcp-8080: role == \"web\" -> role == \"api\" tcp/8080", one line a rule. */
function lines({ rules }: Suggestion): readonly string[] {
  const side = (peers: readonly Peer[]) =>
    peers
      .map((peer) =>
        peer.kind === 'ranges'
          ? peer.source
          : `${peer.kind === 'tenant' ? 'tenant ' : ''}${'text' in peer ? peer.text : peer.kind}`,
      )
      .join(' | ');
  return rules.map(
    ({ name, from, to, services }) =>
      `${name}: ${side(from)} -> ${side(to)} ${services.map(serviceTermText).join(' ')}`,
  );
}

function each(clients: readonly string[], servers: readonly string[]): readonly (readonly [string, string])[] {
  return clients.flatMap((client) => servers.map((server) => [client, server] as const));
}

describe('words for who talked to whom', () => {
  const fleet = fleetOf(bareSegment);
  const webs = ['web-1', 'web-2'];
  const apis = ['api-1', 'api-2'];

  const table: readonly (readonly [
    title: string,
    talks: readonly (readonly [string, string])[],
    rules: readonly string[],
  ])[] = [
    ['nothing seen, nothing proposed', [], []],
    [
      'all of one role to all of another',
      each(webs, apis),
      ['web-to-api-tcp-8080: role == "web" -> role == "api" tcp/8080'],
    ],
    [
      'two roles to one',
      each([...webs, ...apis], ['db-1']),
      ['api-web-to-db-tcp-8080: role in {"api", "web"} -> role == "db" tcp/8080'],
    ],
    [
      'from a workload outside the segment',
      [['dev-1', 'db-1']],
      ['dev-to-db-tcp-8080: tenant role == "dev" -> role == "db" tcp/8080'],
    ],
    [
      'to a workload outside the segment',
      each(webs, ['dev-1']),
      ['web-to-dev-tcp-8080: role == "web" -> tenant role == "dev" tcp/8080'],
    ],
    [
      'a mesh of one role',
      each(webs, webs).filter(([a, b]) => a !== b),
      ['web-to-web-tcp-8080: role == "web" -> role == "web" tcp/8080'],
    ],
    [
      'one of two that no label tells apart',
      [['web-2', 'db-1']],
      ['web-2-to-db-tcp-8080: 10.0.0.2/32 -> role == "db" tcp/8080'],
    ],
    [
      'by all addresses of the workload',
      [['web-1', 'db-1']],
      ['web-1-to-db-tcp-8080: 10.0.0.1/32 | fd00::1/128 -> role == "db" tcp/8080'],
    ],
    [
      'a cross that is no rectangle is two rules',
      [...each(webs, ['api-1']), ['web-1', 'api-2']],
      [
        'web-1-to-api-tcp-8080: 10.0.0.1/32 | fd00::1/128 -> role == "api" tcp/8080',
        'web-2-to-api-1-tcp-8080: 10.0.0.2/32 -> 10.0.0.3/32 tcp/8080',
      ],
    ],
  ];

  test.each(table)('%s', (_title, talks, rules) => {
    expect(
      lines(
        suggest(
          fleet,
          talks.flatMap(([client, server]) => seen(fleet, client, server)),
        ),
      ),
    ).toEqual(rules);
  });

  test('two keys where one is not enough', () => {
    const inventory = [
      host('a', { app: 'shop', role: 'web', env: 'prod' }, '10.2.0.1'),
      host('b', { app: 'shop', role: 'web', env: 'dev' }, '10.2.0.2'),
      host('c', { app: 'shop', role: 'db', env: 'prod' }, '10.2.0.3'),
    ].join('\n');
    const mixed = fleetOf(bareSegment, inventory);
    expect(lines(suggest(mixed, seen(mixed, 'a', 'c')))).toEqual([
      'web-prod-to-db-tcp-8080: role == "web" && env == "prod" -> role == "db" tcp/8080',
    ]);
  });

  test('never by facts, which a host says of itself', () => {
    const inventory = ['debian', 'alpine'].map(
      (os, at) => `---
apiVersion: segwall/v1
kind: Workload
metadata: { name: ${os}, labels: { app: shop } }
spec: { host: ${os}, kind: host, addresses: [10.3.0.${at + 1}], facts: { os: ${os} } }`,
    );
    const facts = fleetOf(bareSegment, inventory.join('\n'));
    expect(lines(suggest(facts, seen(facts, 'debian', 'alpine')))).toEqual([
      'debian-to-alpine-tcp-8080: 10.3.0.1/32 -> 10.3.0.2/32 tcp/8080',
    ]);
  });
});

describe('services', () => {
  const fleet = fleetOf(bareSegment);

  const table: readonly (readonly [title: string, flows: readonly Seen[], services: string])[] = [
    [
      'of equal peers are one rule, runs of ports one range',
      [{ port: 8081 }, { port: 8080 }, { port: 22 }, { port: 8082 }],
      'tcp/22 tcp/8080-8082',
    ],
    ['of several protocols', [{ port: 53, protocol: 17 }, { port: 53 }], 'tcp/53 udp/53'],
    ['ICMP by type', [{ port: 8, protocol: 1 }], 'icmp/8'],
    ['a protocol without ports by number', [{ port: 0, protocol: 47 }], 'proto/47'],
  ];
  test.each(table)('%s', (_title, flows, services) => {
    const [rule, ...others] = suggest(
      fleet,
      flows.flatMap((flow) => seen(fleet, 'api-1', 'db-1', flow)),
    ).rules;
    expect(others).toEqual([]);
    expect(rule?.services.map(serviceTermText).join(' ')).toBe(services);
  });

  test('what no term says alone is left, not widened', () => {
    const flows = [{ port: 0 }, { port: 0, protocol: 1 }, { port: 128, protocol: 58 }].flatMap((flow) =>
      seen(fleet, 'api-1', 'db-1', flow),
    );
    const { rules, left } = suggest(fleet, flows);
    expect(rules).toEqual([]);
    expect(left.map(({ why }) => why)).toEqual(Array.from({ length: 6 }, () => 'inexpressible'));
  });
});

describe('evidence', () => {
  const fleet = fleetOf(bareSegment);

  test('counts a connection that both ends saw once, and spans all sightings', () => {
    const flows = [
      ...seen(fleet, 'api-1', 'db-1', { rest: { connections: 5 } }),
      ...seen(fleet, 'api-2', 'db-1', { rest: { connections: 2, firstSeenAt: millis(noon - 1000) }, only: 'inbound' }),
    ];
    expect(suggest(fleet, flows).rules).toMatchObject([
      { connections: 7, clients: 2, servers: 1, firstSeenAt: noon - 1000, lastSeenAt: noon + 60_000 },
    ]);
  });

  test('of one end is enough to open both', () => {
    for (const only of ['inbound', 'outbound'] as const) {
      const flows = each(['web-1', 'web-2'], ['api-1', 'api-2']).flatMap(([a, b]) => seen(fleet, a, b, { only }));
      expect(lines(suggest(fleet, flows))).toEqual(['web-to-api-tcp-8080: role == "web" -> role == "api" tcp/8080']);
    }
  });
});

describe('what is left out', () => {
  const fleet = fleetOf(bareSegment);
  const outsider = seen(fleet, '203.0.113.9', 'db-1');

  test('an unknown peer is listed, or becomes a CIDR where that is asked for', () => {
    expect(suggest(fleet, outsider)).toMatchObject({ rules: [], left: [{ why: 'outside' }] });
    expect(lines(suggest(fleet, outsider, { outside: 'include' }))).toEqual([
      '203-0-113-9-to-db-tcp-8080: 203.0.113.9/32 -> role == "db" tcp/8080',
    ]);
  });

  test('excluded workloads, at either end', () => {
    const exclude = assertOk(parseSelector('role == "dev"'));
    const flows = [
      ...seen(fleet, 'dev-1', 'db-1'),
      ...seen(fleet, 'web-1', 'dev-1'),
      ...seen(fleet, 'api-1', 'db-1', { only: 'inbound' }),
    ];
    const suggestion = suggest(fleet, flows, { exclude });
    expect(suggestion.left.map(({ why, flow }) => [why, flow.workload])).toEqual([
      ['excluded', 'db-1'],
      ['excluded', 'web-1'],
    ]);
    expect(suggestion.rules).toHaveLength(1);
  });

  test('denied flows are listed, or taken up where that is asked for', () => {
    const flows = seen(fleet, 'dev-1', 'db-1', { rest: { verdict: 'deny' } });
    expect(suggest(fleet, flows)).toMatchObject({ rules: [], left: [{ why: 'denied' }] });
    expect(suggest(fleet, flows, { denied: 'include' }).rules).toHaveLength(1);
  });

  test('flows at workloads that are not members are nobody’s business here', () => {
    expect(suggest(fleet, seen(fleet, 'dev-1', '203.0.113.9'))).toMatchObject({ rules: [], left: [], coveredFlows: 0 });
  });

  test('flows of a segment that is off are proposed, allowed ones are covered', () => {
    const rule = `  rules: [{ name: db, from: [{ workloads: role == "api" }], to: [{ workloads: role == "db" }], services: [tcp/5432] }]`;
    const off = fleetOf(
      `kind: Segment\nmetadata: { name: shop }\nspec:\n  selector: app == "shop"\n  inbound: off\n${rule}`,
    );
    const passed = { verdict: 'allow', reason: 'off' } as const;
    const flows = [
      ...seen(off, 'api-1', 'db-1', { port: 5432, only: 'inbound', rest: passed }),
      ...seen(off, 'dev-1', 'db-1', { port: 5432, rest: passed }),
    ];
    const suggestion = suggest(off, flows);
    expect(lines(suggestion)).toEqual(['dev-to-db-tcp-5432: tenant role == "dev" -> role == "db" tcp/5432']);
    expect(suggestion.coveredFlows).toBe(1);
  });

  test('what a guardrail denies no rule can allow', () => {
    const guarded = fleetOf(`${bareSegment}
---
kind: Guardrail
metadata: { name: no-dev }
spec: { mode: enforce, deny: [{ from: [{ workloads: role == "dev" }], to: [any], services: [any] }] }`);
    expect(suggest(guarded, seen(guarded, 'dev-1', 'db-1'))).toMatchObject({ rules: [], left: [{ why: 'guardrail' }] });
  });
});

describe('to a group, whose address is nobody’s', () => {
  const fleet = fleetOf(bareSegment);
  const vrrp = { port: 0, protocol: 112 };
  const mdns = { port: 5353, protocol: 17 };

  /** What `clients` sent to a group, as they and those that listen to it tell. */
  const sent = (clients: readonly string[], group: string, listeners: readonly string[], service: Seen) =>
    clients.flatMap((client) => [
      ...seen(fleet, client, group, service),
      ...listeners.flatMap((listener) =>
        seen(fleet, client, listener, { ...service, only: 'inbound', rest: { local: address(group) } }),
      ),
    ]);
  const webs = ['web-1', 'web-2'];

  const table: readonly (readonly [title: string, flows: readonly ObservedFlow[], rules: readonly string[]])[] = [
    [
      'VRRP between two of one role',
      [...sent(['web-1'], '224.0.0.18', ['web-2'], vrrp), ...sent(['web-2'], '224.0.0.18', ['web-1'], vrrp)],
      ['web-to-224-0-0-18-proto-112: role == "web" -> 224.0.0.18/32 proto/112'],
    ],
    [
      'only its senders tell of it',
      sent(webs, '224.0.0.251', [], mdns),
      ['web-to-224-0-0-251-udp-5353: role == "web" -> 224.0.0.251/32 udp/5353'],
    ],
    [
      'one of the senders is heard, the other is not',
      [...sent(['web-1'], '224.0.0.251', ['db-1'], mdns), ...sent(['web-2'], '224.0.0.251', [], mdns)],
      ['web-to-224-0-0-251-udp-5353: role == "web" -> 224.0.0.251/32 udp/5353'],
    ],
    [
      'its sender is of no segment',
      sent(['dev-1'], '224.0.0.251', webs, mdns),
      ['dev-to-224-0-0-251-udp-5353: tenant role == "dev" -> 224.0.0.251/32 udp/5353'],
    ],
    [
      'in IPv6',
      seen(fleet, 'web-1', 'ff02::12', { ...vrrp, rest: { local: address('fd00::1') } }),
      ['web-1-to-ff02-12-proto-112: 10.0.0.1/32 | fd00::1/128 -> ff02::12/128 proto/112'],
    ],
    [
      'to everybody',
      sent(webs, '255.255.255.255', webs, { port: 9, protocol: 17 }),
      ['web-to-255-255-255-255-udp-9: role == "web" -> 255.255.255.255/32 udp/9'],
    ],
    [
      'beside the same service of one workload',
      [...sent(webs, '224.0.0.251', ['db-1'], mdns), ...webs.flatMap((web) => seen(fleet, web, 'db-1', mdns))],
      [
        'web-to-db-udp-5353: role == "web" -> role == "db" udp/5353',
        'web-to-224-0-0-251-udp-5353: role == "web" -> 224.0.0.251/32 udp/5353',
      ],
    ],
  ];

  test.each(table)('%s', (_title, flows, rules) => {
    const suggestion = suggest(fleet, flows);
    expect(lines(suggestion)).toEqual(rules);
    expect(suggestion.left).toEqual([]);
    // Taken up, it covers what was seen, at senders and at listeners, and proposes nothing more.
    const taken = { ...fleet, policy: applySuggestion(fleet.policy, suggestion) };
    const again = suggest(taken, flows);
    expect({ rules: lines(again), left: again.left, covered: again.coveredFlows }).toEqual({
      rules: [],
      left: [],
      covered: flows.filter(({ workload }) => workload !== 'dev-1').length,
    });
  });

  test('who sends without being known is listed as any other', () => {
    const flows = seen(fleet, '203.0.113.9', 'db-1', { ...mdns, rest: { local: address('224.0.0.251') } });
    expect(suggest(fleet, flows)).toMatchObject({ rules: [], left: [{ why: 'outside' }] });
    expect(lines(suggest(fleet, flows, { outside: 'include' }))).toEqual([
      '203-0-113-9-to-224-0-0-251-udp-5353: 203.0.113.9/32 -> 224.0.0.251/32 udp/5353',
    ]);
  });

  test('says who tells of it', () => {
    const text = (flows: readonly ObservedFlow[]) => renderSuggestion({ suggestion: suggest(fleet, flows) });
    expect(text(sent(webs, '224.0.0.251', ['db-1'], mdns))).toContain(
      '# reported by db-1, web-1, web-2; both ends saw it\n',
    );
    expect(text(sent(webs, '224.0.0.251', [], mdns))).toContain(
      '# reported by web-1, web-2; the other end is a group, and who listens to it tells nothing\n',
    );
    const heard = sent(['web-1'], '224.0.0.251', ['db-1'], mdns).filter(({ host }) => host === 'db-1');
    expect(text(heard)).toContain('ONE END ONLY saw all of it:\n');
  });
});

describe('a segment with each', () => {
  const inventory = ['shop', 'pay', 'crm'].flatMap((app, at) => [
    host(`${app}-web`, { app, role: 'web' }, `10.4.${at}.1`),
    host(`${app}-api`, { app, role: 'api' }, `10.4.${at}.2`),
  ]);
  const fleet = fleetOf(
    'kind: Segment\nmetadata: { name: shop }\nspec: { selector: has(app), each: [app] }',
    inventory.join('\n'),
  );

  test('one rule stands for what every combination did', () => {
    const flows = ['shop', 'pay', 'crm'].flatMap((app) => seen(fleet, `${app}-web`, `${app}-api`));
    expect(lines(suggest(fleet, flows))).toEqual(['web-to-api-tcp-8080: role == "web" -> role == "api" tcp/8080']);
  });

  test('a rule that another combination has not earned is held to its own', () => {
    expect(
      lines(
        suggest(
          fleet,
          ['shop', 'pay'].flatMap((app) => seen(fleet, `${app}-web`, `${app}-api`)),
        ),
      ),
    ).toEqual([
      'pay-web-to-pay-api-tcp-8080: app == "pay" && role == "web" -> app == "pay" && role == "api" tcp/8080',
      'shop-web-to-shop-api-tcp-8080: app == "shop" && role == "web" -> app == "shop" && role == "api" tcp/8080',
    ]);
  });

  test('between combinations the remote side is named in the tenant', () => {
    expect(lines(suggest(fleet, seen(fleet, 'shop-web', 'pay-api')))).toEqual([
      'web-shop-to-pay-api-tcp-8080: tenant role == "web" && app == "shop" -> app == "pay" && role == "api" tcp/8080',
      'shop-web-to-api-pay-tcp-8080: app == "shop" && role == "web" -> tenant role == "api" && app == "pay" tcp/8080',
    ]);
  });
});

describe('the text', () => {
  const source = `# kept above
apiVersion: segwall/v1
kind: Service
metadata: { name: postgres }
spec: { ports: [tcp/5432] }
---
apiVersion: segwall/v1
kind: Segment
metadata: { name: shop, description: Web shop }
spec:
  selector: app == "shop" # its members
  inbound: observe
  rules:
    # the first rule there was
    - name: api-to-db
      from: [{ workloads: role == "api" }]
      to: [{ workloads: role == "db" }]
      services: [postgres]
      owner: team-shop
`;
  const fleet = readFleet(source);
  const flows = [
    ...each(['web-1', 'web-2'], ['api-1', 'api-2']).flatMap(([a, b]) => seen(fleet, a, b)),
    ...seen(fleet, '203.0.113.9', 'db-1', { port: 5432 }),
  ];
  const suggestion = suggest(fleet, flows);

  test('replaces what an earlier suggestion listed, and keeps what people wrote above it', () => {
    const first = `# ours\n${renderSuggestion({ suggestion, source })}`;
    const { commentBefore = '' } = parseDocument(renderSuggestion({ suggestion, source: first }));
    expect(commentBefore?.split('\n').filter((line) => line.includes('Seen, and no rule'))).toHaveLength(1);
    const nothingLeft = { ...suggestion, left: [], unsaid: [] };
    expect(parseDocument(renderSuggestion({ suggestion: nothingLeft, source: first })).commentBefore).toBe(' ours');
  });

  test('keeps the document as it stands in its file, and adds to it', () => {
    expect(renderSuggestion({ suggestion, source })).toBe(`# Seen, and no rule is proposed for it:
#   203.0.113.9 to db-1 tcp/5432 (1 connection, seen inbound): the peer is no known workload

apiVersion: segwall/v1
kind: Segment
metadata: { name: shop, description: Web shop }
spec:
  selector: app == "shop" # its members
  inbound: observe
  rules:
    # the first rule there was
    - name: api-to-db
      from: [ { workloads: role == "api" } ]
      to: [ { workloads: role == "db" } ]
      services: [ postgres ]
      owner: team-shop
    # 4 connections, distinct peers: 2 clients, 2 servers; first seen 2026-10-28T12:00:00Z, last seen 2026-10-28T12:01:00Z
    # reported by api-1, api-2, web-1, web-2; both ends saw it
    - name: web-to-api-tcp-8080
      from: [ { workloads: role == "web" } ]
      to: [ { workloads: role == "api" } ]
      services: [ tcp/8080 ]
`);
  });

  test('names the port that was asked for beside the one where the server’s host sends it', () => {
    const both = suggest(fleet, [
      ...seen(fleet, 'web-1', 'api-1', { port: 80, only: 'outbound' }),
      ...seen(fleet, 'web-1', 'api-1', { port: 8080, only: 'inbound', rest: { askedPort: 80 } }),
    ]);
    expect(both.rules.map(({ services }) => services.map(serviceTermText))).toEqual([['tcp/80', 'tcp/8080']]);
    expect(renderSuggestion({ suggestion: both, source })).toContain('# tcp/8080 was asked for as tcp/80\n');
  });

  test('written anew has every field of the segment', () => {
    const full = `apiVersion: segwall/v1
kind: Segment
metadata: { name: shop, description: 'All of it: yes' }
spec:
  selector: app == "shop"
  each: [app, role]
  inbound: selective
  outbound: enforce
  selective: [tcp/22, icmp/8]
  onDeny: { inbound: reject, outbound: drop }
  rules:
    - name: all
      from: [any, { segment: shop }, { segment: shop, workloads: role == "web" }, { cidr: 10.0.0.0/8, except: [10.0.0.0/24, 10.1.0.0/16] }]
      to: [{ tenant: '!has(x) || y in {"1", "2"}' }, { fqdn: '*.example.com' }]
      services: [any, proto/47, tcp/80-90]
      reason: 'SEC-9 # not a comment'
      owner: team
      expires: 2027-03-01T00:00:00Z
      when: { days: [mon, sun], from: "08:00", to: "24:00", zone: Europe/Berlin }
`;
    const read = readFleet(full);
    const text = renderSuggestion({ suggestion: suggest(read, []) });
    const strip = ({ policy }: Fleet) =>
      JSON.parse(
        JSON.stringify([...policy.segments.values()], (key, value: unknown) =>
          key === 'position'
            ? 0
            : typeof value === 'bigint'
              ? `${value}`
              : value instanceof Set
                ? [...value].sort()
                : value,
        ),
      );
    expect(strip(readFleet(text))).toEqual(strip(read));
  });

  test('names rules apart from those already there', () => {
    const rule = '{ name: web-to-api-tcp-8080, from: [any], to: [{ workloads: role == "db" }], services: [tcp/1] }';
    const taken = fleetOf(bareSegment.replace(/ }$/, `, rules: [${rule}] }`));
    const found = suggest(
      taken,
      each(['web-1', 'web-2'], ['api-1', 'api-2']).flatMap(([a, b]) => seen(taken, a, b)),
    );
    expect(found.rules.map(({ name }) => name)).toEqual(['web-to-api-tcp-8080-2']);
  });

  test('is whole without rules before, and counts what it does not list', () => {
    const empty = fleetOf(bareSegment, shop);
    const many = Array.from({ length: 130 }, (_, at) => seen(empty, `203.0.113.${at}`, 'db-1')).flat();
    const text = renderSuggestion({
      suggestion: suggest(empty, many),
      source:
        'apiVersion: segwall/v1\nkind: Segment\nmetadata: { name: shop }\nspec: { selector: app == "shop", rules: [] }\n',
    });
    expect(text).toContain('#   … and 30 more');
    expect(readFleet(text).policy.segments.get('shop')?.rules).toEqual([]);
  });
});

test('the flows of a unit become rules of its own segment, and those of its host do not', () => {
  const unit = `${host('db-1', { app: 'shop', role: 'db' }, '10.0.0.5')}
---
apiVersion: segwall/v1
kind: Workload
metadata: { name: db-1-postgres, labels: { app: postgres } }
spec: { host: db-1, kind: unit, unit: postgresql.service, addresses: [10.0.0.5] }
${host('web-1', { app: 'shop', role: 'web' }, '10.0.0.1')}`;
  const postgres = 'kind: Segment\nmetadata: { name: postgres }\nspec: { selector: app == "postgres" }';
  const fleet = fleetOf(`${bareSegment}\n---\n${postgres}`, unit);
  const atServer = { only: 'inbound' } as const;
  const flows = [
    ...seen(fleet, 'web-1', 'db-1-postgres', { ...atServer, port: 5432 }),
    ...seen(fleet, 'web-1', 'db-1', { ...atServer, port: 22 }),
  ];
  const { rules } = suggest(fleet, flows, { segment: 'postgres' });
  expect(rules.map(({ services }) => services.map(serviceTermText))).toEqual([['tcp/5432']]);
  expect(lines(suggest(fleet, flows)).join()).toContain('tcp/22');
  expect(lines(suggest(fleet, flows)).join()).not.toContain('5432');
});
