// Which cgroups are which units', in trees as machines have them; and what a host tells of its services.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { openUnitCgroups, parseCgroupMount, parseOwnService, unitOf } from '#agent/host/cgroup-tree.ts';
import { createUnitDiscovery } from '#agent/host/unit-discovery.ts';
import { parseSettings } from '#agent/settings/settings-reader.ts';
import { readUnitDropIns } from '#agent/units/unit-drop-ins.ts';
import { unitSetName } from '#agent-core/table/systemd-unit-sets.ts';
import { assertOk } from '#model/result.ts';
import { decodeUpMessage, encodeUpMessage } from '#wire/policy-sync-messages.ts';
import { createUnitTree, type UnitTree } from './unit-tree.ts';

const mounts = {
  unified: '30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate',
  hybrid: `30 23 0:26 / /sys/fs/cgroup ro shared:4 - tmpfs tmpfs ro
31 30 0:27 / /sys/fs/cgroup/unified rw shared:5 - cgroup2 cgroup2 rw
32 30 0:28 / /sys/fs/cgroup/systemd rw shared:6 - cgroup cgroup rw,name=systemd`,
  partOfATree: '30 23 0:26 /kubepods/pod1 /sys/fs/cgroup ro - cgroup2 cgroup ro',
  legacy: '32 30 0:28 / /sys/fs/cgroup/systemd rw shared:6 - cgroup cgroup rw,name=systemd',
  withASpace: String.raw`30 23 0:26 / /mnt/c\040group rw - cgroup2 none rw`,
};

test.each([
  ['the only tree', mounts.unified, '/sys/fs/cgroup'],
  ['beside older ones', mounts.hybrid, '/sys/fs/cgroup/unified'],
  ['a part of the tree', mounts.partOfATree, undefined],
  ['no cgroup2', mounts.legacy, undefined],
  ['a path with a space', mounts.withASpace, '/mnt/c group'],
])('the cgroup2 mount: %s', (_, text, path) => {
  expect(parseCgroupMount(`22 1 8:1 / / rw - ext4 /dev/sda1 rw\n${text}\n`)).toBe(path);
});

test.each([
  ['a service', '0::/system.slice/segwall-agent.service\n', 'segwall-agent.service'],
  ['an instance, two slices deep', '0::/system.slice/system-a.slice/a@1.service\n', 'a@1.service'],
  ['on a hybrid host', '1:name=systemd:/x.service\n0::/system.slice/segwall-agent.service\n', 'segwall-agent.service'],
  ['a cgroup inside a service', '0::/system.slice/a.service/inner\n', undefined],
  ['a name that a service gave', '0::/system.slice/a.service/b.service\n', undefined],
  ['a session', '0::/user.slice/user-0.slice/session-3.scope\n', undefined],
  ['the root', '0::/\n', undefined],
  ['cgroup v1 alone', '1:name=systemd:/system.slice/a.service\n', undefined],
])('the service that a process runs as: %s', (_, text, expected) => {
  expect(parseOwnService(text)).toBe(expected);
});

test.each([
  ['app.service', 'app.service'],
  ['app.socket', 'app.service'],
  ['_memory.service', 'memory.service'],
  ['_app.service', 'app.service'],
  ['other.service', undefined],
  ['app.slice', undefined],
  ['app.scope', undefined],
])('the unit of a cgroup called %s', (name, unit) => {
  expect(unitOf(name, new Set(['app.service', 'memory.service']))).toBe(unit);
});

let tree: UnitTree;
beforeAll(() => {
  tree = createUnitTree();
  for (const at of [
    'init.scope',
    'system.slice/app.service/inner.service',
    'system.slice/_memory.service',
    'system.slice/system-x.slice/x@1.service',
    'system.slice/docker-1.scope/app.service',
    'user.slice/user-1.slice/user@1.service',
  ])
    tree.make(at);
});
afterAll(() => tree.remove());

test('only what systemd itself made is a unit’s, and is known by its id and level', () => {
  const open = openUnitCgroups(tree.root, new Set(['app.service', 'inner.service', 'x@1.service', 'user@1.service']));
  const { level } = tree.root;
  expect(open.cgroups.map((cgroup) => [cgroup.unit, cgroup.level - level])).toEqual(
    expect.arrayContaining([
      ['app.service', 2],
      ['x@1.service', 3],
    ]),
  );
  expect(open.cgroups).toHaveLength(2);
  expect(new Set(open.cgroups.map(({ id }) => id)).size).toBe(2);
  open.close();
});

test.each([
  ['off', 'off', undefined],
  ['nothing said', undefined, undefined],
  ['discover', 'discover', ['app.service', 'memory.service', 'x@1.service']],
  ['names', ['x@*', 'mem*ry.service'], ['memory.service', 'x@1.service']],
  ['a dot is a dot', ['appxservice'], []],
])('services that are told of: %s', (_, units, told) => {
  const settings = assertOk(parseSettings(units === undefined ? {} : { units })).units;
  const discovery = createUnitDiscovery({ settings, root: tree.root, changed: () => undefined });
  expect(discovery.units()).toEqual(told);
  discovery.close();
});

test.each([['yes'], [['a b']], [[7]], [{}]])('a bad setting is told of: %j', (units) => {
  const settings = parseSettings({ units });
  expect(settings.ok ? '' : settings.error).toMatch(/^units.* is .*; allowed: /);
});

test.each([[undefined], [[]], [['nginx.service', 'x@1.service']]])('on the wire: %j', (units) => {
  const host = {
    addresses: ['10.0.0.1'],
    facts: new Map([['os', 'debian']]),
    ...(units === undefined ? {} : { units }),
  };
  expect(assertOk(decodeUpMessage(encodeUpMessage({ kind: 'host-report', host })))).toEqual({
    kind: 'host-report',
    host,
  });
});

const both = (set: string) => `[Service]\nNFTSet=cgroup:inet:segwall:unit_all cgroup:inet:segwall:${set}\n`;
test.each([
  ['both sets in one line', 'app.service', both('unit_app.service'), true],
  [
    'each in a line of its own',
    'app.service',
    '[Service]\nNFTSet=cgroup:inet:segwall:unit_all\n NFTSet = cgroup:inet:segwall:unit_app.service\n',
    true,
  ],
  ['an instance', 'x@1.service', both('unit_x_401.service'), true],
  ['a dash', 'a-b.service', both('unit_a_2db.service'), true],
  ['another unit’s set', 'app.service', both('unit_other.service'), false],
  ['only its own set', 'app.service', '[Service]\nNFTSet=cgroup:inet:segwall:unit_app.service\n', false],
  ['another table', 'app.service', both('unit_app.service').replaceAll('segwall', 'filter'), false],
  ['a comment', 'app.service', `#${both('unit_app.service').split('\n')[1]}`, false],
])('a drop-in that names a unit to us: %s', (_, unit, text, isNamed) => {
  const root = mkdtempSync(join(tmpdir(), 'segwall-drop-ins-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const folder = join(root, `etc/systemd/system/${unit}.d`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'segwall.conf'), text);
  expect([...readUnitDropIns(root).keys()]).toEqual(isNamed ? [unit] : []);
});

test('units’ sets have names that nft takes, and no two units one', () => {
  const units = [
    'a-b.service',
    'a_b.service',
    'a_2db.service',
    'a.b.service',
    'x@1.service',
    'x@1:2.service',
    'all.service',
  ];
  const names = units.map(unitSetName);
  expect(new Set(names).size).toBe(units.length);
  expect(names.filter((name) => !/^[a-z][A-Za-z0-9_.]*$/.test(name))).toEqual([]);
});
