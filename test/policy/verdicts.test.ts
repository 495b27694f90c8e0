// docs/reference/policy.md's Verdicts, sentence by sentence: one row a case, "query | outbound end | inbound end".

import { describe, expect, test } from 'vitest';
import type { Direction } from '#model/verdict.ts';
import { createOracle } from '#policy/judge/oracle.ts';
import type { Inventory, Workload, WorkloadQuarantine } from '#policy/policy/policy.ts';
import { address, createWorld, document, endText, query, segment, type World, workloads } from './world.ts';

type Row = readonly [query: string, outbound: string, inbound: string];

function check(world: World, rows: readonly Row[]): void {
  test.each(rows)('%s: %s, %s', (text, outbound, inbound) => {
    const verdict = world.oracle.judge(query(text));
    expect([endText(verdict.outbound), endText(verdict.inbound)]).toEqual([outbound, inbound]);
    const denied = [outbound, inbound].some((end) => end.startsWith('deny'));
    expect(verdict.verdict).toBe(denied ? 'deny' : 'allow');
  });
}

const fleet = workloads(
  'web h1 10.0.0.1,fd00::1 app=shop,role=web,env=prod',
  'api h2 10.0.0.2,fd00::2 app=shop,role=api,env=prod',
  'db h3 10.0.0.3 app=shop,role=db,env=prod',
  'dev h4 10.0.0.4,10.1.0.4 app=lab,role=web,env=dev',
  'partner external 10.9.0.1 app=shop,role=api',
  'lone h5 10.0.0.5 app=none',
);

describe('an end without an agent is unmanaged and lets pass', () => {
  const world = createWorld(segment('shop', 'selector: app == "shop"\ninbound: enforce\noutbound: enforce'), fleet);
  check(world, [
    ['203.0.113.9 203.0.113.10 tcp/80', 'unmanaged', 'unmanaged'],
    ['203.0.113.9 10.9.0.1 tcp/80', 'unmanaged', 'unmanaged'],
    ['203.0.113.9 10.0.0.1 tcp/80', 'unmanaged', 'deny default shop'],
    ['10.0.0.1 203.0.113.9 tcp/80', 'deny default shop', 'unmanaged'],
    // an external workload that a segment selects is unmanaged all the same
    ['10.9.0.1 10.0.0.1 tcp/80', 'unmanaged', 'deny default shop'],
    ['10.9.0.1 10.9.0.1 tcp/80', 'unmanaged', 'unmanaged'],
    ['2001:db8::1 fd00::1 tcp/80', 'unmanaged', 'deny default shop'],
  ]);
});

describe('1. loopback: source and destination are the same workload', () => {
  const policy =
    segment('shop', 'selector: all()\ninbound: enforce\noutbound: enforce') +
    document('Guardrail', 'none', 'mode: enforce\ndeny:\n  - { from: [any], to: [any], services: [any] }');
  check(createWorld(policy, fleet), [
    ['10.0.0.1 10.0.0.1 tcp/80', 'allow essential loopback', 'allow essential loopback'],
    ['10.0.0.4 10.1.0.4 udp/53', 'allow essential loopback', 'allow essential loopback'],
    ['fd00::1 fd00:0:0::1 icmpv6/128', 'allow essential loopback', 'allow essential loopback'],
    ['10.0.0.1 10.0.0.2 tcp/80', 'deny guardrail !none', 'deny guardrail !none'],
  ]);
});

