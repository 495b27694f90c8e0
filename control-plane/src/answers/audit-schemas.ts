// What the operator API takes and gives about the audit log.

import { z } from 'zod';

const count = z.number().int().nonnegative();

export const auditQuery = z.object({
  after: z.coerce.number().int().nonnegative().default(0),
  limit: z.coerce.number().int().min(1).max(10_000).default(1000),
});

export const auditEntry = z.object({
  seq: count,
  at: z.number().int().describe('milliseconds since 1970, as the hash covers it'),
  actor: z.string(),
  action: z.string(),
  target: z.string(),
  details: z.string().describe('JSON text, as the hash covers it'),
  previousHash: z.string(),
  hash: z.string(),
});

export const auditCheckpoint = z.object({
  log: z
    .string()
    .max(256)
    .describe('the name under which the log goes on: another after the store was put back from an older copy'),
  seq: count,
  hash: z.string().max(256).describe('of entry seq'),
  at: z.number().int().nonnegative().describe('milliseconds since 1970, as the signature covers it'),
  key: z.string().max(256).describe('the public key (Ed25519), hex'),
  signature: z
    .string()
    .max(256)
    .describe('over the JSON array ["segwall-audit-checkpoint-1", log, seq, hash, at], hex'),
});

export const checkpointQuery = z.object({
  from: z.coerce.number().int().nonnegative().default(0),
  limit: z.coerce.number().int().min(1).max(1000).default(1000),
});

export const auditLog = z.object({
  log: auditCheckpoint.shape.log,
  key: auditCheckpoint.shape.key,
  base: auditCheckpoint.optional().describe('entries up to this one were pruned'),
});

export const auditPrune = z.object({ checkpoint: auditCheckpoint });
export const auditPruneAnswer = z.object({
  through: count.describe('the last entry that is dropped'),
  entries: count.describe('how many are dropped by this'),
});

export type AuditEntryView = z.output<typeof auditEntry>;
export type AuditCheckpointView = z.output<typeof auditCheckpoint>;
export type AuditLogView = z.output<typeof auditLog>;
export type AuditPruneAnswer = z.output<typeof auditPruneAnswer>;
