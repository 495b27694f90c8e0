// Which of some addresses this host has an accepted connection with, as conntrack knows it: one list of all connections, so asked
// for only when something is to be taken out.

import { dumpNetfilter } from '#agent/netlink/dump.ts';
import { defaultMarks, type MarkLayout } from '#agent-core/marks/mark-layout.ts';
import { createConntrackDecoder, renderDumpRequest } from '#agent-core/netlink/conntrack-entry.ts';
import type { Table } from '#agent-core/table/table.ts';
import type { Address } from '#model/address.ts';
import { ok, type Result } from '#model/result.ts';

export async function livePeersAmong(
  addresses: ReadonlySet<Address>,
  { marks, stamps }: { readonly marks: MarkLayout; readonly stamps: Table['stamps'] } = {
    marks: defaultMarks,
    stamps: 'written',
  },
): Promise<Result<ReadonlySet<Address>>> {
  const live = new Set<Address>();
  const decoder = createConntrackDecoder();
  const listed = await dumpNetfilter({
    what: 'the list of connections',
    message: renderDumpRequest(1),
    take: (bytes) =>
      decoder.decode(bytes, ({ server, mark }) => {
        // Without an epoch it was denied, or nobody judged it; where none is stamped, it may have been let pass.
        if ((stamps === 'withheld' || marks.epochOf(mark) !== 0) && addresses.has(server)) live.add(server);
      }),
  });
  return listed.ok ? ok(live) : listed;
}