describe('2. quarantine denies but for its peers, which go on to the later layers', () => {
  const world = createWorld(
    segment(
      'shop',
      'selector: app == "shop"\ninbound: enforce\nrules:\n  - { name: ssh, from: [any], to: [{ workloads: all() }], services: [tcp/22] }',
    ),
    fleet,
  );
  const quarantine: WorkloadQuarantine = {
    name: 'case-7',
    peers: [
      { kind: 'ranges', ranges: [{ family: 'ipv4', first: 0x0a000005n, last: 0x0a000005n }], source: '10.0.0.5' },
    ],
  };
  const quarantined: Inventory = {
    ...world.inventory,
    workloads: new Map(
      [...world.inventory.workloads].map(([name, one]) => [name, name === 'web' ? { ...one, quarantine } : one]),
    ),
  };
  check({ ...world, oracle: createOracle({ policy: world.policy, inventory: quarantined }) }, [
    ['10.0.0.3 10.0.0.1 tcp/22', 'deny quarantine case-7', 'deny quarantine case-7'],
    ['10.0.0.5 10.0.0.1 tcp/22', 'would-deny default', 'allow rule shop/ssh'],
    ['10.0.0.5 10.0.0.1 tcp/80', 'would-deny default', 'deny default shop'],
    ['10.0.0.1 10.0.0.3 tcp/22', 'deny quarantine case-7', 'deny quarantine case-7'],
    ['10.0.0.1 10.0.0.5 tcp/22', 'would-deny default shop', 'would-deny default'],
    // where its own end is lost, the other one holds; both its addresses are cut off
    ['10.0.0.1 10.0.0.2 tcp/22', 'deny quarantine case-7', 'deny quarantine case-7'],
    ['fd00::1 fd00::2 tcp/22', 'deny quarantine case-7', 'deny quarantine case-7'],
    ['fd00::2 fd00::1 tcp/22', 'deny quarantine case-7', 'deny quarantine case-7'],
    // who has no agent is cut off by its own end alone
    ['10.0.0.1 203.0.113.9 tcp/22', 'deny quarantine case-7', 'unmanaged'],
    // others are not concerned
    ['10.0.0.2 10.0.0.3 tcp/22', 'allow rule shop/ssh', 'allow rule shop/ssh'],
  ]);
});

describe('3. guardrails', () => {
  const rules = 'rules:\n  - { name: all, from: [{ tenant: all() }], to: [{ tenant: all() }], services: [any] }';
  const guardrail = (name: string, mode: string, entry: string) =>
    document('Guardrail', name, `mode: ${mode}\ndeny:\n  - ${entry}`);
  const devToProd =
    '{ from: [{ workloads: \'env == "dev"\' }], to: [{ workloads: \'env == "prod"\' }], services: [tcp/1-100] }';
  const grantAll = segment('shop', `selector: all()\ninbound: enforce\noutbound: enforce\n${rules}`);

  describe('enforce denies at both ends, before any rule, and in every mode', () => {
    check(createWorld(grantAll + guardrail('dev-prod', 'enforce', devToProd), fleet), [
      ['10.0.0.4 10.0.0.1 tcp/80', 'deny guardrail !dev-prod', 'deny guardrail !dev-prod'],
      ['10.1.0.4 10.0.0.1 tcp/100', 'deny guardrail !dev-prod', 'deny guardrail !dev-prod'],
      ['10.0.0.4 10.0.0.1 tcp/101', 'allow rule shop/all', 'allow rule shop/all'],
      ['10.0.0.4 10.0.0.1 udp/80', 'allow rule shop/all', 'allow rule shop/all'],
      // it has a direction
      ['10.0.0.1 10.0.0.4 tcp/80', 'allow rule shop/all', 'allow rule shop/all'],
    ]);
    check(
      createWorld(
        segment('shop', 'selector: all()\ninbound: off\noutbound: off') + guardrail('dev-prod', 'enforce', devToProd),
        fleet,
      ),
      [
        ['10.0.0.4 10.0.0.1 tcp/80', 'deny guardrail !dev-prod', 'deny guardrail !dev-prod'],
        ['10.0.0.4 10.0.0.1 tcp/101', 'allow off', 'allow off'],
      ],
    );
  });

  describe('observe is remembered: a rule then would deny, the reason stays the rule', () => {
    check(createWorld(grantAll + guardrail('dev-prod', 'observe', devToProd), fleet), [
      ['10.0.0.4 10.0.0.1 tcp/80', 'would-deny rule shop/all !dev-prod', 'would-deny rule shop/all !dev-prod'],
      ['10.0.0.1 10.0.0.4 tcp/80', 'allow rule shop/all', 'allow rule shop/all'],
    ]);
    check(
      createWorld(
        segment('shop', 'selector: env == "prod"\ninbound: enforce') + guardrail('dev-prod', 'observe', devToProd),
        fleet,
      ),
      [['10.0.0.4 10.0.0.1 tcp/80', 'would-deny default', 'deny default shop']],
    );
    check(
      createWorld(
        segment('shop', 'selector: all()\ninbound: off\noutbound: off') + guardrail('dev-prod', 'observe', devToProd),
        fleet,
      ),
      [['10.0.0.4 10.0.0.1 tcp/80', 'allow off', 'allow off']],
    );
  });

  describe('where several hit, an enforced one decides, and the first name is named', () => {
    const other = '{ from: [any], to: [{ tenant: all() }], services: [tcp/80] }';
    check(
      createWorld(
        grantAll +
          guardrail('b', 'enforce', other) +
          guardrail('a', 'observe', other) +
          guardrail('c', 'enforce', other),
        fleet,
      ),
      [['10.0.0.4 10.0.0.1 tcp/80', 'deny guardrail !b', 'deny guardrail !b']],
    );
    check(createWorld(grantAll + guardrail('b', 'observe', other) + guardrail('a', 'observe', other), fleet), [
      ['10.0.0.4 10.0.0.1 tcp/80', 'would-deny rule shop/all !a', 'would-deny rule shop/all !a'],
    ]);
  });

  describe('it denies for managed workloads without any segment, and knows unmanaged ends by address', () => {
    const outside = '{ from: [{ cidr: 203.0.113.0/24 }], to: [{ workloads: all() }], services: [any] }';
    check(createWorld(guardrail('outside', 'enforce', outside), fleet), [
      ['203.0.113.9 10.0.0.5 tcp/80', 'unmanaged', 'deny guardrail !outside'],
      ['203.0.113.9 10.9.0.1 tcp/80', 'unmanaged', 'unmanaged'],
      ['198.51.100.1 10.0.0.5 tcp/80', 'unmanaged', 'would-deny default'],
    ]);
  });
});

