// The settings' schemas, as editors read them, against the programs' readers: random files, good and bad, are answered alike; what the schemas cannot say
// is listed here, and is all there is. And the files that the packages install say the defaults.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { declaredSettings as agentSettings } from '#agent/settings/declared-settings.ts';
import { checkSettings as checkAgent, defaultKeys } from '#agent/settings/settings-reader.ts';
import { declaredSettings as controlPlaneSettings } from '#control-plane/settings/declared-settings.ts';
import { checkSettings as checkControlPlane, defaultOf, settingNames } from '#control-plane/settings/settings.ts';
import { filled, type MappingShape, type SettingShape } from '#model/setting-shape.ts';
import { isMapping } from '#model/settings-file.ts';
import { readText } from '#test/arch/sources.ts';

const programs = [
  {
    name: 'agent',
    shape: agentSettings as MappingShape,
    schema: 'packaging/debian/segwall-agent/agent.schema.json',
    read: (value: unknown) => checkAgent(value).bad.length === 0,
  },
  {
    name: 'control-plane',
    shape: controlPlaneSettings as MappingShape,
    schema: 'packaging/debian/segwall-control-plane/control-plane.schema.json',
    read: (value: unknown) =>
      isMapping(value) && checkControlPlane(value as Readonly<Record<string, unknown>>).length === 0,
  },
];

function bySchema(path: string): (value: unknown) => boolean {
  const schema = z.fromJSONSchema(JSON.parse(readText(path)) as Parameters<typeof z.fromJSONSchema>[0]);
  return (value) => schema.safeParse(value).success;
}

const texts = [
  ...[
    '10.0.0.1',
    '10.0.0.0/8',
    '256.1.1.1',
    '10.0.0.0/33',
    '01.2.3.4',
    '::',
    '::1',
    'fd00::/8',
    'FD00::5',
    '1:2:3:4:5:6:7:8',
  ],
  ...['1:2:3:4:5:6:7::', '::2:3:4:5:6:7:8', '1::3:4:5:6:7:8', '::1.2.3.4', '64:ff9b::192.0.2.1', '1:2:3:4:5:6:1.2.3.4'],
  ...[
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1::2::3',
    'fe80::1%eth0',
    '::1.2.3',
    'fd00::/129',
    ':::',
    '1:2:3:4:5:6:7:8::',
  ],
  ...[
    '127.0.0.1:7444',
    '[::]:0',
    '[::1]:65535',
    '127.0.0.1:65536',
    '127.0.0.1:00080',
    '[10.0.0.1]:1',
    '::1:80',
    'localhost:1',
  ],
  ...[
    'any',
    'tcp/443',
    'udp/0',
    'tcp/8000-8010',
    'tcp/65536',
    'icmp',
    'icmp/8',
    'icmpv6/256',
    'proto/47',
    'proto/',
    'ssh',
    'tcp/1-2-3',
  ],
  ...[
    'off',
    'discover',
    'inbound',
    'outbound',
    'both',
    'info',
    'loud',
    'never',
    'always',
    '',
    ' ',
    'a b',
    'a-',
    'control-plane',
    'control-plane-7',
  ],
  ...[
    'control-plane-dns',
    'control-planes',
    'admin-ssh',
    'SSH',
    'eth*',
    'eth0/1',
    'nginx.service',
    'pg@*',
    'a'.repeat(64),
    'x'.repeat(255),
    'x'.repeat(256),
  ],
  ...[
    '0x0fffffff',
    '0xfffffffff',
    '0xZZ',
    'segwall.example.com',
    'a.example,10.0.0.1',
    'a.example,',
    '10.0.0.1,10.0.1.0/24',
    'eu-1',
  ],
];
const anything: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(...texts, null, true, [], {}, 0.5, -1, 0, 1, 16, 512, 4096, 1e9, 0x0fff_ffff, 0xff00_ff00),
  fc.integer({ min: -2, max: 70_000 }),
  fc.array(fc.constantFrom<unknown>(...texts, 5, null), { maxLength: 3 }),
);

/** Mostly of the shape; each part now and then is anything. */
function near(shape: SettingShape): fc.Arbitrary<unknown> {
  return fc.oneof({ arbitrary: ofShape(shape), weight: 80 }, { arbitrary: anything, weight: 1 });
}

function ofShape(shape: SettingShape): fc.Arbitrary<unknown> {
  switch (shape.kind) {
    case 'integer':
      return fc.oneof(
        { arbitrary: fc.integer({ min: shape.least, max: shape.most }), weight: 80 },
        { arbitrary: fc.constantFrom(shape.least - 1, shape.most + 1), weight: 1 },
      );
    case 'choice':
      return fc.constantFrom(...shape.values);
    case 'text': {
      const good = texts.filter((text) => shape.refusal(text) === undefined);
      return fc.oneof(
        { arbitrary: fc.constantFrom(...good), weight: 80 },
        { arbitrary: fc.constantFrom(...texts), weight: 1 },
      );
    }
    case 'any-text':
      return fc.constant('/var/lib/segwall');
    case 'bits':
      return fc.constantFrom(0x0fff_ffff, 0xffff_0000, '0xFF00FFFF');
    case 'texts': {
      const good = fc.constantFrom(...texts.filter(shape.holds));
      return fc.oneof(
        fc.array(good, { maxLength: 4 }),
        good,
        fc.tuple(good, good).map((pair) => pair.join(',')),
      );
    }
    case 'list':
      return fc.array(near(shape.of), { maxLength: 3 });
    case 'either':
      return fc.oneof(fc.constantFrom(...shape.words), near(shape.or));
    case 'mapping':
      return fc.record(
        Object.fromEntries(Object.entries(shape.keys).map(([key, setting]) => [key, near(setting.shape)])),
        {
          requiredKeys: Object.entries(shape.keys).flatMap(([key, { needed }]) => (needed === 'here' ? [key] : [])),
        },
      );
  }
}

