/** Guards of the end of an attempt. */
import { guardsIn, type Guard } from '../guard.ts'

const decisions = guardsIn('shared/domain/decide/finish.ts', [
  {
    name: 'finish.attempt',
    find: '!isLive(attempt) || attempt.attempt_no !== ending.attempt_no',
    replace: '!isLive(attempt)',
    invariant: 3,
    protects: 'the word of an earlier attempt does not end the one that took its place',
  },
  {
    name: 'finish.failure-condition',
    find: 'conditions: failure?.conditions ?? [],',
    replace: 'conditions: [],',
    invariant: 5,
    protects: 'of failures at once, the one that degrades the class starts its cool-down',
  },
  {
    name: 'finish.class-due',
    find: 'due_at: cooldown_until ?? freedDue(now_ms),',
    replace: '',
    invariant: 12,
    protects: 'a class that gets room is looked at, should its doorbell be lost',
  },
  {
    name: 'finish.session-owner',
    find: 'if (session.owner?.attempt_id !== attempt.id) return { places: [], signals }\n',
    replace: '',
    invariant: 3,
    protects: 'an attempt frees its own lease and no other',
    harmless: 'a live attempt holds its session (invariant 3). It keeps a table that is wrong already from getting worse: nobody frees the lease of another.',
  },
  {
    name: 'finish.rings-class',
    find: "{ kind: 'class', workspace_id, class_key }, ...next.signals],",
    replace: '...next.signals],',
    invariant: 12,
    protects: 'room that is freed is filled at once',
  },
  {
    name: 'finish.rings-session',
    find: 'session.waiting && kept === undefined ? [sessionSignal(session)] : []',
    replace: '[]',
    invariant: 12,
    protects: 'who waits for the session is served at once',
  },
  {
    name: 'finish.event',
    find: 'return { run: first, writes: [put(runEvent(first, next.event, now_ms, next.payload, true))] }',
    replace: 'return { run: first, writes: [] }',
    invariant: 6,
    protects: 'the event lies with what it tells, in one commit',
  },
])

const ending = guardsIn('shared/domain/decide/ending.ts', [
  {
    name: 'finish.cancel-wins',
    find: "case 'cancel':\n      return { outcome: 'cancelled' }",
    replace: "case 'cancel':\n      return ending",
    invariant: 8,
    protects: 'a run that was cancelled ends as cancelled, whatever its runner says',
  },
])

const after = guardsIn('shared/domain/decide/after-attempt.ts', [
  {
    name: 'finish.no-retry-of-cancelled',
    find: "ended.status === 'ok' || ended.status === 'cancelled' || ",
    replace: "ended.status === 'ok' || ",
    invariant: 8,
    protects: 'a cancelled run gets no other attempt',
  },
  {
    name: 'finish.retry-due',
    find: "{ ...kept, ...changes, ...late, state: 'queued', queued_at: now, due_at, updated_at: now }",
    replace: "{ ...kept, ...changes, ...late, state: 'queued', queued_at: now, updated_at: now }",
    invariant: 1,
    protects: 'a task that is in line again is looked at',
  },
  {
    name: 'finish.retry-wakes',
    find: "state: 'sleeping', wake_at, due_at: wake_at, updated_at: timestamp(now_ms) }",
    replace: "state: 'sleeping', wake_at, updated_at: timestamp(now_ms) }",
    invariant: 1,
    protects: 'a task that waits for its retry wakes, should its doorbell be lost',
  },
  {
    name: 'finish.retry-in-line',
    find: "places: [{ op: 'put_if_absent', record: placeInLine(queued, command.params.lane) }] }",
    replace: 'places: [] }',
    invariant: 1,
    protects: 'a task that is retried stands in line',
  },
  {
    name: 'finish.retry-timeout-seen',
    find: 'const due_at = earlier(timestamp(now_ms + look_again_ms), late.queue_timeout_at)',
    replace: 'const due_at = timestamp(now_ms + look_again_ms)',
    invariant: 1,
    protects: 'a queue timeout is seen when it comes, after a retry too',
  },
  {
    name: 'finish.over-not-due',
    find: 'const { due_at: _, queue_timeout_at: __, ...kept } = task\n  const finished',
    replace: 'const { ...kept } = task\n  const finished',
    invariant: 1,
    protects: 'what is over is not looked at for ever',
  },
  {
    name: 'finish.rings-retry',
    find: 'places: [], settled, signals: wakeSignals(sleeping, now_ms) }',
    replace: 'places: [], settled, signals: [] }',
    invariant: 12,
    protects: 'a retry with a delay comes when the delay is over',
  },
])

const health = guardsIn('shared/domain/decide/health.ts', [
  {
    name: 'finish.cooling',
    find: "if (cooling) return { add: 0, cooldown_until, conditions: [{ field: 'failures', is: 'at_least', value: threshold }] }\n",
    replace: '',
    invariant: 12,
    protects: 'attempts that were live when the class was degraded do not lengthen its cool-down',
  },
])

const flow = guardsIn('shared/flows/finish.ts', [
  {
    name: 'finish.task-runs',
    find: "if (task?.state !== 'running' && task?.state !== 'waiting') return decided([], [], { reported: 'unchanged' })",
    replace: "if (task === undefined) return decided([], [], { reported: 'unchanged' })",
    invariant: 7,
    protects: 'a task that is over is not ended again',
  },
  {
    name: 'stopped.attempt',
    find: 'if (!isLive(attempt) || attempt.attempt_no !== event.attempt_no) return undefined\n',
    replace: 'if (!isLive(attempt)) return undefined\n',
    invariant: 3,
    protects: 'the sandbox of an earlier attempt, stopped late, does not end the live one',
  },
  {
    name: 'stopped.execution',
    find: 'if (attempt.execution_id !== undefined && attempt.execution_id !== event.execution_id) return undefined\n',
    replace: '',
    invariant: 3,
    protects: 'a second sandbox of the same attempt, stopped, does not end the one that works',
  },
  {
    name: 'stopped.left-with-zero',
    find: "if (attempt.status === 'running' && event.exit_code === 0) return undefined\n",
    replace: '',
    invariant: 7,
    protects: 'a runner whose word is on its way is not taken for lost',
  },
  {
    name: 'usage.attempt',
    find: "run.attempt.status !== 'running' || run.attempt.attempt_no !== event.attempt_no",
    replace: "run.attempt.status !== 'running'",
    invariant: 3,
    protects: 'what an earlier attempt used is not counted for the live one',
  },
])

export const finish_guards: readonly Guard[] = [...decisions, ...ending, ...after, ...health, ...flow]
