import { describe, expect, test } from 'vitest';
import { listImports } from './imports.ts';
import { rooms } from './room-table.ts';
import { drawing, forbiddenImports, importsBetweenRooms, roomOf } from './rooms.ts';
import { readAliases, readSources, readText } from './sources.ts';

const aliases = readAliases();
const sources = await readSources();
const between = importsBetweenRooms(listImports(sources, aliases));

describe('the rooms', () => {
  test('are those that the folders have', () => {
    const found = new Set([...sources.keys()].flatMap((path) => Object.values(roomOf(path) ?? {}).join('/') || []));
    const listed = Object.entries(rooms).flatMap(([layer, row]) => Object.keys(row).map((room) => `${layer}/${room}`));
    expect(listed.sort()).toEqual([...found].sort());
  });

  test('import what the table says', () => {
    expect(forbiddenImports(between)).toEqual([]);
  });

  test('are said to import nothing that they do not', () => {
    const used = new Set(between.map(({ layer, room, to }) => `${layer}: ${room} → ${to}`));
    const listed = Object.entries(rooms).flatMap(([layer, row]) =>
      Object.entries(row).flatMap(([room, { imports }]) => imports.map((to) => `${layer}: ${room} → ${to}`)),
    );
    expect(listed.filter((edge) => !used.has(edge))).toEqual([]);
  });

  // So that no circle can be written down.
  test.each(Object.entries(rooms))('of %s stand above those that they import', (_layer, row) => {
    const order = Object.keys(row);
    const upwards = Object.entries(row).flatMap(([room, { imports }]) =>
      imports.filter((to) => order.indexOf(to) >= order.indexOf(room)).map((to) => `${room} → ${to}`),
    );
    expect(upwards).toEqual([]);
  });

  test('are drawn in docs/architecture.md as the table has them', () => {
    expect(readText('docs/architecture.md')).toContain(`\n${drawing()}\n`);
  });

  test.each([
    [
      'agent/src/nft/mutant.ts',
      "import { x } from '#agent/enforce/enforcer.ts';",
      /nft may not import agent\/src\/enforce/,
    ],
    ['control-plane/src/store/mutant.ts', "import { x } from '../fleet/fleet.ts';", /store may not import .*fleet/],
    [
      'agent/core/judge/mutant.ts',
      "import type { T } from '../change/transaction.ts';",
      /judge may not import .*change/,
    ],
  ])('go red when %s has %s', (file, line, expected) => {
    const mutated = importsBetweenRooms(listImports(new Map([...sources, [file, line]]), aliases));
    expect(forbiddenImports(mutated).join('\n')).toMatch(expected);
  });
});
