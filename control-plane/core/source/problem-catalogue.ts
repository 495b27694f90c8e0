// Every code a check can give, with the one sentence that says when. docs/reference/policy-errors.md says the same with
// examples; a test holds the two together.

export type Severity = 'error' | 'warning';

export interface CatalogueEntry {
  readonly severity: Severity;
  readonly title: string;
}

const error = (title: string): CatalogueEntry => ({ severity: 'error', title });
const warning = (title: string): CatalogueEntry => ({ severity: 'warning', title });

export const problemCatalogue = {
  // The file as text.
  'file-too-large': error('The file is larger than a policy or inventory file may be.'),
  'file-unreadable': error('The file could not be read, or is not UTF-8.'),
  'link-leaves-directory': error('A symbolic link points out of the policy directory.'),
  'byte-order-mark': error('The file begins with a byte order mark.'),
  'carriage-return': error('The file has CRLF line ends or a stray carriage return.'),
  'control-character': error('The file holds NUL or another control character.'),
  'yaml-syntax': error('The text is not YAML.'),
  'yaml-alias': error('A YAML alias has no anchor before it, or aliases stand for too much.'),
  'yaml-tag': error('The document uses an explicit YAML tag.'),
  'yaml-directive': error('The document uses a YAML directive other than %YAML 1.2.'),
  'nested-too-deep': error('The document is nested deeper than any policy is.'),
  'duplicate-key': error('One mapping has the same key twice.'),
  'too-many-problems': error('There are more problems than are listed.'),
  // The shape of a document.
  'wrong-type': error('A value has another type than the field takes.'),
  'unknown-key': error('A mapping has a key that does not exist there.'),
  'missing-field': error('A field that must be there is not.'),
  'field-not-allowed': error('A field stands where it has no meaning.'),
  'empty-list': error('A list that may not be empty is.'),
  'bad-value': error('A value is none of the allowed ones.'),
  'unknown-kind': error('The document is of no kind of segwall/v1.'),
  'kind-not-here': error('A document of this kind does not belong in this place.'),
  // Names and references.
  'bad-name': error('A name is not made as names are.'),
  'reserved-name': error('A name is a word of the language.'),
  'duplicate-name': error('Two documents of one kind, or two rules of one segment, have the same name.'),
  'dangling-reference': error('A name refers to nothing.'),
  // Values.
  'bad-label-key': error('A label key is not made as label keys are.'),
  'reserved-label': error('A label is set under the reserved prefix fact/.'),
  'bad-label-value': error('A label value holds what label values may not.'),
  'label-not-string': error('A label value is not a string.'),
  'bad-address': error('A text is no IPv4 or IPv6 address.'),
  'bad-cidr': error('A text is no CIDR, or has host bits beyond its prefix.'),
  'bad-service': error('A text is no service term.'),
  'bad-selector': error('A selector cannot be parsed.'),
  'impossible-label-value': error('A selector asks for a value that no label can hold.'),
  'bad-peer': error('A peer is none of the forms a peer may have.'),
  'bad-domain-name': error('A text is no domain name.'),
  'bad-time': error('A text is no instant or no time of day.'),
  'bad-zone': error('A text is no IANA time zone.'),
  'duplicate-address': error('Two hosts claim one address.'),
  'duplicate-host': error('Two workloads of kind host stand for one host.'),
  'duplicate-entry': error('A list names one thing twice where that has no meaning.'),
  // Sizes.
  'too-many-memberships': error('The selectors match more workloads, all together, than are compiled.'),
  'tests-too-wide': error('The tests are over more connections, all together, than are judged.'),
  // What is allowed but looks wrong.
  'empty-policy': warning('The directory holds no policy document.'),
  'description-split': warning('A description in braces holds a comma and is not in quotes.'),
  'segment-selects-nothing': warning('A segment has no members.'),
  'segment-without-rules': warning('A segment enforces a direction and has no rules.'),
  'selective-without-services': warning('A segment is selective and names no selective services.'),
  'rule-matches-nothing': warning('A rule can match no workload.'),
  'guardrail-matches-nothing': warning('An entry of a guardrail can match no workload.'),
  'rule-any-any': warning('A rule lets anything reach anything.'),
  'rule-broad': warning('A rule is broader than it looks.'),
  'rule-covered': warning('A rule is wholly covered by another of its segment.'),
  'rule-expired': warning('A rule has expired and grants nothing.'),
  'rule-expires-soon': warning('A rule expires within two weeks.'),
  'range-empty': warning('The exceptions of a range leave nothing of it.'),
  'unit-as-remote-peer': warning('A unit is selected as a remote peer, which means its whole host.'),
  'grants-by-fact': warning('Something is granted by a fact, which is the host’s own claim.'),
  'virtual-without-holders': warning('No host may hold the addresses of a virtual workload.'),
  'virtual-apart-from-holder': warning('A virtual workload is in a segment that one of its holders is not in.'),
  'guardrail-contradicts-rule': warning('A guardrail denies what a rule grants.'),
  'test-matches-nothing': warning('An end of a test selects no workload.'),
  'test-not-run': warning('A test of the policy in force finds nothing to try any more.'),
  'test-cannot-fail': warning('A test holds whatever the policy says.'),
  'comparison-stopped': warning('There are so many rules alike that not all of them were compared.'),
  'shared-address': warning('Two workloads of one host have the same address.'),
  'unit-shared': warning('Two workloads of one host stand for the same unit.'),
  'name-yielded': warning('A live unit or container has the name of a workload of the policy, and gives it up.'),
  'name-of-host': warning('A live host has the name of a workload of a policy that was accepted before it came.'),
  'test-names-discovered': warning('A test names a unit or container by the name that its host’s reports made.'),
  'host-ignored': warning('An external workload names a host, which means nothing.'),
} satisfies Record<string, CatalogueEntry>;

export type ProblemCode = keyof typeof problemCatalogue;

export function severityOf(code: ProblemCode): Severity {
  return problemCatalogue[code].severity;
}
