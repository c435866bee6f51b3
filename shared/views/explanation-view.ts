import type { ExplanationView } from '../contract/explain.ts'
import type { Constraint } from '../domain/explain.ts'
import { redactText } from '../domain/redact.ts'
import type { Explanation } from '../lists/explain.ts'

/** What an agent or its sandbox said may hold a secret. */
const redactedError = (constraint: Constraint): Constraint =>
  'error' in constraint && constraint.error !== undefined
    ? { ...constraint, error: { ...constraint.error, message: redactText(constraint.error.message) } }
    : constraint

export const explanationView = ({ task, constraint, frees, standing, forked_from }: Explanation): ExplanationView => ({
  task_id: task.id,
  state: task.state,
  constraint: redactedError(constraint),
  frees,
  ...(standing === undefined ? {} : { place: standing }),
  ...(forked_from === undefined ? {} : { forked_from }),
})
