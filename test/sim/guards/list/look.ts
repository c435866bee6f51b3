/** Guards of looks, and of whoever is rung or swept. */
import { guardsIn, type Guard } from '../guard.ts'

const decisions = guardsIn('shared/domain/decide/look.ts', [
  {
    name: 'wake.time',
    find: 'if (millis(task.wake_at) > now_ms) return',
    replace: 'if (false) return',
    invariant: 12,
    protects: 'a doorbell that comes early does not wake a sleeper',
  },
  {
    name: 'wake.rings-again',
    find: 'return decided([], wakeSignals(task, now_ms), undefined)\n  const now',
    replace: 'return decided([], [], undefined)\n  const now',
    invariant: 12,
    protects: 'a doorbell that comes early is set again',
  },
  {
    name: 'wake.due',
    find: 'updated_at: now, ...(due_at === undefined ? {} : { due_at }) })',
    replace: 'updated_at: now })',
    invariant: 1,
    protects: 'a task that woke is looked at',
  },
  {
    name: 'wake.timeout-counts-anew',
    find: 'const late = queueTimeout(command.params, now_ms)',
    replace: 'const late = queueTimeout(command.params, millis(task.wake_at))',
    invariant: 1,
    protects: 'a task that is woken late is not dropped for it without a try',
  },
  {
    name: 'wake.rings',
    find: "{ op: 'put_if_absent', record: placeInLine(queued, command.params.lane) },\n    ],\n    [{ kind: 'class', workspace_id: task.workspace_id, class_key: task.class_key }],",
    replace: "{ op: 'put_if_absent', record: placeInLine(queued, command.params.lane) },\n    ],\n    [],",
    invariant: 12,
    protects: 'a task that woke starts at once where there is room',
  },
  {
    name: 'overdue.handed-over',
    find: 'change: { add: {}, set: { due_at: freedDue(now_ms) } },\n            conditions: [],',
    replace: 'change: { add: {} },\n            conditions: [],',
    invariant: 1,
    protects: 'a class that takes over a task in line has a due time itself',
  },
  {
    name: 'overdue.no-class-yet',
    find: 'const again = instance === undefined || place === undefined ? timestamp(now_ms + look_again_ms) : undefined',
    replace: 'const again = undefined',
    invariant: 1,
    protects: 'a task whose class nobody has looked at keeps a due time of its own',
  },
  {
    name: 'overdue.timeout-stays',
    find: '...(task.queue_timeout_at === undefined ? {} : { due_at: task.queue_timeout_at })',
    replace: '',
    invariant: 1,
    protects: 'a queue timeout is seen when it comes, though the class has taken over',
  },
])

