// A workload as its own document has it, and that document, while workloads are checked against each other.

import type { EnvelopedDocument } from './collect-documents.ts';
import type { WorkloadDraft } from './workload.ts';

export interface DraftDocument {
  readonly draft: WorkloadDraft;
  readonly document: EnvelopedDocument;
}
