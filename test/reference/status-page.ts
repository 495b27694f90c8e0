// The page of docs/reference with the fields of both programs' `status --json`: the agent's from status-fields.ts, whose type holds it to the document,
// the control plane's from the schema that its answer is checked by.

import { z } from 'zod';
import { statusFields } from '#agent/status/status-fields.ts';
import { status } from '#control-plane/answers/schemas.ts';

interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
}

export interface StatusField {
  readonly name: string;
  readonly means: string;
  readonly presence: 'always' | 'now and then';
}

/** Of `segwall status --json`; a mapping's own fields follow it. */
export function controlPlaneFields(
  schema: Schema = z.toJSONSchema(status) as Schema,
  before = '',
): readonly StatusField[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, of]) => {
    const name = `${before}${key}`;
    const presence = schema.required?.includes(key) === true ? 'always' : 'now and then';
    return [{ name, means: of.description ?? '', presence } as const, ...controlPlaneFields(of, `${name}.`)];
  });
}

const head = `# Fields of status

What \`segwall-agent status --json\` and \`segwall status --json\` answer, made from the declarations of both
(agent/src/status/status-fields.ts, control-plane/src/answers/schemas.ts). Names stay; fields may be added.
`;

export function statusPage(): string {
  const agent = Object.entries(statusFields).map(([name, means]) => `| \`${name}\` | ${means} |\n`);
  const told = controlPlaneFields().filter(({ name }) => !/\.(count|names)$/.test(name));
  const controlPlane = told.map(({ name, means, presence }) => `| \`${name}\` | ${presence} | ${means} |\n`);
  return `${head}
## segwall-agent status --json

Without an agent the document has only what the disk knows.

| field | says |
| --- | --- |
${agent.join('')}
## segwall status --json

\`count\` and \`names\` stand for how many there are, and the first hundred of them.

| field | there | says |
| --- | --- | --- |
${controlPlane.join('')}`;
}
