/** Guards of ceilings and of the kill switch: what holds a workspace, or all of them, back. */
import { guardsIn, type Guard } from '../guard.ts'

const decisions = guardsIn('shared/domain/decide/ceiling.ts', [
  {
    name: 'ceiling.limit',
    find: "{ field: 'live', is: 'at_most', value: limit - count },",
    replace: '',
    invariant: 5,
    protects: 'two classes do not take one free place of a ceiling',
  },
  {
    name: 'ceiling.limit-unchanged',
    find: "{ field: 'limit', is: 'equals', value: limit },",
    replace: '',
    invariant: 5,
    protects: 'a ceiling that was lowered after it was read holds',
  },
  {
    name: 'ceiling.not-set-anew',
    find: "...(set_no === undefined ? [] : [{ field: 'set_no', is: 'equals', value: set_no } as const]),",
    replace: '',
    invariant: 5,
    protects: 'nothing is admitted under a ceiling that was read before it was set anew, and counts still',
  },
  {
    name: 'ceiling.counts-first',
    find: 'set: { limit, due_at: now, counting_since: now, set_no: (ceiling.set_no ?? 0) + 1 },',
    replace: 'set: { limit, due_at: now, set_no: (ceiling.set_no ?? 0) + 1 },',
    invariant: 5,
    protects: 'a ceiling that is set again knows what was admitted while it was not',
  },
  {
    name: 'ceiling.counted-once',
    find: ' || attempt.counted?.includes(scope) === true) return',
    replace: ') return',
    invariant: 4,
    protects: 'an attempt that lived before its ceiling is counted once',
  },
  {
    name: 'ceiling.counted-taken-off',
    find: '(run.attempt.counted ?? []).map((scope) => ownerOf(scope, run.workspace_id))',
    replace: '[]',
    invariant: 4,
    protects: 'an attempt that ends is counted no more',
  },
  {
    name: 'ceiling.minute-before-counted',
    find: "found === 'none' && began_ms >= counted_from_ms",
    replace: "found === 'none'",
    invariant: 5,
    protects: 'who admitted without a count, because the ceiling was not there yet, is counted first',
  },
  {
    name: 'ceiling.lifted-counts',
    find: 'const change = ceiling.lifted === true ? setAnew(ceiling, limit, now) : { add: {}, set: { limit, due_at: now } }',
    replace: 'const change = { add: {}, set: { limit, due_at: now } }',
    invariant: 5,
    protects: 'a ceiling of the deployment that comes back knows what was admitted without it',
  },
  {
    name: 'ceiling.freed-due',
    find: 'change: { add: { live: -1 }, set: { due_at: freedDue(now_ms) } },',
    replace: 'change: { add: { live: -1 } },',
    invariant: 12,
    protects: 'a place that was freed under a ceiling is filled, should its doorbell be lost',
  },
  {
    name: 'ceiling.turn-left',
    find: "remove: ['turn_owner', 'turn_rank'] },\n        conditions",
    replace: '},\n        conditions',
    invariant: 12,
    protects: 'a class that gave its turn up does not wait for it',
  },
])

const kill = guardsIn('shared/domain/decide/kill.ts', [
  {
    name: 'kill.minute-before-complete',
    find: '!left && began_ms >= millis(kill.killed_at) + gate_shut_after_ms',
    replace: '!left',
    invariant: 8,
    protects: 'a kill is not complete before all who saw the gate open have committed',
  },
])

const stop = guardsIn('shared/domain/decide/cancel.ts', [
  {
    name: 'ceiling.stopping-counted',
    find: '...(attempt.counted === undefined ? {} : { counted: attempt.counted }),',
    replace: '',
    invariant: 4,
    protects: 'an attempt that was told to stop is taken off its ceiling when it ends',
  },
])

const dispatch = guardsIn('shared/flows/dispatch.ts', [
  {
    name: 'kill.shuts-dispatch',
    find: 'if (isKilled(gate)) {',
    replace: 'if (false) {',
    invariant: 8,
    protects: 'nothing is admitted in a workspace that was killed',
  },
])

const finish = guardsIn('shared/flows/finish.ts', [
  {
    name: 'kill.fences',
    find: 'isFenced(run.attempt) ? undefined : event',
    replace: 'event',
    invariant: 3,
    protects: 'what a killed attempt says changes nothing',
  },
])

export const ceiling_guards: readonly Guard[] = [...decisions, ...kill, ...stop, ...dispatch, ...finish]
