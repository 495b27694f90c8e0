// The page of docs/reference that shows what a request may hold, made from the description that a control plane serves;
// `node test/server/api-bounds-page.ts > docs/reference/api-bounds.md` writes it.

import { labelKeyPattern, labelValuePattern, namePattern } from '#model/label.ts';

const head = `# What a request may hold

Every path, query and body of the operator API has its bounds where it is read. What is beyond them is \`bad-request\`;
nothing is cut short. This page is made from the description that the control plane serves, and a test compares the two.
The request as a whole is bounded too ([api.md](api.md)), and so is a text without a bound of its own.

| request | field | bound |
| --- | --- | --- |
`;

export interface Schema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly exclusiveMinimum?: boolean;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
}

interface Described {
  readonly parameters?: readonly { readonly in: string; readonly name: string; readonly schema: Schema }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
}

export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
}

export interface BoundedField {
  readonly request: string;
  readonly field: string;
  readonly schema: Schema;
}

/** Every field without fields of its own, in the order of the description. */
export function boundedFields({ paths }: OpenApi): readonly BoundedField[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, { parameters = [], requestBody }]) => {
      const request = `${method.toUpperCase()} ${path}`;
      const asked = parameters.flatMap(({ name, schema }) => leaves(name, schema));
      const body = Object.values(requestBody?.content ?? {}).flatMap(({ schema }) => leaves('', schema));
      const fields = new Map([...asked, ...body].map((leaf) => [`${leaf.field} ${boundText(leaf.schema)}`, leaf]));
      return [...fields.values()].map((leaf) => ({ request, ...leaf }));
    }),
  );
}

export function apiBoundsPage(description: OpenApi): string {
  const rows = boundedFields(description).map(
    ({ request, field, schema }) => `| \`${request}\` | \`${field}\` | ${boundText(schema)} |\n`,
  );
  return head + rows.join('');
}

const patternTexts = new Map([
  [namePattern.source, 'a name of the policy language, of at most 63 characters'],
  [labelKeyPattern.source, 'a label key, of at most 63 characters'],
  [labelValuePattern.source, 'a label value, of at most 63 characters'],
]);

function leaves(field: string, schema: Schema): { readonly field: string; readonly schema: Schema }[] {
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return choices.flatMap((choice) => leaves(field, choice));
  const { properties, items, additionalProperties } = schema;
  if (properties !== undefined)
    return Object.entries(properties).flatMap(([name, inner]) =>
      leaves(field === '' ? name : `${field}.${name}`, inner),
    );
  if (typeof additionalProperties === 'object') return leaves(`${field}.*`, additionalProperties);
  if (items !== undefined) return [{ field, schema }, ...leaves(`${field}[]`, items)];
  return [{ field, schema }];
}

function boundText(schema: Schema): string {
  const {
    type,
    minimum = 0,
    maximum,
    exclusiveMinimum,
    minLength,
    maxLength,
    minItems = 0,
    maxItems,
    pattern,
  } = schema;
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (type === 'integer' || type === 'number')
    return `${exclusiveMinimum === true ? minimum + 1 : minimum} to ${maximum}`;
  if (type === 'array') return `${minItems} to ${maxItems} entries`;
  if (pattern !== undefined) return patternTexts.get(pattern) ?? 'a pattern: see the description';
  if (maxLength !== undefined) return `${minLength ?? 0} to ${maxLength} characters`;
  return 'the request';
}

if (import.meta.main) {
  const { startApiServer } = await import('#test/hostile/support/api-server.ts');
  const server = await startApiServer();
  const response = await fetch(`http://127.0.0.1:${server.port}/api/v1/openapi.json`);
  process.stdout.write(apiBoundsPage((await response.json()) as OpenApi));
  await server.close();
}
