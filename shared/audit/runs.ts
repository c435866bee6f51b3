/** A run with its events and earlier attempts. */
import { isLive, type AttemptRecord, type Run } from '../domain/run.ts'
import { run_moves } from '../domain/transitions.ts'
import { foundIf, type Finding } from './finding.ts'
import type { RunEvent } from '../domain/event.ts'

/** Its last attempt died while it only waited for an input; the run was over when none came. */
const wasParked = (run: Run): boolean => (run.tries_from ?? 1) > run.attempt.attempt_no

const attemptFits = (run: Run): boolean => {
  const { attempt } = run
  if (run.status === 'accepted') return attempt.status === 'pending' || !isLive(attempt) || (attempt.status === 'stopping' && attempt.started_at === undefined)
  if (run.status === 'running') return attempt.status === 'running' || (attempt.status === 'stopping' && attempt.started_at !== undefined)
  return !isLive(attempt) && (attempt.status === run.status || run.status === 'cancelled' || run.status === 'error' || (run.status === 'ok' && wasParked(run)))
}

/** A run alone. */
export const runFindings = (run: Run): readonly Finding[] =>
  foundIf(!attemptFits(run), 'states_disagree', run, () => `${run.id} is ${run.status}, its attempt ${run.attempt.status}`)

const statusesOf = (events: readonly RunEvent[]): readonly Run['status'][] => [
  'accepted',
  ...events.flatMap(({ snapshot }) => (snapshot === undefined ? [] : [snapshot.status])),
]

const isLegal = (statuses: readonly Run['status'][]): boolean =>
  statuses.every((status, index) => {
    const before = statuses[index - 1]
    return before === undefined || before === status || run_moves[before].includes(status)
  })

/** @param events all of the run's, in order; the first is the run's creation and has no record */
export const eventFindings = (run: Run, events: readonly RunEvent[]): readonly Finding[] => {
  const gapless = events.length === run.event_seq - 1 && events.every((event, index) => event.seq === index + 2)
  const statuses = statusesOf(events)
  const cancelled = events.findIndex((event) => event.event_type === 'cancel_requested' && event.payload['reason'] === 'cancel')
  const after = cancelled === -1 ? [] : events.slice(cancelled + 1)
  const wrong = after.find((event) => event.event_type === 'started' || event.event_type === 'retry_scheduled')
  return [
    ...foundIf(!gapless, 'events_gap', run, () => `${run.id} is at event ${run.event_seq}, and has ${events.map((event) => event.seq).join(', ') || 'none'}`),
    ...foundIf(
      gapless && (statuses.at(-1) !== run.status || !isLegal(statuses)),
      'events_disagree',
      run,
      () => `${run.id} is ${run.status}, its events say ${statuses.join(', ')}`,
    ),
    ...foundIf(wrong !== undefined, 'started_after_cancel', run, () => `${run.id} was cancelled, and then came ${wrong?.event_type} as event ${wrong?.seq}`),
  ]
}

/** @param earlier the records of the run's ended attempts, in order */
export const attemptFindings = (run: Run, earlier: readonly AttemptRecord[]): readonly Finding[] => {
  const attempts = [...earlier.map(({ attempt }) => attempt), run.attempt]
  const numbered = attempts.length === run.attempt.attempt_no && attempts.every((attempt, index) => attempt.attempt_no === index + 1)
  const growing = attempts.every((attempt, index) => attempt.fencing_token > (attempts[index - 1]?.fencing_token ?? 0))
  const over = earlier.every(({ attempt }) => !isLive(attempt))
  return [
    ...foundIf(!numbered || !over, 'attempt_history', run, () => {
      const told = attempts.map((attempt) => `${attempt.attempt_no} ${attempt.status}`).join(', ')
      return `${run.id} is at attempt ${run.attempt.attempt_no}, and has ${told}`
    }),
    ...foundIf(!growing, 'token_not_greater', run, () => `the tokens of ${run.id} are ${attempts.map((attempt) => attempt.fencing_token).join(', ')}`),
  ]
}
