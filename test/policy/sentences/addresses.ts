// Whose address is it: one host's, or a virtual workload's that several hosts may hold.

import { document, segment, workloads } from '../world.ts';
import {
  accepted,
  api,
  elsewhere,
  granted,
  judged,
  judgedAmong,
  of,
  refused,
  rule,
  type Sentence,
  shop,
  warned,
} from './case.ts';

const lbs = ['lb-1 h1 10.0.0.1,fd00::1 app=shop,role=lb', 'lb-2 h2 10.0.0.2,fd00::2 app=shop,role=lb'];
const others = ['web h3 10.0.0.3,fd00::3 app=shop,role=web', 'edge h4 10.0.0.4 app=edge,role=lb'];
const vip = `vip virtual/app=='shop'&&role=='lb' 10.0.0.100,fd00::100 app=shop,role=vip`;
const fleet = workloads(...lbs, ...others, vip);

const among = (roles: string, ...rules: readonly string[]): string =>
  segment(
    's',
    `selector: 'app == "shop" && role in {${roles}}'\ninbound: enforce\noutbound: enforce\nrules:\n${rules.map((one) => `  - { ${one} }\n`).join('')}`,
  );
const all = '"web", "lb", "vip"';
const toVip = rule('{ workloads: role == "web" }', '{ workloads: role == "vip" }', 'tcp/80');
const toLb = rule('{ workloads: role == "web" }', '{ workloads: role == "lb" }', 'tcp/80');
const toTenantVip = rule('{ workloads: role == "web" }', '{ tenant: role == "vip" }', 'tcp/80');
const web = '10.0.0.3';
const address = '10.0.0.100';
const enforcedToo = segment('t', 'selector: role == "lb"\ninbound: enforce\noutbound: enforce');

