// What a PromQL expression of the sample alert rules asks of which metric, and what is wrong with that for the metrics that are served:
// a name that does not exist, a counter's function over a gauge or the other way round, a label or a label's value that no sample has.
// It reads what the rules use (selectors, calls, numbers), and is no parser of all of PromQL.

export interface ServedMetrics {
  /** By name: `counter`, `gauge`, `histogram`, `summary`. */
  readonly types: ReadonlyMap<string, string>;
  /** Values by `METRIC LABEL`. */
  readonly labels: ReadonlyMap<string, ReadonlySet<string>>;
}

interface Use {
  readonly metric: string;
  /** The call that it is the argument of; empty where it is none's. */
  readonly call: string;
  readonly matchers: readonly { readonly label: string; readonly values: readonly string[] }[];
}

/** From Prometheus's text format. */
export function servedMetrics(text: string): ServedMetrics {
  const labels = new Map<string, Set<string>>();
  for (const [, metric = '', inside = ''] of text.matchAll(/^(\w+)\{(.*)\} /gm))
    for (const [, label = '', value = ''] of inside.matchAll(/(\w+)="([^"]*)"/g)) {
      const key = `${metric} ${label}`;
      labels.set(key, (labels.get(key) ?? new Set()).add(value));
    }
  const types = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name = '', type = '']) => [name, type] as const);
  return { types: new Map(types), labels };
}

const ofCounters = new Set(['rate', 'irate', 'increase', 'resets']);

/** In words, none where the expression can hold. `up` is Prometheus's own. */
export function wrongIn(expression: string, { types, labels }: ServedMetrics): readonly string[] {
  return usesOf(expression).flatMap(({ metric, call, matchers }) => {
    if (metric === 'up') return [];
    const type = types.get(metric) ?? (types.has(metric.replace(/_(bucket|sum|count)$/, '')) ? 'counter' : undefined);
    if (type === undefined) return [`${metric} is not served`];
    const isCounter = type === 'counter';
    const wrong: string[] = [];
    if (isCounter && !ofCounters.has(call))
      wrong.push(`${metric} is a counter, and is taken as ${call || 'it stands'}`);
    if (!isCounter && ofCounters.has(call)) wrong.push(`${metric} is a ${type}, and ${call}() is for counters`);
    for (const { label, values } of matchers) {
      const known = labels.get(`${metric} ${label}`);
      if (known === undefined) wrong.push(`${metric} has no label ${label}`);
      else wrong.push(...values.filter((value) => !known.has(value)).map((value) => `${label} is never "${value}"`));
    }
    return wrong;
  });
}

function usesOf(expression: string): readonly Use[] {
  const found: Use[] = [];
  const calls: string[] = [];
  let before = '';
  // What takes labels instead of metrics goes first: `by (code)`.
  const text = expression.replace(/\b(by|without|on|ignoring)\s*\([^)]*\)/g, ' ');
  for (const [token, name, inside = ''] of text.matchAll(
    /([a-zA-Z_:][\w:]*)(?:\{([^}]*)\})?|\[[^\]]*\]|[()]|"[^"]*"|\S/g,
  )) {
    if (token === '(') calls.push(before);
    else if (token === ')') calls.pop();
    else if (name !== undefined && /^(up$|segwall_)/.test(name)) {
      const matchers = [...inside.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"/g)];
      found.push({
        metric: name,
        call: calls.at(-1) ?? '',
        matchers: matchers.map(([, label = '', values = '']) => ({ label, values: values.split('|') })),
      });
    }
    before = name ?? '';
  }
  return found;
}
