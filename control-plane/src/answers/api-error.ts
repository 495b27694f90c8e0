// Every way in which the operator API says no: a code that programs match on, a sentence for people, and the HTTP status. The codes
// are listed in docs/reference/api.md, and a test holds the two lists together.

export const apiErrorStatuses = {
  'bad-request': 400,
  unauthorised: 401,
  'not-found': 404,
  misdirected: 421,
  'too-many-failures': 429,
  'too-large': 413,
  'policy-invalid': 422,
  'policy-tests-failed': 422,
  'policy-empty': 409,
  'nothing-to-roll-back': 409,
  held: 409,
  'not-held': 409,
  'not-rotating': 409,
  'not-moved': 409,
  'revision-changed': 409,
  overtaken: 409,
  'canary-running': 409,
  'canary-empty': 409,
  'drafts-full': 409,
  'draft-kept': 409,
  'nobody-connected': 409,
  'operator-exists': 409,
  'operator-last': 409,
  'checkpoint-unknown': 409,
  'audit-too-young': 409,
  'addresses-invalid': 422,
  'control-planes-invalid': 422,
  'nothing-announced': 409,
  'peer-invalid': 422,
  'label-invalid': 422,
  'not-ready': 503,
  busy: 503,
  'judging-timeout': 503,
  'judging-memory': 503,
  'store-unwritable': 503,
  internal: 500,
} as const;

export type ApiErrorCode = keyof typeof apiErrorStatuses;

/** Thrown by handlers, answered as `{"error":{"code","message",…details}}`. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ApiErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ApiErrorCode, message: string, details: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.code = code;
    this.details = details;
  }

  get status(): number {
    return apiErrorStatuses[this.code];
  }
}
