export function policySchema(): unknown {
  return {};
}
