// Long listings come in pages of at most `limit` entries. While there is more, a Link header (RFC 8288, rel="next") leads to the next page,
// by a cursor that says after which entry it begins: what comes or goes meanwhile moves no other entry to another page.

import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { ApiError } from './api-error.ts';

/** What is made of them takes the serving thread some milliseconds. */
export const mostOnPage = 1000;

export const pageFields = {
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(mostOnPage)
    .default(mostOnPage)
    .describe('the most entries of a page; while there is more, a Link header with rel="next" leads to the next page'),
  cursor: z
    .string()
    .max(1024)
    .optional()
    .describe('where the page begins, as the Link header of the one before has it'),
};

export const pageQuery = z.object(pageFields);

/** `listing` tells the cursors of one listing from those of another; `place` is the shape of what is in it. */
export interface Paged<Place> {
  readonly listing: string;
  readonly place: z.ZodType<Place>;
}

/** In the order of names. */
export const byName = (listing: string): Paged<string> => ({ listing, place: z.string().max(512) });

/** Throws an ApiError for what no page of this listing gave. */
export function placeOf<Place>({ listing, place }: Paged<Place>, cursor: string | undefined): Place | undefined {
  if (cursor === undefined) return undefined;
  const read = z.tuple([z.literal(listing), place]).safeParse(textOf(cursor));
  if (read.success) return read.data[1];
  throw new ApiError('bad-request', 'cursor: is none of this listing; take it as it is from the Link header of a page');
}

/** Of `limit` entries and one more the first ones are the page, and the one more says that there is another. */
export function pageOf<Entry, Place>(
  entries: readonly Entry[],
  given: {
    readonly paged: Paged<Place>;
    readonly reply: FastifyReply;
    readonly placeAt: (last: Entry) => Place;
  },
): Entry[] {
  const { paged, reply, placeAt } = given;
  const query = reply.request.query as Readonly<Record<string, unknown>> & { readonly limit: number };
  const page = entries.slice(0, query.limit);
  const last = page.at(-1);
  if (last !== undefined && entries.length > page.length) {
    const cursor = Buffer.from(JSON.stringify([paged.listing, placeAt(last)])).toString('base64url');
    const next = new URLSearchParams();
    for (const [key, value] of Object.entries({ ...query, cursor }))
      if (value !== undefined) next.set(key, String(value));
    reply.header('link', `<${reply.request.routeOptions.url}?${next}>; rel="next"`);
  }
  return page;
}

function textOf(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch {
    return undefined;
  }
}
