// What the operator's command needs to reach the API over TLS with nothing but a token: the check of the CA by its fingerprint, and
// the name that the control plane's certificate holds whatever address it is reached by.

export { serverNameFor } from '#wire/authority.ts';
export { fetchPinnedCa } from '#wire/pinned-tls.ts';
export { controlPlaneName } from '#wire/services.ts';
