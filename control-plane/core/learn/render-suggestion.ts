// A suggestion as the text of the whole Segment document, ready to stand in the policy directory in place of the old one: what was
// there is kept, suggested rules follow with their evidence above them, and what is not proposed is listed at the top.

import { Document, isMap, isScalar, isSeq, parseAllDocuments, visit, YAMLSeq } from 'yaml';
import { addressFromValue, isGroup } from '#model/address.ts';
import { countText } from '#model/counts.ts';
import { serviceText } from '#model/service.ts';
import type { Millis } from '#model/time.ts';
import type { Peer } from '#policy/policy/policy.ts';
import { ruleDocument, segmentDocument } from '#policy/policy/render-segment.ts';
import { remoteEndText } from './flow-evidence.ts';
import { serviceOfFlow } from './observed-flow.ts';
import type { LeftFlow, LeftReason } from './observed-pairs.ts';
import type { OneSidedPair, SuggestedRule, Suggestion } from './suggest.ts';

/** More lines than this of what is not proposed are counted, not listed. */
const mostListed = 100;

/** Of a rule's evidence. */
const mostReporters = 10;
const mostOneSided = 10;

/** Short lists read best on one line. */
const flowKeys: ReadonlySet<string> = new Set([
  'from',
  'to',
  'services',
  'selective',
  'each',
  'days',
  'except',
  'onDeny',
  'metadata',
]);

const leftTexts: Readonly<Record<LeftReason, string>> = {
  outside: 'the peer is no known workload',
  excluded: 'excluded',
  denied: 'it was denied',
  guardrail: 'a guardrail denies it',
  quarantine: 'the workload is quarantined',
  inexpressible: 'no service term matches it alone',
};

/**
 * `source` is the text of the file that holds the segment's document, if there is one: its comments, names of Services and layout
 * are then kept. Without it (or if the document is not in it) the text is written anew from the checked segment.
 */
export function renderSuggestion({
  suggestion,
  source,
}: {
  readonly suggestion: Suggestion;
  readonly source?: string;
}): string {
  const document =
    (source === undefined ? undefined : findDocument(source, suggestion.segment.name)) ?? fresh(suggestion);
  const rules = rulesOf(document);
  for (const rule of suggestion.rules) {
    const node = document.createNode(ruleDocument(rule));
    setFlow(node);
    node.commentBefore = [evidenceText(rule), ...askedTexts(rule), ...sidesTexts(rule)].map(comment).join('\n');
    rules.add(node);
  }
  const notes = notesOf(suggestion).map(comment);
  const kept = withoutNotes(document.commentBefore ?? '');
  const lines = [...(kept === '' ? [] : [kept]), ...notes];
  document.commentBefore = lines.length === 0 ? null : lines.join('\n');
  // A document cut out of a file of several starts with its marker; on its own it needs none.
  document.directives = undefined;
  return document.toString({ lineWidth: 0, singleQuote: true, flowCollectionPadding: true });
}

/** "214 connections, distinct peers: 2 clients, 3 servers; first seen …, last seen …" */
export function evidenceText({
  connections,
  clients,
  servers,
  firstSeenAt,
  lastSeenAt,
}: Pick<SuggestedRule, 'connections' | 'clients' | 'servers' | 'firstSeenAt' | 'lastSeenAt'>): string {
  const seen = `first seen ${instantText(firstSeenAt)}, last seen ${instantText(lastSeenAt)}`;
  return `${count(connections, 'connection')}, distinct peers: ${count(clients, 'client')}, ${count(servers, 'server')}; ${seen}`;
}

/** A rule for the port that is asked for opens the client's end, one for the port where it ends the server's. */
function askedTexts({ asked }: SuggestedRule): readonly string[] {
  const shown = asked.slice(0, mostReporters).map(({ service, askedFor }) => `${service} was asked for as ${askedFor}`);
  const more = asked.length - shown.length;
  return more === 0 ? shown : [...shown, `and ${more} more ports were asked for as others`];
}

