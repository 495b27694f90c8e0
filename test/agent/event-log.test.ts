// Events wait on disk until they are taken; commands and the agent write side by side; what cannot be kept is counted.

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openEventLog } from '#agent/state/event-log.ts';

let path: string;
let clock = 1_800_000_000_000;
const open = () => openEventLog(path, () => (clock += 1));
const kinds = (log: ReturnType<typeof open>) => log.waiting().map(({ kind }) => kind);

beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'segwall-events-'));
});
afterEach(() => rmSync(path, { recursive: true }));

test('what one process records another one has, in order, until it is taken', () => {
  const agent = open();
  agent.record('table-tampered', new Map([['by', 'nft (pid 7)']]));
  open().record('opened', new Map([['reason', 'fire']]));
  agent.record('resumed', new Map());
  expect(kinds(agent)).toEqual(['table-tampered', 'opened', 'resumed']);
  expect(kinds(open())).toEqual(['table-tampered', 'opened', 'resumed']);
  agent.taken(
    agent
      .waiting()
      .slice(0, 2)
      .map(({ id }) => id),
  );
  expect(kinds(agent)).toEqual(['resumed']);
  expect(open().waiting()).toMatchObject([{ kind: 'resumed', details: new Map() }]);
});

test('what had begun and did not end is told by the next, once', () => {
  const first = open();
  first.begin({ kind: 'table-tampered', details: new Map([['by', 'nft (pid 7)']]) });
  first.begin({ kind: 'table-tampered', details: new Map([['by', 'nft (pid 8)']]) });
  expect(kinds(first)).toEqual([]);
  expect(kinds(open())).toEqual([]);
  const next = open();
  next.tellUnfinished();
  expect(next.waiting()).toMatchObject([{ kind: 'table-tampered', details: new Map([['by', 'nft (pid 8)']]) }]);
  const third = open();
  third.tellUnfinished();
  expect(kinds(third)).toEqual(['table-tampered']);
  third.begin({ kind: 'table-tampered', details: new Map() });
  third.begin(undefined);
  const last = open();
  last.tellUnfinished();
  expect(kinds(last)).toEqual(['table-tampered']);
});

test('a damaged file goes and is counted, and what is half written is not looked at', () => {
  open().record('opened', new Map());
  const [name = ''] = readdirSync(join(path, 'events'));
  writeFileSync(join(path, 'events', '0-torn.json'), '{"at": 1, "kind"');
  writeFileSync(join(path, 'events', `${name}.tmp`), '{');
  const log = open();
  expect(kinds(log)).toEqual(['opened']);
  expect(log.counts()).toEqual({ waiting: 1, lost: 1, unwritten: 0 });
});

test('of more than a thousand the oldest go, counted', () => {
  const log = open();
  mkEvents(1003);
  expect(log.waiting()).toHaveLength(1000);
  expect(log.counts()).toMatchObject({ waiting: 1000, lost: 3 });
});

function mkEvents(count: number): void {
  open().record('opened', new Map());
  const [name = ''] = readdirSync(join(path, 'events'));
  rmSync(join(path, 'events', name));
  for (let at = 0; at < count; at += 1) {
    const file = `${String(at).padStart(15, '0')}-1-1.json`;
    writeFileSync(join(path, 'events', file), JSON.stringify({ at, kind: 'opened', details: [] }));
  }
}
