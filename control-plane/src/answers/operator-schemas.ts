// The shapes of the operators' part of the API; as schemas.ts for the rest.

import { z } from 'zod';
import { namePattern } from '#model/label.ts';

const instant = z.string().describe('ISO 8601, UTC');
const ttlSeconds = z
  .number()
  .int()
  .min(1)
  .max(3650 * 86_400)
  .optional();

const tokenIdPattern = /^[0-9a-f]{10}$/;

/** A name that looks like an id would be one to `revoke`. */
const operatorName = z
  .string()
  .regex(namePattern, `is not a name: allowed is ${namePattern.source}`)
  .refine((name) => !tokenIdPattern.test(name), 'looks like the id of a token: choose another name');

export const operatorRequest = z.object({
  name: operatorName,
  ttlSeconds: ttlSeconds.describe('without it the token holds until it is revoked'),
});

export const operatorRotation = z.object({
  ttlSeconds: ttlSeconds.describe('without it the token lives as long as the one before was made to'),
  overlapSeconds: z
    .number()
    .int()
    .min(0)
    .max(30 * 86_400)
    .default(0)
    .describe('how long the token before still holds'),
});

export const operatorParams = z.object({ name: z.string().max(128) });

export const operatorAnswer = z.object({
  token: z.string().describe('nowhere else, and not again'),
  id: z.string(),
  name: z.string(),
  expiresAt: instant.optional(),
  replaced: z.array(z.object({ id: z.string(), endsAt: instant })).readonly(),
});
export type OperatorAnswer = z.infer<typeof operatorAnswer>;

const operatorToken = z.object({
  id: z.string(),
  name: z.string(),
  state: z.enum(['holds', 'expired', 'revoked']),
  createdAt: instant,
  createdBy: z.string(),
  expiresAt: instant.optional(),
  revokedAt: instant.optional(),
  lastUsedAt: instant.optional().describe('to the hour'),
});
export type OperatorTokenView = z.infer<typeof operatorToken>;

export const operatorList = z.array(operatorToken).readonly();

export const operatorRevocation = z.object({ name: z.string(), ids: z.array(z.string()).readonly() });
export type OperatorRevocation = z.infer<typeof operatorRevocation>;
