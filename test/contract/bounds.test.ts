// The table of bounds against the .proto files: every field that an agent can send has a row, every row a field of its kind, and the
// reference shows them all.

import { join } from 'node:path';
import protobuf from 'protobufjs';
import { describe, expect, test } from 'vitest';
import { readText, root } from '#test/arch/sources.ts';
import { type Bound, bounds, fromAgents } from '#wire/bounds.ts';
import { boundsPage } from './bounds-page.ts';

const schema = new protobuf.Root();
schema.loadSync(
  ['policy_sync', 'flow_report', 'enrolment'].map((name) => join(root, `proto/segwall/v1/${name}.proto`)),
  { keepCase: true },
);

function reachable(): ReadonlyMap<string, protobuf.Field> {
  const fields = new Map<string, protobuf.Field>();
  const walk = (type: protobuf.Type) => {
    for (const field of type.fieldsArray) {
      const name = `${type.name}.${field.name}`;
      if (fields.has(name)) continue;
      fields.set(name, field.resolve());
      if (field.resolvedType instanceof protobuf.Type) walk(field.resolvedType);
    }
  };
  for (const name of fromAgents) walk(schema.lookupType(`segwall.v1.${name}`));
  return fields;
}

const kindOf = (field: protobuf.Field): readonly Bound['kind'][] => {
  if (field.map) return ['map'];
  if (field.repeated) return ['list'];
  if (field.resolvedType instanceof protobuf.Enum) return ['choice'];
  if (field.resolvedType instanceof protobuf.Type) return ['message'];
  if (field.type === 'bool') return ['truth'];
  if (field.type === 'string') return ['text'];
  if (field.type === 'bytes') return ['bytes'];
  return ['number', 'time'];
};

describe('bounds', () => {
  const fields = reachable();

  test('every field that an agent can send has one, and no other', () => {
    expect(Object.keys(bounds).sort()).toEqual([...fields.keys()].sort());
  });

  test.each(Object.entries(bounds))('%s is of its field’s kind', (name, bound) => {
    const field = fields.get(name);
    expect(field === undefined ? [] : kindOf(field)).toContain(bound.kind);
  });

  test('docs/reference/wire-bounds.md shows them', () => {
    expect(readText('docs/reference/wire-bounds.md')).toBe(boundsPage());
  });
});
