// The page of docs/reference with every number at /metrics, and the sample alert rules.

import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { type MetricRow, metricRows } from '#control-plane/api/metric-catalogue.ts';

export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string };
}

const path = new URL('../../packaging/monitoring/segwall-alerts.yaml', import.meta.url);
const { groups } = parse(readFileSync(path, 'utf8')) as { readonly groups: readonly { rules: AlertRule[] }[] };

export const sampleAlerts: readonly AlertRule[] = groups.flatMap(({ rules }) => rules);

/** The sample alert rules that ask for it. */
export function alertsOn({ name }: Pick<MetricRow, 'name'>): readonly string[] {
  return sampleAlerts
    .filter(({ expr }) => new RegExp(`\\b${name}(_bucket|_sum|_count)?\\b`).test(expr))
    .map(({ alert }) => alert);
}

const head = `# Metrics

\`GET /metrics\` at the API address, for Prometheus: counts and times, no names of hosts or segments, no token; counted
once a second for all who ask. This page is made from control-plane/src/api/metric-catalogue.ts, from which the
numbers themselves are made too, and a test holds it to what a control plane serves. The alerts are those of the
[sample rules](../../packaging/monitoring/segwall-alerts.yaml), which name no other number; how to use them:
[operating](../guides/operating.md).

Beside these the process itself is counted (\`segwall_process_…\`, \`segwall_nodejs_…\`), as Prometheus's client library
does it.

| metric | type | labels | means | sample alert, or why none |
| --- | --- | --- | --- | --- |
`;

export function metricsPage(): string {
  return head + metricRows.map(rowOf).join('');
}

function rowOf(row: MetricRow): string {
  const labels = row.labels.map(({ name, says }) => `\`${name}\`: ${says}`).join('; ');
  const alerts = row.noAlert ?? alertsOn(row).join(', ');
  return `| \`${row.name}\` | ${row.type} | ${labels} | ${row.help} | ${alerts} |\n`;
}
