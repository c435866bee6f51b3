/**
 * What happens when an attempt ends, however it ends: by its own word, because compute says that its sandbox is gone, because its
 * lease ran out, or because it was told to stop.
 *
 * One commit ends the attempt, frees its place in the class and its session, and either has the run go on in another attempt or ends run and task (after-attempt.ts).
 */
import { decided, type Decision } from '../decision.ts'
import { freedDue } from '../due.ts'
import { runEvent } from '../events.ts'
import { waitingInputs } from '../inputs.ts'
import { asksStill } from '../questions.ts'
import { savedCheckpoint } from '../session.ts'
import { releaseWrites } from '../shared-file.ts'
import { movedRun } from '../transitions.ts'
import { timestamp } from '../time.ts'
import { addUsage, no_usage } from '../usage.ts'
import { afterAttempt, type Next } from './after-attempt.ts'
import { countEnded } from './ceiling.ts'
import { endedAttempt, type Ending, type EndingState } from './ending.ts'
import { failureOf, healthChange, shownBy, type HealthChange, type Shown } from './health.ts'
import { releasedSession, sessionSignal } from './session.ts'
import type { RunEvent } from '../event.ts'
import { isLive, type LiveAttempt, type Run } from '../run.ts'
import { refs } from '../../store/keys.ts'
import type { Write } from '../../store/store.ts'

/**
 * The attempt leaves its class. A failure counts, and the one that degrades the class starts its cool-down; an attempt which was
 * live already when that happened is no probe, so it neither counts nor lengthens it.
 */
const counters = ({ instance }: EndingState, attempt: LiveAttempt, { worked, failed }: Shown, now_ms: number): Write => {
  const failure = failed ? failureOf(instance, worked, now_ms) : undefined
  const cooldown_until = failure?.cooldown_until
  return {
    op: 'add_within_limit',
    ref: refs.instance(instance.workspace_id, instance.class_key),
    change: {
      add: { [attempt.status]: -1, live: -1, ...(failure?.add === 1 && !worked ? { failures: 1 } : {}) },
      set: {
        last_event_at: timestamp(now_ms),
        due_at: cooldown_until ?? freedDue(now_ms),
        ...(cooldown_until === undefined ? {} : { cooldown_until }),
        ...(worked ? { failures: failure?.add ?? 0 } : {}),
      },
      ...(worked && cooldown_until === undefined ? { remove: ['cooldown_until'] } : {}),
    },
    conditions: failure?.conditions ?? [],
  }
}

/** What the attempt saved becomes current with its end. The session is free, or kept for this run: what its saved files ask is still to be answered. */
const sessionMoves = (state: EndingState, after: Run, attempt: LiveAttempt, ending: Ending, now_ms: number): Pick<Next, 'places' | 'signals'> => {
  const { session } = state
  if (session === undefined) return { places: [], signals: [] }
  const kept = asksStill(after) ? after.id : undefined
  const signals = session.waiting && kept === undefined ? [sessionSignal(session)] : []
  if (session.owner?.attempt_id !== attempt.id) return { places: [], signals }
  const checkpoint = savedCheckpoint(session, attempt.fencing_token, ending, now_ms)
  const released = releasedSession(session, checkpoint, now_ms, kept)
  return { places: [{ op: 'replace_if_version', record: released }, ...releaseWrites(session, released, now_ms)], signals }
}

const events = (next: Next, lost: boolean, now_ms: number): { run: Run; writes: readonly Write[] } => {
  const put = (record: RunEvent): Write => ({ op: 'put_if_absent', record })
  const first: Run = { ...next.run, event_seq: next.run.event_seq + 1 }
  if (!lost) return { run: first, writes: [put(runEvent(first, next.event, now_ms, next.payload, true))] }
  const second: Run = { ...first, event_seq: first.event_seq + 1 }
  return {
    run: second,
    writes: [put(runEvent(first, 'orphan_recovered', now_ms, next.payload, false)), put(runEvent(second, next.event, now_ms, next.payload, true))],
  }
}

/** What became of a report: the attempt ended with it, it changed nothing, or inputs wait and the runner has to go on with them. */
export type Reported = 'ended' | 'unchanged' | 'inputs_wait'

/** A report that is late or doubled: of a turn after which the attempt went on. */
const isLate = (run: Run, ending: Ending): boolean => {
  if (ending.outcome !== 'ok' || ending.turn === undefined || run.inputs === undefined || ending.turn > run.inputs.turns) return false
  return ending.turn < run.inputs.turns || run.inputs.pending.length > 0 || (run.waiting_since !== undefined && ending.parks === undefined)
}

/** What became of the report, and of the health of the class with it. */
export interface Finished {
  readonly reported: Reported
  readonly health?: HealthChange
}
const healthPayload = (health: HealthChange | undefined): RunEvent['payload'] => (health === undefined ? {} : { class_health: { ...health } })

/**
 * Ends the live attempt. A late or doubled report changes nothing. Where an input came before the end of a run that would be done, nothing is
 * written for a runner that hears it; without one, the run goes on in another attempt. A change of the class's health is said in the event that
 * ends the attempt: a class that stays healthy costs no write for it.
 */
export const decideFinish = (state: EndingState, ending: Ending, now_ms: number): Decision<Finished> => {
  const { attempt } = state.run
  if (!isLive(attempt) || attempt.attempt_no !== ending.attempt_no) return decided([], [], { reported: 'unchanged' })
  if (isLate(state.run, ending))
    return decided([], [], { reported: ending.hears === true && waitingInputs(state.run).length > 0 ? 'inputs_wait' : 'unchanged' })
  const ended = endedAttempt(state, attempt, ending, now_ms)
  const usage = addUsage(state.run.usage ?? no_usage, ended.usage)
  const next = afterAttempt(state, ended, ending, usage, now_ms)
  if (next === undefined) return decided([], [], { reported: 'inputs_wait' })
  const shown = shownBy(state, attempt, ended.status)
  const health = healthChange(state.instance, shown, now_ms)
  const told = { ...next, payload: { ...next.payload, ...healthPayload(health) } }
  const { run, writes } = events(told, ending.lost === true && ended.status !== 'cancelled', now_ms)
  const { workspace_id, class_key } = state.run
  const ceilings = countEnded(state.run, now_ms)
  const session = sessionMoves(state, next.run, attempt, ending, now_ms)
  return decided(
    [
      { op: 'replace_if_version', record: movedRun(state.run, run) },
      { op: 'replace_if_version', record: next.task },
      ...writes,
      ...next.places,
      ...(next.settled ?? []),
      counters(state, attempt, shown, now_ms),
      ...session.places,
      ...ceilings.writes,
    ],
    [...ceilings.signals, ...session.signals, { kind: 'class', workspace_id, class_key }, ...next.signals],
    { reported: 'ended', ...(health === undefined ? {} : { health }) },
  )
}