describe('4. mode: the strictest of the workload’s segments for the direction; none is observe', () => {
  const modes = ['off', 'observe', 'selective', 'enforce'];
  const rows: Row[] = [];
  for (const [direction, text] of [
    ['inbound', '203.0.113.9 10.0.0.1 tcp/22'],
    ['outbound', '10.0.0.1 203.0.113.9 tcp/22'],
  ] as const) {
    for (const [rank, a] of modes.entries()) {
      for (const [otherRank, b] of modes.entries()) {
        const strictest = modes[Math.max(rank, otherRank)];
        const world = createWorld(
          segment('a', `selector: app == "shop"\n${direction}: ${a}\nselective: [tcp/22]`) +
            segment('b', `selector: role == "web"\n${direction}: ${b}\nselective: [tcp/22]`),
          fleet,
        );
        const named = rank === Math.max(rank, otherRank) ? 'a' : 'b';
        const expected = {
          off: 'allow off',
          observe: `would-deny default ${named}`,
          selective: `deny default ${named}`,
          enforce: `deny default ${named}`,
        };
        test(`${direction}: ${a} with ${b} is ${strictest}`, () => {
          const verdict = world.oracle.judge(query(text));
          expect(endText(verdict[direction])).toBe(expected[strictest as keyof typeof expected]);
        });
      }
    }
  }
  check(createWorld(segment('x', 'selector: app == "nobody"\ninbound: enforce'), fleet), [
    ...rows,
    ['10.0.0.1 10.0.0.2 tcp/80', 'would-deny default', 'would-deny default'],
  ]);
});

