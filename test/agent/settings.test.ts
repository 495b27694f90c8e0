// A bad setting names itself, its value and what is allowed; a good file becomes settings; no file is all defaults.

import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { isLinkLocal } from '#agent/host/addresses.ts';
import { parseOsRelease } from '#agent/host/host-facts.ts';
import { readSettings } from '#agent/settings/settings-files.ts';
import { defaultSettings, parseSettings } from '#agent/settings/settings-reader.ts';
import type { Address } from '#model/address.ts';

const bad: readonly (readonly [string, string])[] = [
  [
    'flow: {}',
    'flow is {}; allowed: no such setting, did you mean flows?; the keys here are essential, interfaces, facts, flows',
  ],
  ['[]', 'the file is []; allowed: the keys essential, interfaces, facts, flows'],
  ['flows: { windowSeconds: 0 }', 'flows.windowSeconds is 0; allowed: a whole number from 1 to 300'],
  ['flows: { windowSeconds: "5" }', 'flows.windowSeconds is "5"; allowed: a whole number from 1 to 300'],
  ['flows: { recordsMost: 1000000 }', 'flows.recordsMost is 1000000; allowed: a whole number from 100 to 50000'],
  ['essential: ssh', 'essential is "ssh"; allowed: a list'],
  ['essential: [{ name: SSH }]', 'essential[0].name is "SSH"; allowed: lower-case letters'],
  ['essential: [{ name: control-plane }]', 'essential[0].name is "control-plane"; allowed: lower-case letters'],
  ['essential: [{ name: a, direction: both }]', 'essential[0].direction is "both"; allowed: inbound, outbound'],
  ['essential: [{ name: a, direction: inbound, services: [] }]', 'essential[0].services is []; allowed: at least one'],
  [
    'essential: [{ name: a, direction: inbound, services: [ssh], peers: any }]',
    'essential[0].services[0] is "ssh"; allowed: any, tcp/PORT',
  ],
  [
    'essential: [{ name: a, direction: inbound, services: [any], peers: [10.0.0.1/8] }]',
    'essential[0].peers[0] is "10.0.0.1/8"; allowed: a CIDR or an address ("10.0.0.1/8" has host bits',
  ],
  [
    'essential: [{ name: a, direction: inbound, services: [any], peers: [] }]',
    'essential[0].peers is []; allowed: any, or a list of CIDRs',
  ],
  [
    'essential: [{ name: a, direction: inbound, services: [any], peers: any }, { name: a, direction: outbound, services: [any], peers: any }]',
    'essential[1].name is "a"; allowed: a name that no other entry has',
  ],
  ['interfaces: { include: [""] }', 'interfaces.include[0] is ""; allowed: the name of an interface'],
  ['names: { resolvers: [dns.example] }', 'names.resolvers[0] is "dns.example"; allowed: the address of a resolver'],
  ['names: { holdMilliseconds: 5000 }', 'names.holdMilliseconds is 5000; allowed: a whole number from 0 to 2000'],
  ['names: { addressesPerName: 0 }', 'names.addressesPerName is 0; allowed: a whole number from 1 to 4096'],
  ['names: { grace: 5 }', 'names.grace is 5; allowed: no such setting; the keys here are resolvers, graceSeconds'],
  [
    'flows: { windowSecond: 5 }',
    'flows.windowSecond is 5; allowed: no such setting, did you mean windowSeconds?; the keys here are windowSeconds',
  ],
  [
    'connections: { markMask: 0x7fff }',
    'connections.markMask is 32767; allowed: a mask of 32 bits, at least 16 of them set, such as 0x0fffffff',
  ],
  ['connections: { markMask: "0xfffffffff" }', 'connections.markMask is "0xfffffffff"; allowed: a mask of 32 bits'],
  [
    'connections: { stampWhileObserving: yes }',
    'connections.stampWhileObserving is "yes"; allowed: unless-used, never, always',
  ],
  ['connections: { markMask: -1 }', 'connections.markMask is -1; allowed: a mask of 32 bits'],
  [
    'connections: { mask: 1 }',
    'connections.mask is 1; allowed: no such setting; the keys here are markMask, stampWhileObserving',
  ],
  ['connections: 0xffff', 'connections is 65535; allowed: the keys markMask, stampWhileObserving'],
  ['facts: { region: "a b" }', 'facts.region is "a b"; allowed: letters, digits'],
];

