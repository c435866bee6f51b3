/**
 * Expected failures are values. A refusal has a stable code, a sentence for the one who reads it, and where it fits, the
 * field, the value and the allowed values. `problems` gives each code its HTTP status and title.
 */
export const problems = {
  invalid_json: { status: 400, title: 'The body is not JSON' },
  invalid_request: { status: 400, title: 'The request is not valid' },
  policy_unsupported: { status: 400, title: 'This deployment cannot enforce the policy' },
  sandbox_unavailable: { status: 400, title: 'The sandbox of this machine cannot enforce the policy' },
  runner_unsupported: { status: 400, title: 'This deployment does not offer the runner' },
  provider_unsupported: { status: 400, title: 'This deployment does not offer the provider' },
  size_unavailable: { status: 400, title: 'No sandbox of that size' },
  feature_unsupported: { status: 400, title: 'This deployment does not offer the feature' },
  unauthenticated: { status: 401, title: 'No valid credential' },
  forbidden: { status: 403, title: 'The role does not allow this' },
  not_found: { status: 404, title: 'No such record' },
  route_not_found: { status: 404, title: 'No such route' },
  method_not_allowed: { status: 405, title: 'The route does not have this method' },
  agent_key_taken: { status: 409, title: 'Another agent has this key' },
  session_exists: { status: 409, title: 'The session exists' },
  checkpoint_missing: { status: 409, title: 'The session has saved nothing yet' },
  agent_inactive: { status: 409, title: 'The agent is not active' },
  agent_busy: { status: 409, title: 'The agent has work in line or live' },
  workspace_killed: { status: 409, title: 'The workspace was killed' },
  illegal_state: { status: 409, title: 'The state does not allow this' },
  attempt_superseded: { status: 409, title: 'The attempt is no longer the live one of its run' },
  too_many_inputs: { status: 409, title: 'Too many inputs of the run are pending' },
  too_many_questions: { status: 409, title: 'Too many questions of the run are open' },
  claim_rejected: { status: 409, title: 'The claim was rejected' },
  last_key: { status: 409, title: 'The last key of its kind' },
  draft_unclear: { status: 422, title: 'The words give no schedule' },
  body_too_large: { status: 413, title: 'The body is too large' },
  unsupported_media_type: { status: 415, title: 'The body is not application/json' },
  model_not_configured: { status: 501, title: 'This deployment has no model that could be asked' },
  too_many_conflicts: { status: 503, title: 'Too much happened at once' },
  unavailable: { status: 503, title: 'A part of the plane did not answer' },
  internal: { status: 500, title: 'Something broke' },
} as const satisfies Record<string, { status: number; title: string }>

export type ProblemCode = keyof typeof problems

/** One thing that is wrong with a request: where, what it is, what it may be. */
export interface FieldError {
  /** A path as in `policy.retry.max_attempts`. */
  readonly field: string
  readonly message: string
  readonly value?: unknown
  readonly allowed?: readonly string[]
}

export interface Refusal {
  readonly ok: false
  readonly code: ProblemCode
  readonly detail: string
  readonly errors?: readonly FieldError[]
}
export type Result<T> = { readonly ok: true; readonly value: T } | Refusal

export const ok = <T>(value: T): Result<T> => ({ ok: true, value })
export const refuse = (code: ProblemCode, detail: string, errors?: readonly FieldError[]): Refusal =>
  errors === undefined ? { ok: false, code, detail } : { ok: false, code, detail, errors }

/** For the `default` of a switch over a union: a case that is missing does not compile. */
export const never = (value: never): never => {
  throw new Error(`unreachable: ${JSON.stringify(value)}`)
}