export const addresses: readonly Sentence[] = [
  [
    'whose address',
    'an address belongs to one host: two hosts that claim one are an error in an inventory file',
    refused('', 'duplicate-address', workloads('a h1 10.0.0.1 a=b', 'b h2 10.0.0.1 a=b')),
    refused('', 'duplicate-address', workloads('a h1 10.0.0.1 a=b', 'b external 10.0.0.1 a=b')),
  ],
  [
    'whose address',
    'a virtual workload’s addresses may be held by any hosts that its holders selects, and by no other',
    accepted(
      '',
      workloads('a h1 10.0.0.1,10.0.0.9 a=b', 'b h2 10.0.0.2,10.0.0.9 a=b', "v virtual/a=='b' 10.0.0.9 c=d"),
    ),
    refused('', 'duplicate-address', workloads('a h1 10.0.0.9 a=c', "v virtual/a=='b' 10.0.0.9 c=d")),
    refused('', 'duplicate-address', workloads('a h1/container 10.0.0.9 a=b', "v virtual/a=='b' 10.0.0.9 c=d")),
    refused('', 'duplicate-address', workloads('a external 10.0.0.9 a=b', "v virtual/a=='b' 10.0.0.9 c=d")),
    refused('', 'duplicate-address', workloads("v virtual/a=='b' 10.0.0.9 a=b", "w virtual/a=='b' 10.0.0.9 a=b")),
    refused('', 'missing-field', workloads('a h1 10.0.0.1 a=b').replace('kind: host, host: h1', 'kind: virtual')),
    refused('', 'field-not-allowed', workloads('a h1 10.0.0.1 a=b').replace('host: h1', 'host: h1, holders: all()')),
  ],
  [
    'whose address',
    'peers know it by the virtual workload’s labels and segments, whoever holds it',
    judgedAmong(
      fleet,
      among(all, toVip),
      [`${web} ${address} tcp/80`, ...granted],
      [`${web} 10.0.0.1 tcp/80`, 'deny default s', 'deny default s'],
      ['fd00::3 fd00::100 tcp/80', ...granted],
    ),
    judgedAmong(
      fleet,
      among(
        '"web", "vip"',
        toVip,
        rule('{ workloads: role == "vip" }', '{ workloads: role == "web" }', 'tcp/81').replace('name: r', 'name: q'),
      ),
      [`${web} ${address} tcp/80`, 'allow rule s/r', 'would-deny default'],
      [`${address} ${web} tcp/81`, 'would-deny default', 'allow rule s/q'],
    ),
    judgedAmong(fleet, among('"web", "lb"', toLb), [`${web} ${address} tcp/80`, 'deny default s', 'allow rule s/r']),
    judgedAmong(workloads('lb-1 h1 10.0.0.1,10.0.0.100 app=shop,role=lb', ...others, vip), among(all, toLb), [
      `${web} ${address} tcp/80`,
      'deny default s',
      'allow rule s/r',
    ]),
  ],
  [
    'whose address',
    'at a holder’s end it counts as the holder’s own address',
    judgedAmong(
      fleet,
      among(all, toLb),
      [`${web} ${address} tcp/80`, 'deny default s', 'allow rule s/r'],
      [`${web} 10.0.0.2 tcp/80`, ...granted],
    ),
  ],
  [
    'whose address',
    'at a holder’s end it counts as the virtual workload’s, and no other address of the holder does',
    judgedAmong(
      fleet,
      among('"web", "lb"', toTenantVip),
      [`${web} ${address} tcp/80`, ...granted],
      [`${web} 10.0.0.1 tcp/80`, 'deny default s', 'deny default s'],
    ),
    judgedAmong(
      fleet,
      among(all, rule('{ workloads: role == "vip" }', '{ workloads: role == "web" }', 'tcp/80')),
      [`${address} ${web} tcp/80`, ...granted],
      [`10.0.0.1 ${web} tcp/80`, 'deny default s', 'deny default s'],
    ),
    judgedAmong(
      fleet,
      document(
        'Guardrail',
        'g',
        "mode: enforce\ndeny:\n  - { from: [any], to: [{ workloads: role == 'vip' }], services: [tcp/80] }",
      ),
      [`${web} ${address} tcp/80`, 'deny guardrail !g', 'deny guardrail !g'],
      [`${web} 10.0.0.1 tcp/80`, 'would-deny default', 'would-deny default'],
    ),
    judgedAmong(
      workloads(...lbs, ...others, 'nginx h1/nginx.service - app=shop,role=web', vip),
      among(all, toVip),
      [`${web} nginx@${address} tcp/80`, ...granted],
      [`${web} nginx@10.0.0.1 tcp/80`, 'deny default s', 'deny default s'],
    ),
  ],
  [
    'whose address',
    'a rule grants at a holder’s end only if the holder is a member of its segment',
    judgedAmong(fleet, among('"web"', toTenantVip) + enforcedToo, [
      `${web} ${address} tcp/80`,
      'allow rule s/r',
      'deny default t',
    ]),
    warned(among('"web", "vip"', toVip), 'virtual-apart-from-holder', fleet),
  ],
  [
    'whose address',
    'offline, an end there is judged as every host that holders selects, and allowed if all of them allow',
    judgedAmong(
      workloads('lb-1 h1 10.0.0.1 app=shop,role=lb', 'lb-2 h2 10.0.0.2 app=shop,role=lb,spare=yes', ...others, vip),
      among(all, toVip) +
        segment('t', 'selector: spare == "yes"\ninbound: selective\nselective: [tcp/80]') +
        document(
          'Guardrail',
          'g',
          "mode: enforce\ndeny:\n  - { from: [any], to: [{ workloads: spare == 'yes' }], services: [tcp/80] }",
        ),
      [`${web} ${address} tcp/80`, 'allow rule s/r', 'deny guardrail !g'],
      [`${web} lb-1@${address} tcp/80`, ...granted],
      [`${web} lb-2@${address} tcp/80`, 'allow rule s/r', 'deny guardrail !g'],
    ),
    judgedAmong(
      fleet,
      among(all, toVip),
      [`10.0.0.1 ${address} tcp/80`, 'deny default s', 'deny default s'],
      [`${address} ${address} tcp/80`, 'allow essential loopback', 'allow essential loopback'],
    ),
    judgedAmong(workloads('lb-1 h1 10.0.0.1 app=shop,role=lb', ...others, vip), among(all, toVip), [
      `10.0.0.1 ${address} tcp/80`,
      'allow essential loopback',
      'allow essential loopback',
    ]),
  ],
  [
    'whose address',
    'with no holder it is unmanaged',
    judgedAmong(workloads(...others, vip), among(all, toVip), [
      `${web} ${address} tcp/80`,
      'allow rule s/r',
      'unmanaged',
    ]),
    warned('', 'virtual-without-holders', workloads(...others, vip)),
  ],
  [
    'whose address',
    'an agent publishes addresses by which others reach it',
    elsewhere('test/agent/addresses-kernel.test.ts', 'an address is published by what it can reach'),
  ],
  ...(
    [
      [
        'the address that the control plane sees a host talk from is its own',
        'the seen address is its own, reported or not',
      ],
      ['unless several hosts talk from it', 'that two hosts talk from at once is nobody’s, and neither is blamed'],
      ['inside its ranges a claim is good', 'inside of its ranges a claim is good'],
      ['outside of them it is pending', 'outside of them it is pending'],
      ['a host without ranges may claim a small number', 'without ranges, so many and no more'],
      ['who holds an address keeps it', 'a connected holder keeps it'],
      ['it passes to one that talks from it', 'silent for minutes, it loses it to one that talks from it'],
      ['an absent host keeps its addresses until its lease ends', 'until its lease ends'],
      [
        'a virtual workload’s are held by whom it selects',
        'a virtual address is held by all that it selects, and by no other',
      ],
    ] as const
  ).map(
    ([says, story]): Sentence => [
      'whose address',
      `live, ${says}`,
      elsewhere('test/policy/address-claims.test.ts', story),
    ],
  ),
  [
    'whose address',
    'peers elsewhere know a unit by its host’s addresses, and selecting one as a remote peer is warned of',
    judged(of('app == "shop"', rule('{ tenant: role == "nginx" }', api, 'tcp/1')), [
      '10.0.0.1 10.0.0.2 tcp/1',
      'deny default s',
      'allow rule s/r',
    ]),
    warned(shop(rule('{ tenant: role == "nginx" }', api, 'tcp/1')), 'unit-as-remote-peer'),
  ],
];
