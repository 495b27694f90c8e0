// The shapes of the announcement of control planes in the API; as schemas.ts for the rest.

import { z } from 'zod';

const count = z.number().int().nonnegative();

const announced = z
  .object({
    addresses: z.array(z.string()).readonly().describe('HOST:PORT, in the order in which hosts try them'),
    at: z.string().describe('ISO 8601, UTC'),
    by: z.string().describe('whose word it is'),
  })
  .describe('absent where nothing is announced');

const hostState = z
  .enum(['moved', 'left', 'not-yet', 'too-old', 'away'])
  .describe(
    '`moved`: its stream here comes by an announced address. `left`: its last word was that it goes there. `not-yet`: it stays, see `problem`. `too-old`: its agent takes no announcement. `away`: not connected, and was not told or stayed',
  );

const standing = {
  announced: announced.optional(),
  counts: z.record(hostState, count),
  hosts: z
    .array(z.object({ host: z.string(), state: hostState, problem: z.string().describe('why not yet, or empty') }))
    .readonly()
    .describe('in order of names; none where nothing is announced'),
};

export const controlPlanesStanding = z.object(standing);
export const announceRequest = z.object({
  addresses: z
    .string()
    .max(4096)
    .describe('HOST:PORT, up to seven, separated by commas, in the order in which hosts try them'),
});
export const withdrawalAnswer = z.object({ withdrawn: announced, ...standing });

export type ControlPlanesAnswer = z.infer<typeof controlPlanesStanding>;
export type WithdrawalAnswer = z.infer<typeof withdrawalAnswer>;