/** Who says so, and what of it one end alone says: that is marked, for it rests on one host's word. */
function sidesTexts({ ends, reporters, oneSided, to }: SuggestedRule): readonly string[] {
  const by = `reported by ${listed(reporters, mostReporters)}`;
  if (ends === undefined && to.every(isGroupPeer))
    return [`${by}; the other end is a group, and who listens to it tells nothing`];
  if (ends === undefined) return [`${by}; the other end is no managed host`];
  if (ends === 'both') return [`${by}; both ends saw it`];
  const shown = oneSided.slice(0, mostOneSided).map(oneSidedText);
  const more = oneSided.length - shown.length;
  return [
    `${by}; ONE END ONLY saw ${ends === 'one' ? 'all of it' : count(oneSided.length, 'pair')}:`,
    ...shown.map((text) => `  ${text}`),
    ...(more === 0 ? [] : [`  … and ${more} more`]),
  ];
}

function isGroupPeer(peer: Peer): boolean {
  return peer.kind === 'ranges' && peer.ranges.every(({ family, first }) => isGroup(addressFromValue(family, first)));
}

/** "web-1 to api-1 tcp/8080: seen by the client; api-1 reports flows, and not this one". */
function oneSidedText({ client, server, service, seenBy, ...remote }: OneSidedPair): string {
  return `${client} to ${server} ${service}: seen by the ${seenBy}; ${remoteEndText(remote)}`;
}

function listed(names: readonly string[], most: number): string {
  const more = names.length - most;
  return `${names.slice(0, most).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function instantText(at: Millis): string {
  return new Date(at).toISOString().replace('.000Z', 'Z');
}

const notesTitle = 'Seen, and no rule is proposed for it:';

/** What an earlier suggestion listed goes: its title, and the indented lines under it. */
function withoutNotes(comments: string): string {
  const kept: string[] = [];
  let isListed = false;
  for (const line of comments.split('\n')) {
    isListed = line === comment(notesTitle) || (isListed && line.startsWith(comment('  ')));
    if (!isListed) kept.push(line);
  }
  return kept.join('\n');
}

function notesOf({ left, unsaid }: Suggestion): readonly string[] {
  const lines = [
    ...new Set(left.map(leftText)),
    ...unsaid.map(({ client, server, service }) => `${client} to ${server} ${service}: no rule allows exactly this`),
  ];
  const listed = lines.slice(0, mostListed);
  const more = lines.length - listed.length;
  return [
    ...(lines.length === 0 ? [] : [notesTitle]),
    ...listed.map((line) => `  ${line}`),
    ...(more === 0 ? [] : [`  … and ${more} more`]),
  ];
}

function leftText({ flow, why }: LeftFlow): string {
  const { workload, direction, peer, connections } = flow;
  const way = direction === 'inbound' ? `${peer} to ${workload}` : `${workload} to ${peer}`;
  return `${way} ${serviceText(serviceOfFlow(flow))} (${count(connections, 'connection')}, seen ${direction}): ${leftTexts[why]}`;
}

function count(number: number, noun: string): string {
  return `${countText(number)} ${noun}${number === 1 ? '' : 's'}`;
}

function comment(text: string): string {
  return ` ${text}`;
}

function fresh({ segment }: Suggestion): Document {
  const document = new Document(segmentDocument(segment));
  if (document.contents !== null) setFlow(document.contents);
  return document;
}

function findDocument(source: string, segment: string): Document | undefined {
  const documents = parseAllDocuments(source);
  if (!Array.isArray(documents)) return undefined;
  return documents.find(
    (document) =>
      document.errors.length === 0 &&
      document.get('kind') === 'Segment' &&
      document.getIn(['metadata', 'name']) === segment,
  );
}

function rulesOf(document: Document): YAMLSeq {
  const found = document.getIn(['spec', 'rules']);
  if (isSeq(found)) {
    // An empty list is written [], and rules never fit on its line.
    found.flow = false;
    return found;
  }
  const made = new YAMLSeq();
  document.setIn(['spec', 'rules'], made);
  return made;
}

function setFlow(node: Parameters<typeof visit>[0]): void {
  visit(node, {
    Pair(_, { key, value }) {
      if (isScalar(key) && flowKeys.has(String(key.value)) && (isSeq(value) || isMap(value))) value.flow = true;
    },
  });
}
