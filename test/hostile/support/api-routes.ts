// The whole operator API, each route with who may call it: what the hostile tests ask, and what the running server is compared with.

/** A route that is not here fails test/contract/api-routes.test.ts: say who may call it. */
const expected: Readonly<Record<string, 'operator' | 'public'>> = {
  'GET /healthz': 'public',
  'GET /readyz': 'public',
  'GET /metrics': 'public',
  'GET /api/v1/openapi.json': 'public',
  'GET /api/v1/status': 'operator',
  'GET /api/v1/protection': 'operator',
  'GET /api/v1/revisions/:revision': 'operator',
  'GET /api/v1/agents': 'operator',
  'POST /api/v1/agents/:name/revoke': 'operator',
  'DELETE /api/v1/agents/:name': 'operator',
  'POST /api/v1/agents/remove-offline': 'operator',
  'PUT /api/v1/agents/:name/addresses': 'operator',
  'GET /api/v1/workloads': 'operator',
  'PATCH /api/v1/workloads/:name/labels': 'operator',
  'PUT /api/v1/workloads/:name/quarantine': 'operator',
  'DELETE /api/v1/workloads/:name/quarantine': 'operator',
  'GET /api/v1/policy': 'operator',
  'GET /api/v1/policy/history': 'operator',
  'POST /api/v1/policy/apply': 'operator',
  'DELETE /api/v1/policy/drafts/:policy': 'operator',
  'GET /api/v1/policy/canary': 'operator',
  'POST /api/v1/policy/plan': 'operator',
  'POST /api/v1/policy/rollback': 'operator',
  'POST /api/v1/suggestions': 'operator',
  'POST /api/v1/labels/check': 'operator',
  'POST /api/v1/resume': 'operator',
  'GET /api/v1/ca': 'operator',
  'POST /api/v1/ca/rotate': 'operator',
  'POST /api/v1/ca/retire': 'operator',
  'GET /api/v1/control-planes': 'operator',
  'PUT /api/v1/control-planes': 'operator',
  'DELETE /api/v1/control-planes': 'operator',
  'GET /api/v1/tokens': 'operator',
  'POST /api/v1/tokens': 'operator',
  'DELETE /api/v1/tokens/:id': 'operator',
  'GET /api/v1/operators': 'operator',
  'POST /api/v1/operators': 'operator',
  'POST /api/v1/operators/:name/rotate': 'operator',
  'DELETE /api/v1/operators/:name': 'operator',
  'GET /api/v1/flows': 'operator',
  'GET /api/v1/coverage': 'operator',
  'GET /api/v1/audit': 'operator',
  'GET /api/v1/audit/log': 'operator',
  'GET /api/v1/audit/checkpoints': 'operator',
  'POST /api/v1/audit/checkpoints': 'operator',
  'POST /api/v1/audit/prune': 'operator',
};

/** HEAD comes with each GET, and with the same access. */
export const expectedRoutes = Object.entries(expected).flatMap(([route, access]): [string, string][] => {
  const head: [string, string][] = route.startsWith('GET ') ? [[route.replace('GET', 'HEAD'), access]] : [];
  return [[route, access], ...head];
});