describe('5. a rule grants at an end only if that workload is a member of its segment', () => {
  const provider = segment(
    'provider',
    'selector: role == "api"\ninbound: enforce\noutbound: enforce\nrules:\n  - { name: in, from: [{ tenant: role == "web" }], to: [{ workloads: all() }], services: [tcp/80] }',
  );
  const consumer = segment(
    'consumer',
    'selector: role == "web" && env == "prod"\ninbound: enforce\noutbound: enforce\nrules:\n  - { name: out, from: [{ workloads: all() }], to: [{ segment: provider }], services: [tcp/80] }',
  );
  describe('the provider’s segment opens the inbound end, the consumer’s the outbound end', () => {
    check(
      createWorld(provider + segment('consumer', 'selector: role == "web" && env == "prod"\noutbound: enforce'), fleet),
      [['10.0.0.1 10.0.0.2 tcp/80', 'deny default consumer', 'allow rule provider/in']],
    );
    check(createWorld(provider + consumer, fleet), [
      ['10.0.0.1 10.0.0.2 tcp/80', 'allow rule consumer/out', 'allow rule provider/in'],
      ['10.0.0.1 10.0.0.2 tcp/81', 'deny default consumer', 'deny default provider'],
      ['10.0.0.2 10.0.0.1 tcp/80', 'deny default provider', 'deny default consumer'],
      // an external workload is a member for peers' sake, and unmanaged as an end
      ['10.0.0.1 10.9.0.1 tcp/80', 'allow rule consumer/out', 'unmanaged'],
    ]);
  });
  describe('one rule inside a segment opens both ends', () => {
    const inner = segment(
      'shop',
      'selector: app == "shop"\ninbound: enforce\noutbound: enforce\nrules:\n  - { name: r, from: [{ workloads: role == "web" }], to: [{ workloads: role == "api" }], services: [tcp/80] }',
    );
    check(createWorld(inner, fleet), [['10.0.0.1 10.0.0.2 tcp/80', 'allow rule shop/r', 'allow rule shop/r']]);
  });
  describe('a mistake in one segment cannot open another', () => {
    const greedy = segment(
      'greedy',
      'selector: app == "lab"\nrules:\n  - { name: all, from: [any], to: [any], services: [any] }',
    );
    check(createWorld(greedy + segment('shop', 'selector: app == "shop"\ninbound: enforce'), fleet), [
      ['10.0.0.4 10.0.0.1 tcp/80', 'allow rule greedy/all', 'deny default shop'],
    ]);
  });
  describe('of several that grant, the first by segment and rule is named, and all are listed', () => {
    const rule = (name: string) => `  - { name: ${name}, from: [any], to: [any], services: [any] }`;
    const world = createWorld(
      segment('b', `selector: all()\nrules:\n${rule('a')}`) +
        segment('a', `selector: all()\nrules:\n${rule('z')}\n${rule('m')}`),
      fleet,
    );
    check(world, [['10.0.0.1 10.0.0.2 tcp/80', 'allow rule a/m', 'allow rule a/m']]);
    test.each<Direction>(['inbound', 'outbound'])('all that grant %s', (direction) => {
      const granting = world.oracle.grantingRules(query('10.0.0.1 10.0.0.2 tcp/80'), direction);
      expect(granting.map(({ segment: name, rule: own }) => `${name}/${own}`)).toEqual(['a/m', 'a/z', 'b/a']);
      expect(world.oracle.explain(query('10.0.0.1 10.0.0.2 tcp/80'))[direction].granting).toEqual(granting);
    });
  });
  describe('a rule grants in observe too', () => {
    check(
      createWorld(
        segment('s', 'selector: all()\nrules:\n  - { name: r, from: [any], to: [any], services: [tcp/80] }'),
        fleet,
      ),
      [
        ['10.0.0.1 10.0.0.2 tcp/80', 'allow rule s/r', 'allow rule s/r'],
        ['10.0.0.1 10.0.0.2 tcp/81', 'would-deny default s', 'would-deny default s'],
      ],
    );
  });
});

