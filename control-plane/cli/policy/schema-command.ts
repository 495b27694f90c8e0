// `segwall policy schema`: the JSON Schema of the documents, for editors that complete and check while one types.

import { policySchema } from '#policy/check/policy-schema.ts';

export function runSchema(): void {
  process.stdout.write(`${JSON.stringify(policySchema(), undefined, 2)}\n`);
}
