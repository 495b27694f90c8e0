// What observed flows say of policy: what a draft would change, and which rules a segment lacks. Both change nothing, and are judged on a
// thread of their own.

import type { ServerResponse } from 'node:http';
import type { Judging } from '#control-plane/judging/judging.ts';
import type { AnswerJob } from '#control-plane/judging/judging-protocol.ts';
import {
  type PlanAnswer,
  planAnswer,
  planRequest,
  type SuggestAnswer,
  suggestAnswer,
  suggestRequest,
} from '../answers/schemas.ts';
import type { Api } from './app.ts';
import type { Operator } from './authentication.ts';
import { whenGone } from './hanging-up.ts';

export function planRoutes(app: Api, judging: Pick<Judging, 'ask'>): void {
  const answer = (job: AnswerJob, { name, ended }: Operator, raw: ServerResponse) =>
    judging.ask(job, { operator: name, gone: whenGone(raw, ended) });

  app.post(
    '/api/v1/policy/plan',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'What activating a policy would change for each workload, and for the flows that were observed',
        tags: ['policy'],
        body: planRequest,
        response: { 200: planAnswer },
      },
    },
    async ({ body, operator }, reply) => {
      const json = await answer({ kind: 'plan', ...body }, operator, reply.raw);
      // As bytes it is sent as it is: to check and write it again would hold up the agents.
      return reply.type('application/json').send(json as unknown as PlanAnswer);
    },
  );

  app.post(
    '/api/v1/suggestions',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Rules for a segment of the active policy, made of observed flows',
        tags: ['policy'],
        body: suggestRequest,
        response: { 200: suggestAnswer },
      },
    },
    async ({ body, operator }, reply) => {
      const json = await answer({ kind: 'suggest', ...body }, operator, reply.raw);
      return reply.type('application/json').send(json as unknown as SuggestAnswer);
    },
  );
}