describe('6. selective denies only its services, of segments that are selective in this direction', () => {
  const policy =
    segment('a', 'selector: app == "shop"\ninbound: observe\noutbound: selective\nselective: [tcp/1]') +
    segment('b', 'selector: app == "shop"\ninbound: selective\nselective: [tcp/22, rdp]') +
    segment('c', 'selector: role == "web"\ninbound: selective\nselective: [tcp/22, tcp/23]') +
    document('Service', 'rdp', 'ports: [tcp/3389, udp/3389]');
  check(createWorld(policy, fleet), [
    ['203.0.113.9 10.0.0.1 tcp/22', 'unmanaged', 'deny default b'],
    ['203.0.113.9 10.0.0.1 tcp/23', 'unmanaged', 'deny default c'],
    ['203.0.113.9 10.0.0.1 udp/3389', 'unmanaged', 'deny default b'],
    ['203.0.113.9 10.0.0.1 udp/22', 'unmanaged', 'would-deny default b'],
    ['203.0.113.9 10.0.0.2 tcp/23', 'unmanaged', 'would-deny default b'],
    // a's tcp/1 is selective outbound only
    ['203.0.113.9 10.0.0.1 tcp/1', 'unmanaged', 'would-deny default b'],
    ['10.0.0.1 203.0.113.9 tcp/1', 'deny default a', 'unmanaged'],
    ['10.0.0.1 203.0.113.9 tcp/22', 'would-deny default a', 'unmanaged'],
  ]);
});

describe('the connection is denied if either end denies', () => {
  check(createWorld(segment('s', 'selector: role == "web"\noutbound: enforce\ninbound: enforce'), fleet), [
    ['10.0.0.1 10.0.0.2 tcp/80', 'deny default s', 'would-deny default'],
    ['10.0.0.2 10.0.0.1 tcp/80', 'would-deny default', 'deny default s'],
    ['10.0.0.2 10.0.0.3 tcp/80', 'would-deny default', 'would-deny default'],
  ]);
});

describe('each: a segment per combination of labels', () => {
  const many = workloads(
    'a1 h1 10.0.0.1 app=a,env=prod,role=web',
    'a2 h2 10.0.0.2 app=a,env=prod,role=api',
    'a3 h3 10.0.0.3 app=a,env=dev,role=api',
    'b1 h4 10.0.0.4 app=b,env=prod,role=web',
    'c1 h5 10.0.0.5 app=c,role=web',
    'e1 h6 10.0.0.6 app=,env=prod,role=web',
  );
  const fence = segment(
    'fence',
    'selector: has(app)\neach: [app, env]\ninbound: enforce\noutbound: enforce\nrules:\n  - { name: inside, from: [{ workloads: all() }], to: [{ workloads: all() }], services: [tcp/80] }\n  - { name: across, from: [{ segment: fence }], to: [{ workloads: role == "api" }], services: [tcp/90] }',
  );
  const elsewhere = segment(
    'clients',
    'selector: app == "c"\noutbound: enforce\nrules:\n  - { name: to-fence, from: [{ workloads: all() }], to: [{ segment: fence, workloads: role == "web" }], services: [tcp/70] }',
  );
  check(createWorld(fence + elsewhere, many), [
    [
      '10.0.0.1 10.0.0.2 tcp/80',
      'allow rule fence/inside [app=a,env=prod]',
      'allow rule fence/inside [app=a,env=prod]',
    ],
    ['10.0.0.1 10.0.0.3 tcp/80', 'deny default fence [app=a,env=prod]', 'deny default fence [app=a,env=dev]'],
    ['10.0.0.1 10.0.0.4 tcp/80', 'deny default fence [app=a,env=prod]', 'deny default fence [app=b,env=prod]'],
    // a member that lacks one of the keys belongs to none
    ['10.0.0.5 10.0.0.1 tcp/80', 'deny default clients', 'deny default fence [app=a,env=prod]'],
    ['10.0.0.1 10.0.0.5 tcp/80', 'deny default fence [app=a,env=prod]', 'would-deny default clients'],
    // an empty value is a value
    ['10.0.0.6 10.0.0.1 tcp/80', 'deny default fence [app=,env=prod]', 'deny default fence [app=a,env=prod]'],
    // { segment: NAME } means all combinations, in the segment's own rules too: inbound api of another combination
    ['10.0.0.4 10.0.0.2 tcp/90', 'deny default fence [app=b,env=prod]', 'allow rule fence/across [app=a,env=prod]'],
    [
      '10.0.0.1 10.0.0.2 tcp/90',
      'allow rule fence/across [app=a,env=prod]',
      'allow rule fence/across [app=a,env=prod]',
    ],
    // and elsewhere
    ['10.0.0.5 10.0.0.4 tcp/70', 'allow rule clients/to-fence', 'deny default fence [app=b,env=prod]'],
    ['10.0.0.5 10.0.0.2 tcp/70', 'deny default clients', 'deny default fence [app=a,env=prod]'],
  ]);
});