/** What the schema lets through, and the reader does not: each kind that is told of in the page. */
const beyondSchema: readonly (readonly [string, string, unknown])[] = [
  ['agent', 'a CIDR with host bits', { containers: { reachable: ['10.0.0.1/8'] } }],
  ['agent', 'an IPv4 address in the notation of IPv6', { names: { resolvers: ['::ffff:10.0.0.1'] } }],
  ['agent', 'a mask with too few bits', { connections: { markMask: 0x7fff } }],
  ['agent', 'a range of ports the wrong way round', { essential: [entry({ services: ['tcp/9-8'] })] }],
  ['agent', 'two entries of one name', { essential: [entry({}), entry({})] }],
  ['control-plane', 'a CIDR with host bits', { proxies: ['10.0.0.1/8'] }],
  ['control-plane', 'an IPv4 address in the notation of IPv6', { api: '[::ffff:10.0.0.1]:1' }],
];

function entry(parts: Readonly<Record<string, unknown>>) {
  return { name: 'a', direction: 'inbound', services: ['any'], peers: 'any', ...parts };
}

describe.each(programs)('$name', ({ name, shape, schema, read }) => {
  const isBySchema = bySchema(schema);

  test('a file that the reader takes is one for the schema, and the other way round', () => {
    const seen = { good: 0, bad: 0 };
    fc.assert(
      fc.property(ofShape(shape), (file) => {
        const isGood = read(file);
        seen[isGood ? 'good' : 'bad'] += 1;
        // Random masks may have too few bits, and random entries one name.
        if (isBySchema(file) !== isGood) expect([isGood, isBeyond(file)]).toEqual([false, true]);
      }),
      { numRuns: 1500 },
    );
    expect(Math.min(seen.good, seen.bad)).toBeGreaterThan(100);
  });

  test.each(beyondSchema.filter(([of]) => of === name))('%s: %s is refused by the reader alone', (_of, _what, file) => {
    expect([isBySchema(file), read(file)]).toEqual([true, false]);
  });

  test.each([[], 'text', 5, { unheardOf: 1 }].map((file) => [file]))('%j is no file for either', (file) => {
    expect([isBySchema(file), read(file)]).toEqual([false, false]);
  });

  test('an empty value is as if it were not said, wherever it need not be', () => {
    const empty = Object.fromEntries(Object.keys(shape.keys).map((key) => [key, null]));
    expect([isBySchema(empty), read(empty), filled(shape, empty)]).toEqual([true, true, filled(shape, {})]);
  });
});

function isBeyond(file: unknown): boolean {
  if (!isMapping(file)) return false;
  const { connections, essential } = file;
  const mask = isMapping(connections) ? connections['markMask'] : undefined;
  const names = Array.isArray(essential) ? essential.map((one: unknown) => (isMapping(one) ? one['name'] : one)) : [];
  return (typeof mask === 'number' && mask !== 0x0fff_ffff) || new Set(names).size < names.length;
}

const uncommented = (path: string, firstKey: string) => {
  const lines = readText(path).split('\n');
  const from = lines.findIndex((line) => line.startsWith('# The others'));
  const others = lines.slice(from + 1).map((line) => line.replace(/^# /, ''));
  expect(others.join('\n')).toContain(firstKey);
  return parse(others.join('\n')) as Readonly<Record<string, unknown>>;
};

test('the package’s agent.yaml shows every setting with its default', () => {
  const said = uncommented('packaging/debian/segwall-agent/agent.yaml', 'windowSeconds: 5');
  expect(filled(agentSettings, said)).toEqual({
    ...defaultKeys,
    connections: { ...defaultKeys.connections, markMask: Number(defaultKeys.connections.markMask) },
  });
  expect(['essential', ...Object.keys(said)].sort()).toEqual(Object.keys(agentSettings.keys).sort());
});

test('the package’s control-plane.yaml shows every setting with its default', () => {
  const path = 'packaging/debian/segwall-control-plane/control-plane.yaml';
  const said = { ...(parse(readText(path)) as object), ...uncommented(path, 'keepFlowsDays: 30') };
  expect(Object.keys(said)).toEqual(expect.arrayContaining(settingNames));
  expect({ ...said, data: null }).toEqual(Object.fromEntries(settingNames.map((name) => [name, defaultOf(name)])));
});
