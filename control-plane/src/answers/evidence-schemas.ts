// Who saw a flow, in the shapes of the API.

import { z } from 'zod';
import { remoteEnds } from '#policy/learn/flow-evidence.ts';

export const oneEnd = z.object({
  seenBy: z.enum(['client', 'server']),
  remoteHost: z.string().describe('the host that did not report it'),
  remoteEnd: z
    .enum(remoteEnds)
    .describe(
      'did-not-see: it reported other flows since, and not this one; silent: nothing since; away: nothing since, and its agent is not connected; denied-here: the end that saw it kept it from getting there',
    ),
});

export const evidenceFields = {
  reporters: z.array(z.string()).readonly().describe('the hosts that reported it'),
  ends: z
    .enum(['both', 'one'])
    .optional()
    .describe(
      'between two managed hosts: whether both reported it; what one alone did rests on its word. Absent where the other end is no managed workload, or on the same host',
    ),
  oneEnd: oneEnd.optional(),
};