describe('units share their host’s addresses; other hosts know them by these', () => {
  const shared = workloads(
    'host1 h1 10.0.0.1,fd00::1 role=host',
    'nginx h1/nginx.service - role=nginx',
    'redis h1/redis.service - role=redis',
    'peer h2 10.0.0.2,fd00::2 role=peer',
    'box h2/container 172.17.0.2 role=box',
    'alone h3/a.service 10.0.0.3 role=alone',
    'twin-a h4/a.service 10.0.0.4 role=twin',
    'twin-b h4/b.service 10.0.0.4 role=twin',
  );
  const policy =
    segment(
      'units',
      'selector: role == "nginx"\ninbound: enforce\noutbound: enforce\nrules:\n  - { name: web, from: [{ tenant: role == "peer" }], to: [{ workloads: all() }], services: [tcp/80] }\n  - { name: out, from: [{ workloads: all() }], to: [{ tenant: role == "peer" }], services: [tcp/6379] }',
    ) +
    segment(
      'peers',
      'selector: role == "peer"\ninbound: enforce\nrules:\n  - { name: from-nginx, from: [{ tenant: role == "nginx" }], to: [{ workloads: all() }], services: [tcp/6379] }',
    ) +
    segment('rest', 'selector: role in {"host", "redis", "box", "alone"}\ninbound: enforce\noutbound: enforce');
  check(createWorld(policy, shared), [
    ['10.0.0.2 nginx@10.0.0.1 tcp/80', 'would-deny default peers', 'allow rule units/web'],
    ['fd00::2 nginx@fd00::1 tcp/80', 'would-deny default peers', 'allow rule units/web'],
    ['10.0.0.2 10.0.0.1 tcp/80', 'would-deny default peers', 'deny default rest'],
    ['10.0.0.2 redis@10.0.0.1 tcp/80', 'would-deny default peers', 'deny default rest'],
    ['nginx@10.0.0.1 10.0.0.2 tcp/6379', 'allow rule units/out', 'allow rule peers/from-nginx'],
    // the remote end sees an address: it cannot tell redis from nginx
    ['redis@10.0.0.1 10.0.0.2 tcp/6379', 'deny default rest', 'allow rule peers/from-nginx'],
    ['10.0.0.1 10.0.0.2 tcp/6379', 'deny default rest', 'allow rule peers/from-nginx'],
    // a container has addresses of its own
    ['10.0.0.2 172.17.0.2 tcp/80', 'would-deny default peers', 'deny default rest'],
    ['172.17.0.2 172.17.0.2 tcp/80', 'allow essential loopback', 'allow essential loopback'],
    // a unit alone on an address is meant by it; of two nobody is
    ['10.0.0.2 10.0.0.3 tcp/80', 'would-deny default peers', 'deny default rest'],
    ['10.0.0.2 10.0.0.4 tcp/80', 'would-deny default peers', 'unmanaged'],
    ['10.0.0.2 twin-b@10.0.0.4 tcp/80', 'would-deny default peers', 'would-deny default'],
  ]);
});

test('an address that two live hosts claim is in neither’s addresses, and so matches nobody', () => {
  const world = createWorld(segment('s', 'selector: all()\ninbound: enforce'), fleet);
  const without = (workload: Workload | undefined): Workload => {
    if (workload === undefined) throw new Error('no such workload');
    return { ...workload, addresses: workload.addresses.filter((one) => one !== address('10.0.0.1')) };
  };
  const inventory: Inventory = {
    ...world.inventory,
    workloads: new Map([...world.inventory.workloads, ['web', without(world.inventory.workloads.get('web'))]]),
  };
  const verdict = createOracle({ policy: world.policy, inventory }).judge(query('10.0.0.2 10.0.0.1 tcp/80'));
  expect(endText(verdict.inbound)).toBe('unmanaged');
});
