// Everything the store can be asked, in one record: the worker runs these, and the store's type is made from theirs. Each runs
// in a transaction (or a savepoint of one) of its own and leaves nothing behind when it throws.

import { saveAddressStandings, setHostRanges } from './address-holders.ts';
import { readAnnouncement, saveAnnouncement } from './announcement.ts';
import { appendAudit, listAudit } from './audit.ts';
import { beginAuditLineage, listAuditCheckpoints, readAuditHead, saveAuditCheckpoint } from './audit-checkpoints.ts';
import { dropPrunedAudit, pruneAudit, resignAuditBase } from './audit-pruning.ts';
import { countFlowRows, pruneFlows, pruneHostFlows } from './flow-pruning.ts';
import { countBadFlows, countDecisions, ingestFlows, listFlowLosses, listFlows, listObserved } from './flows.ts';
import { takeHostEvents } from './host-events.ts';
import {
  changeLabels,
  changeQuarantine,
  loadFleet,
  recordCertificate,
  removeHost,
  revokeCertificates,
  setRevision,
  updateHost,
  useCertificate,
} from './hosts.ts';
import { beginHold, beginLineage, endHold, readLineage } from './lineage.ts';
import {
  createOperatorToken,
  listOperatorTokens,
  revokeOperatorTokens,
  rotateOperatorToken,
  touchOperatorToken,
} from './operator-tokens.ts';
import { readOwnKeys, saveOwnKeys } from './own-keys.ts';
import {
  activatePolicy,
  deleteDraft,
  hasPolicy,
  listActivations,
  listDrafts,
  readPolicy,
  saveDraft,
  savePolicy,
} from './policies.ts';
import { recoverRevision } from './revision-recovery.ts';
import { beginRun, listRuns } from './runs.ts';
import { createJoinToken, isJoinTokenKept, listJoinTokens, revokeJoinToken, spendJoinToken } from './tokens.ts';
import { renameDiscovered } from './workload-names.ts';

export const operations = {
  activatePolicy,
  appendAudit,
  beginAuditLineage,
  beginHold,
  beginLineage,
  beginRun,
  changeLabels,
  changeQuarantine,
  countBadFlows,
  countDecisions,
  createJoinToken,
  createOperatorToken,
  deleteDraft,
  hasPolicy,
  dropPrunedAudit,
  endHold,
  ingestFlows,
  isJoinTokenKept,
  listActivations,
  listAudit,
  listAuditCheckpoints,
  listDrafts,
  listFlowLosses,
  listFlows,
  listObserved,
  listJoinTokens,
  listOperatorTokens,
  listRuns,
  loadFleet,
  pruneAudit,
  countFlowRows,
  pruneFlows,
  pruneHostFlows,
  readAnnouncement,
  readAuditHead,
  readLineage,
  readOwnKeys,
  readPolicy,
  recordCertificate,
  recoverRevision,
  removeHost,
  renameDiscovered,
  resignAuditBase,
  revokeCertificates,
  revokeJoinToken,
  revokeOperatorTokens,
  rotateOperatorToken,
  saveAddressStandings,
  saveAnnouncement,
  saveAuditCheckpoint,
  saveDraft,
  saveOwnKeys,
  savePolicy,
  setHostRanges,
  setRevision,
  spendJoinToken,
  takeHostEvents,
  touchOperatorToken,
  updateHost,
  useCertificate,
};

export type Operations = typeof operations;
export type OperationName = keyof Operations;
