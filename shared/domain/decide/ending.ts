/** How an attempt ends: what is reported of it, what is read for that, and what its last state is. */
import { computeUsage } from '../compute-cost.ts'
import { questionsOf } from '../questions.ts'
import { never } from '../result.ts'
import { timestamp } from '../time.ts'
import { addUsage, no_usage, type ModelUsage, type Usage } from '../usage.ts'
import type { Approval } from '../approval.ts'
import type { Command } from '../command.ts'
import type { Input } from '../input.ts'
import type { Instance } from '../instance.ts'
import type { EndedAttempt, Failure, LiveAttempt, Outcome, Run } from '../run.ts'
import type { SavedBytes, Session } from '../session.ts'
import type { TaskIn } from '../task.ts'
import type { Parking } from './park.ts'

/** How an attempt ended, as somebody reports it. */
export interface Ending {
  readonly attempt_no: number
  readonly outcome: Outcome
  readonly exit_code?: number | undefined
  readonly error?: Failure | undefined
  readonly result?: string | undefined
  readonly usage?: ModelUsage | undefined
  readonly saved?: SavedBytes | undefined
  /** The turn that ended with this, or in which the attempt ended; absent where the runner counts none. */
  readonly turn?: number | undefined
  /** With outcome `ok`: the run is not over, it waits for this (decide/park.ts). */
  readonly parks?: Parking | undefined
  /** The runner is there, and hears that it has to go on. */
  readonly hears?: boolean
  /** The runner did not say so itself: it was lost. */
  readonly lost?: boolean
  /** Compute itself has said that the sandbox is gone. */
  readonly confirmed?: boolean
}
/** All that is read to end an attempt. */
export interface EndingState {
  readonly task: TaskIn<'running' | 'waiting'>
  readonly run: Run
  readonly command: Command
  readonly instance: Instance
  readonly session: Session | undefined
  /** Those that are pending in the run. */
  readonly inputs?: readonly Input[]
  /** Those that are open in the run. */
  readonly approvals?: readonly Approval[]
  /** How long a parked run waits for an input. */
  readonly parked_ms_max?: number
}

/** It parked with a question that nobody was asked: there would never be an answer. */
const question_unknown: Failure = { code: 'question_unknown', message: 'the attempt waits for an answer, but has asked nothing', retryable: true }

/** What an order to stop makes of the runner's own word: cancel wins over everything that had not finished (SPEC §5). */
const settledOutcome = (run: Run, attempt: LiveAttempt, ending: Ending): Pick<Ending, 'outcome' | 'error'> => {
  const lost_question = ending.parks === 'question' && questionsOf(run).length === 0
  if (attempt.status !== 'stopping') return lost_question ? { outcome: 'error', error: question_unknown } : ending
  switch (attempt.stop_reason) {
    case 'cancel':
      return { outcome: 'cancelled' }
    case 'timeout':
      return { outcome: 'timeout', error: ending.error ?? { code: 'timeout', message: 'the attempt reached its timeout', retryable: true } }
    case 'budget':
      return { outcome: 'error', error: { code: 'budget_exceeded', message: 'the run reached its budget', retryable: false } }
    default:
      return never(attempt.stop_reason)
  }
}

/** The attempt once it has ended. */
export const endedAttempt = (state: EndingState, attempt: LiveAttempt, ending: Ending, now_ms: number): EndedAttempt => {
  const { outcome, error } = settledOutcome(state.run, attempt, ending)
  const started_at = attempt.status === 'pending' ? undefined : attempt.started_at
  const reported: Usage = ending.usage === undefined ? (state.run.live_usage ?? no_usage) : { ...no_usage, ...ending.usage }
  return {
    status: outcome,
    id: attempt.id,
    attempt_no: attempt.attempt_no,
    strategy: attempt.strategy,
    fencing_token: attempt.fencing_token,
    admitted_at: attempt.admitted_at,
    ...(started_at === undefined ? {} : { started_at }),
    ...(attempt.execution_id === undefined ? {} : { execution_id: attempt.execution_id }),
    ended_at: timestamp(now_ms),
    ...(attempt.status === 'pending' || attempt.token_hash === undefined ? {} : { token_hash: attempt.token_hash }),
    ...(ending.lost === true ? { lost: true } : {}),
    ...(attempt.status === 'stopping' && attempt.killed === true ? { killed: ending.confirmed === true ? 'confirmed' : 'unconfirmed' } : {}),
    ...(ending.exit_code === undefined ? {} : { exit_code: ending.exit_code }),
    ...(error === undefined || outcome === 'ok' || outcome === 'cancelled' ? {} : { error }),
    usage: addUsage(reported, computeUsage(started_at, now_ms, state.command.params.policy.resources)),
  }
}