const looks = guardsIn('shared/flows/look.ts', [
  {
    name: 'look.postpone-passed',
    find: "(now?.state !== 'running' && now?.state !== 'waiting') || !passed",
    replace: "now?.state !== 'running'",
    invariant: 1,
    protects: 'a due time that somebody brought forward is not put off',
  },
  {
    name: 'look.postpone-running',
    find: "(now?.state !== 'running' && now?.state !== 'waiting') || !passed",
    replace: 'now === undefined || !passed',
    invariant: 1,
    protects: 'a task that is over gets no due time',
  },
  {
    name: 'look.postpone',
    find: 'if ((await postpone(deps, task, next_ms)) && ',
    replace: 'if (',
    invariant: 12,
    protects: 'a task that was looked at is due later, and not at each sweep',
  },
  {
    name: 'look.pending-launches',
    find: 'await launchAll(deps, [{ workspace_id, run_id: run.id,',
    replace: 'void (deps, [{ workspace_id, run_id: run.id,',
    invariant: 12,
    protects: 'an attempt that was admitted and not launched is launched',
  },
  {
    name: 'look.launch-timeout',
    find: 'if (millis(attempt.admitted_at) + deps.deployment.launch_timeout_ms <= now_ms) return end(deps, run, launchTimedOut(attempt.attempt_no))\n',
    replace: '',
    invariant: 1,
    protects: 'an attempt that never starts ends',
  },
  {
    name: 'look.lease',
    find: 'if (millis(attempt.lease_expires_at) <= now_ms) return end(deps, run, heartbeatLost(attempt.attempt_no))\n',
    replace: '',
    invariant: 1,
    protects: 'an attempt that is not heard of ends',
  },
  {
    name: 'look.timeout-same',
    find: 'const same = fresh?.attempt.id === attempt.id && runs && isLive(fresh.attempt)',
    replace: 'const same = runs',
    invariant: 3,
    protects: 'an attempt is stopped for its own timeout and not for that of another',
  },
  {
    name: 'look.timeout-same-attempt',
    find: 'fresh?.attempt.id === attempt.id && runs',
    replace: 'fresh !== undefined && runs',
    invariant: 3,
    protects: 'a retry is not stopped for the timeout of the attempt before it',
  },
  {
    name: 'look.still-due-status',
    find: 'if (attempt.status !== seen.attempt.status) return false\n',
    replace: '',
    invariant: 3,
    protects: 'an attempt that was cancelled while it was given up holds its session until its sandbox is gone',
  },
  {
    name: 'look.still-due-lease',
    find: "return attempt.status !== 'running' || millis(attempt.lease_expires_at) <= deps.clock.now()",
    replace: 'return true',
    invariant: 3,
    protects: 'an attempt that was heard of while it was given up lives',
  },
  {
    name: 'look.stop-gone',
    find: "if (state === 'stopped') return end(deps, run, { ...ending, confirmed: true })\n",
    replace: '',
    invariant: 8,
    protects: 'a cancelled attempt ends when its sandbox is gone',
  },
  {
    name: 'look.stop-not-before',
    find: "return state === 'unknown' && unclaimed ? end(deps, run, ending) : now_ms + stopping_again_ms",
    replace: 'return end(deps, run, ending)',
    invariant: 3,
    protects: 'a session is not free before the sandbox that holds it is gone',
  },
  {
    name: 'look.stop-lease',
    find: 'if (attempt.lease_expires_at !== undefined && millis(attempt.lease_expires_at) <= now_ms) {',
    replace: 'if (false) {',
    invariant: 8,
    protects: 'a cancelled attempt of which nobody knows anything ends with its lease',
  },
  {
    name: 'look.stop-asks',
    find: 'await askToStop(deps, execution_id)\n',
    replace: '',
    invariant: 8,
    protects: 'the sandbox of a cancelled attempt is stopped',
  },
  {
    name: 'look.queued-time',
    find: "if (task?.state !== 'queued' || task.due_at === undefined || millis(task.due_at) > deps.clock.now())",
    replace: "if (task?.state !== 'queued')",
    invariant: 1,
    protects: 'a doorbell that comes early takes no due time away',
  },
  {
    name: 'look.ended-stopped',
    find: "if (ended === 'ended' && ending.lost === true) await stopWhatIsLeft(deps, run)\n",
    replace: '',
    invariant: 3,
    protects: 'the sandbox of an attempt that was given up does not go on',
  },
])

const sweep = guardsIn('shared/flows/sweep.ts', [
  {
    name: 'sweep.tasks',
    find: 'return lookAtTask(deps, { workspace_id: record.workspace_id, task_id: record.id })',
    replace: 'return',
    invariant: 12,
    protects: 'tasks whose time has come are looked at',
  },
  {
    name: 'sweep.classes',
    find: "return sendSignals(deps, [{ kind: 'class', workspace_id: record.workspace_id, class_key: record.class_key }])",
    replace: 'return',
    invariant: 12,
    protects: 'classes whose time has come are looked at',
  },
  {
    name: 'sweep.sessions',
    find: 'return lookAtSession(deps, { workspace_id: record.workspace_id, session_id: record.id })',
    replace: 'return',
    invariant: 12,
    protects: 'sessions whose time has come are looked at',
  },
])

export const look_guards: readonly Guard[] = [...decisions, ...looks, ...sweep]
