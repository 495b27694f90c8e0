// The shapes of the CA's part of the API; as schemas.ts for the rest.

import { z } from 'zod';

const instant = z.string().describe('ISO 8601, UTC');
const count = z.number().int().nonnegative();
const names = z.array(z.string()).readonly();
const someOf = (what: string) => z.object({ count, names: names.describe('the first hundred') }).describe(what);

const certificate = { fingerprint: z.string().describe('SHA-256, hex'), endsAt: instant };

const standing = {
  present: z.object(certificate),
  next: z
    .object({
      ...certificate,
      hosts: count.describe('enrolled, and not revoked'),
      trusting: count.describe('hosts that a certificate of it was issued to: they have checked its own first'),
      moved: count.describe('… and that use it'),
      left: someOf('hosts that do not: refused once the present CA is retired'),
      operators: names.describe('whose tokens name the present CA, where the API is reached over TLS'),
    })
    .optional()
    .describe('the CA that takes its place; hosts that enrol now trust this one'),
};

export const caStanding = z.object(standing);
export const caRotationAnswer = z.object({ began: z.enum(['now', 'before']), ...standing });
export const caRetirement = z.object({
  losing: z
    .enum(['refuse', 'accept'])
    .default('refuse')
    .describe('`accept` also where hosts or tokens of operators are lost by it'),
});
export const caRetirementAnswer = z.object({
  ...standing,
  lost: someOf('hosts that are refused from now on'),
  operators: names.describe('whose tokens find no control plane over TLS from now on'),
});

export type CaStandingAnswer = z.output<typeof caStanding>;
export type CaRotationAnswer = z.output<typeof caRotationAnswer>;
export type CaRetirementAnswer = z.output<typeof caRetirementAnswer>;
