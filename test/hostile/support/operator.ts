// The operator beside a hostile agent: calls over HTTP with the admin's token, and what is read on every page of theirs.

import type { ApiServer } from './api-server.ts';

export interface OperatorAnswer {
  readonly status: number;
  readonly body: unknown;
}

export interface Operator {
  call(method: string, path: string, body?: unknown): Promise<OperatorAnswer>;
  joinToken(labels: Readonly<Record<string, string>>): Promise<string>;
}

export function operatorOf({ controlPlane, token }: Pick<ApiServer, 'controlPlane' | 'token'>): Operator {
  const call = async (method: string, path: string, body?: unknown): Promise<OperatorAnswer> => {
    const response = await fetch(new URL(path, controlPlane.apiUrl), {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json') === true;
    return { status: response.status, body: isJson ? JSON.parse(text) : text };
  };
  return {
    call,
    async joinToken(labels) {
      const { body, status } = await call('POST', '/api/v1/tokens', { labels, uses: 100 });
      if (status !== 200) throw new Error(`no join token: ${status} ${JSON.stringify(body)}`);
      return (body as { readonly token: string }).token;
    },
  };
}
