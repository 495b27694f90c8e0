// What a store operation is written against: kysely inside one transaction, on whichever engine.

import type { Kysely } from 'kysely';
import type { Tables } from './schema.ts';

export type Transaction = Kysely<Tables>;
