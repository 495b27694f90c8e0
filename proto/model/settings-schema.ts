// Declared settings as JSON Schema (2020-12), for editors. It says the same of a file as the program does, but for what no pattern can: the host bits of
// a CIDR, the bits of a mask, which of two ports is the greater, addresses that IPv6 maps from IPv4, and entries of one name.

import type { MappingShape, Setting, SettingShape } from './setting-shape.ts';

export type JsonSchema = Readonly<Record<string, unknown>>;

export function settingsSchema(shape: MappingShape, title: string): JsonSchema {
  return { $schema: 'https://json-schema.org/draft/2020-12/schema', title, ...schemaOf(shape) };
}

function schemaOf(shape: SettingShape): JsonSchema {
  switch (shape.kind) {
    case 'integer':
      return { type: 'integer', minimum: shape.least, maximum: shape.most };
    case 'choice':
      return { enum: shape.values };
    case 'text':
      return { type: 'string', pattern: shape.pattern };
    case 'any-text':
      return { type: 'string', minLength: 1 };
    case 'bits':
      return {
        anyOf: [
          { type: 'integer', minimum: 0, maximum: 0xffff_ffff },
          { type: 'string', pattern: '^0[xX][0-9A-Fa-f]{1,8}$' },
        ],
      };
    case 'texts': {
      const { pattern, most } = shape;
      return {
        anyOf: [
          { type: 'array', maxItems: most, items: { type: 'string', pattern: `^(?:${pattern})$` } },
          { type: 'string', pattern: `^(?:${pattern})(?:,(?:${pattern})){0,${most - 1}}$` },
        ],
      };
    }
    case 'list':
      return {
        type: 'array',
        items: schemaOf(shape.of),
        ...(shape.count !== undefined && { minItems: shape.count.least }),
      };
    case 'either':
      return { anyOf: [{ enum: shape.words }, schemaOf(shape.or)] };
    case 'mapping': {
      const settings = Object.entries(shape.keys);
      const needed = settings.filter(([, setting]) => setting.needed === 'here').map(([key]) => key);
      return {
        type: 'object',
        properties: Object.fromEntries(settings.map(([key, setting]) => [key, propertyOf(setting)])),
        ...(needed.length > 0 && { required: needed }),
        additionalProperties: false,
      };
    }
  }
}

/** An empty value is as if it were not said, wherever it need not be. */
function propertyOf({ shape, means, fallback, needed }: Setting): JsonSchema {
  const schema = schemaOf(shape);
  const said = { description: means, ...(fallback !== undefined && { default: fallback }) };
  return needed === 'here' ? { ...said, ...schema } : { ...said, anyOf: [schema, { type: 'null' }] };
}