describe('settings', () => {
  test.each(bad)('%s', (text, message) => {
    const settings = parseSettings(parse(text));
    expect(settings.ok ? undefined : settings.error.slice(0, message.length)).toBe(message);
  });

  test('a mask of the mark may be a text, or not be said', () => {
    for (const [text, mask] of [
      ['connections: { markMask: "0xFFFF0000" }', 0xffff_0000],
      ['connections: {}', 0x0fff_ffff],
    ] as const)
      expect(parseSettings(parse(text))).toMatchObject({ ok: true, value: { connections: { marks: { mask } } } });
  });

  test('every setting is read', () => {
    const text = `
essential:
  - { name: admin-ssh, direction: inbound, peers: [10.0.0.0/8, "fd00::1"], services: [tcp/22] }
  - { name: dns, direction: outbound, peers: any, services: [udp/53, tcp/53] }
interfaces: { include: [br-lan], exclude: [eth1] }
facts: { region: eu-1, cloud: own }
flows: { windowSeconds: 10, recordsMost: 100, spoolMegabytes: 2 }
names: { resolvers: [10.0.0.53, "FD00::53"], graceSeconds: 60, addressesPerName: 9, addressesMost: 99, holdMilliseconds: 0 }
connections: { markMask: 0xff00ffff }
`;
    expect(parseSettings(parse(text))).toMatchObject({
      ok: true,
      value: {
        names: {
          resolvers: ['10.0.0.53', 'fd00::53'],
          bounds: { graceMs: 60_000, perNameMost: 9, addressesMost: 99 },
          holdMs: 0,
        },
        essentials: [
          { name: 'admin-ssh', peers: { kind: 'ranges', ranges: [{ family: 'ipv4' }, { family: 'ipv6' }] } },
          { name: 'dns', direction: 'outbound', peers: { kind: 'any' }, services: [{ low: 53 }, { low: 53 }] },
        ],
        interfaces: { include: ['br-lan'], exclude: ['eth1'] },
        facts: { region: 'eu-1', cloud: 'own' },
        connections: { marks: { mask: 0xff00_ffff } },
        flows: { windowMs: 10_000, recordsMost: 100, spoolBytesMost: 2 << 20 },
      },
    });
  });

  test('an empty file and no file are all defaults; a file that was asked for must be there', async () => {
    expect(parseSettings(parse(''))).toEqual({ ok: true, value: defaultSettings });
    expect(await readSettings('/nowhere/agent.yaml', 'optional')).toEqual({ ok: true, value: defaultSettings });
    expect(await readSettings('/nowhere/agent.yaml', 'required')).toEqual({
      ok: false,
      error: '/nowhere/agent.yaml is not there; allowed: a file that can be read (ENOENT)',
    });
  });
});

describe('addresses and facts', () => {
  test('link-local addresses of both families are known', () => {
    const linkLocal = ['169.254.0.1', 'fe80::1', 'febf::1'] as Address[];
    const others = ['169.253.0.1', 'fec0::1', 'fd00::1', '10.0.0.1'] as Address[];
    expect(linkLocal.filter(isLinkLocal)).toEqual(linkLocal);
    expect(others.filter(isLinkLocal)).toEqual([]);
  });

  test('os-release is read with and without quotes', () => {
    const values = parseOsRelease('ID=debian\nVERSION_ID="12"\n# comment\nPRETTY_NAME=\'a "b"\'\nBAD LINE\n');
    expect([...values]).toEqual([
      ['ID', 'debian'],
      ['VERSION_ID', '12'],
      ['PRETTY_NAME', 'a "b"'],
    ]);
  });

  test('the agent’s version is the package’s', async () => {
    const { agentVersion } = await import('#agent/process/version.ts');
    const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
    expect(agentVersion).toBe((JSON.parse(text) as { version: string }).version);
  });
});
