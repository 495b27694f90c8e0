// The published structure of SARIF 2.1.0, as far as `policy check` uses it: for each object the properties the schema knows, those it
// requires, their types, enumerations and least values; nothing else is allowed, as in the schema itself. Beside it what the
// standard's prose says and a schema cannot.

interface ObjectShape {
  readonly required: readonly string[];
  readonly properties: Readonly<Record<string, Check>>;
}

type Check = (value: unknown, at: string) => readonly string[];

const text: Check = (value, at) => (typeof value === 'string' && value !== '' ? [] : [`${at}: no text`]);

function oneOf(...words: readonly string[]): Check {
  return (value, at) =>
    words.some((word) => word === value) ? [] : [`${at}: ${JSON.stringify(value)} is none of ${words.join(', ')}`];
}

function integer(least: number): Check {
  return (value, at) =>
    Number.isInteger(value) && Number(value) >= least ? [] : [`${at}: no integer of at least ${least}`];
}

function matching(pattern: RegExp): Check {
  return (value, at) =>
    typeof value === 'string' && pattern.test(value) ? [] : [`${at}: ${JSON.stringify(value)} is not as ${pattern}`];
}

function listOf(check: Check): Check {
  return (value, at) =>
    Array.isArray(value) ? value.flatMap((item, index) => check(item, `${at}[${index}]`)) : [`${at}: no list`];
}

function mapOf(check: Check): Check {
  return (value, at) =>
    isObject(value)
      ? Object.entries(value).flatMap(([key, inner]) => check(inner, `${at}.${key}`))
      : [`${at}: no object`];
}

function object({ required, properties }: ObjectShape): Check {
  return (value, at) => {
    if (!isObject(value)) return [`${at}: no object`];
    return [
      ...required.filter((key) => !(key in value)).map((key) => `${at}: no ${key}`),
      ...Object.entries(value).flatMap(([key, inner]) => {
        const check = Object.hasOwn(properties, key) ? properties[key] : undefined;
        return check === undefined ? [`${at}: ${key} does not belong here`] : check(inner, `${at}.${key}`);
      }),
    ];
  };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const level = oneOf('none', 'note', 'warning', 'error');
const absoluteUri = matching(/^[a-z][a-z0-9+.-]*:[^\s"<>\\^`{|}]*$/i);
/** A URI reference of RFC 3986: no white space, no character that must be escaped, every % with two digits. */
const uriReference = matching(/^(?:[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+$/);
const multiformat = object({ required: ['text'], properties: { text, markdown: text } });
const message = object({ required: ['text'], properties: { text, markdown: text, id: text, arguments: listOf(text) } });
const artifactLocation = object({
  required: [],
  properties: { uri: uriReference, uriBaseId: text, index: integer(-1), description: message },
});
const region = object({
  required: [],
  properties: { startLine: integer(1), startColumn: integer(1), endLine: integer(1), endColumn: integer(1) },
});
const physicalLocation = object({ required: ['artifactLocation'], properties: { artifactLocation, region } });
const reportingDescriptor = object({
  required: ['id'],
  properties: {
    id: text,
    name: text,
    shortDescription: multiformat,
    fullDescription: multiformat,
    help: multiformat,
    helpUri: absoluteUri,
    defaultConfiguration: object({ required: [], properties: { level } }),
  },
});
const result = object({
  required: ['message'],
  properties: {
    ruleId: text,
    ruleIndex: integer(-1),
    kind: oneOf('notApplicable', 'pass', 'fail', 'review', 'open', 'informational'),
    level,
    message,
    locations: listOf(object({ required: [], properties: { physicalLocation, message } })),
    partialFingerprints: mapOf(text),
    fingerprints: mapOf(text),
  },
});
const run = object({
  required: ['tool'],
  properties: {
    tool: object({
      required: ['driver'],
      properties: {
        driver: object({
          required: ['name'],
          properties: {
            name: text,
            version: text,
            semanticVersion: text,
            informationUri: absoluteUri,
            rules: listOf(reportingDescriptor),
          },
        }),
      },
    }),
    originalUriBaseIds: mapOf(artifactLocation),
    columnKind: oneOf('utf16CodeUnits', 'unicodeCodePoints'),
    results: listOf(result),
  },
});
const log = object({
  required: ['version', 'runs'],
  properties: { $schema: absoluteUri, version: oneOf('2.1.0'), runs: listOf(run) },
});

/** Everything that is wrong with a log; empty where it is one. */
export function sarifFaults(value: unknown): readonly string[] {
  const faults = log(value, 'log');
  return faults.length > 0 ? faults : (value as Log).runs.flatMap(proseFaults);
}

interface Log {
  readonly runs: readonly Run[];
}

interface Run {
  readonly tool: { readonly driver: { readonly rules?: readonly Descriptor[] } };
  readonly originalUriBaseIds?: Readonly<Record<string, unknown>>;
  readonly results?: readonly Result[];
}

interface Descriptor {
  readonly id: string;
}

interface Result {
  readonly ruleId?: string;
  readonly ruleIndex?: number;
  readonly kind?: string;
  readonly level?: string;
  readonly locations?: readonly { readonly physicalLocation?: { readonly artifactLocation: Artifact } }[];
}

interface Artifact {
  readonly uri?: string;
  readonly uriBaseId?: string;
}

/** Rules once each, and the rule that each result names by both its index and its id; a level only where the kind is fail; URIs. */
function proseFaults({ tool, originalUriBaseIds = {}, results = [] }: Run): readonly string[] {
  const { rules = [] } = tool.driver;
  const faults = new Set(rules.map(({ id }) => id)).size === rules.length ? [] : ['a rule stands twice'];
  for (const [at, one] of results.entries()) {
    if (rules[one.ruleIndex ?? -1]?.id !== one.ruleId)
      faults.push(`results[${at}]: ruleIndex is not that of ${one.ruleId}`);
    if ((one.kind ?? 'fail') !== 'fail' && (one.level ?? 'none') !== 'none')
      faults.push(`results[${at}]: a level with kind ${one.kind}`);
    for (const { physicalLocation: place } of one.locations ?? []) {
      faults.push(
        ...uriFaults(place?.artifactLocation ?? {}, originalUriBaseIds).map((fault) => `results[${at}]: ${fault}`),
      );
    }
  }
  return faults;
}

function uriFaults({ uri, uriBaseId }: Artifact, bases: Readonly<Record<string, unknown>>): readonly string[] {
  if (uri === undefined) return ['no uri'];
  const isAbsolute = /^[A-Za-z][A-Za-z0-9+.-]*:/.test(uri);
  if (isAbsolute) return uriBaseId === undefined ? [] : ['an absolute uri with a uriBaseId'];
  if (uriBaseId === undefined || !Object.hasOwn(bases, uriBaseId))
    return ['a relative uri without a uriBaseId of the run'];
  if (uri.startsWith('/')) return ['a relative uri that begins with a slash'];
  return uri.split('/').includes('..') ? ['a relative uri that leaves its base'] : [];
}
