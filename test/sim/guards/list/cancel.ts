/** Guards of cancelling, dropping and retrying. */
import { guardsIn, type Guard } from '../guard.ts'

const decisions = guardsIn('shared/domain/decide/cancel.ts', [
  {
    name: 'cancel.leaves-line',
    find: "place === undefined ? [] : [{ op: 'delete_if_version', ref: refOf(place), version: place.version }]",
    replace: '[]',
    invariant: 1,
    protects: 'a task that is over stands in no line',
  },
  {
    name: 'cancel.ends-idle-run',
    find: '...leaveLine(state.place), ...ended.writes], ended.signals, { task })',
    replace: '...leaveLine(state.place)], [], { task })',
    invariant: 7,
    protects: 'the run of a task that is cancelled between two attempts ends with it',
  },
  {
    name: 'drop.ends-idle-run',
    find: '...leaveLine(state.place), ...ended.writes], ended.signals, undefined)',
    replace: '...leaveLine(state.place)], [], undefined)',
    invariant: 7,
    protects: 'the run of a task that is dropped between two attempts ends with it',
  },
  {
    name: 'cancel.not-due',
    find: 'const { due_at: _, queue_timeout_at: __, ...kept } = state.task\n  const bare',
    replace: 'const { ...kept } = state.task\n  const bare',
    invariant: 1,
    protects: 'what is over is not looked at for ever',
  },
  {
    name: 'stop.firmer',
    find: "if (!fences && (reason !== 'cancel' || attempt.stop_reason === 'cancel')) return",
    replace: 'if (!fences) return',
    invariant: 8,
    protects: 'a cancel wins over a timeout that has stopped the attempt already',
  },
  {
    name: 'stop.due',
    find: 'const due: Task = { ...task, due_at: now, updated_at: now }',
    replace: 'const { due_at: _due, ...undue } = task\n  const due: Task = { ...undue, updated_at: now }',
    invariant: 8,
    protects: 'an attempt that was told to stop is looked at until it is gone',
  },
  {
    name: 'stop.rings',
    find: '],\n    [signal, ...ringRunner(run)],\n    { task: due, run: told, live },',
    replace: '],\n    [],\n    { task: due, run: told, live },',
    invariant: 12,
    protects: 'a live attempt is stopped at once',
  },
  {
    name: 'stop.event',
    find: "record: runEvent(told, 'cancel_requested', now_ms, { attempt_no: attempt.attempt_no, reason, ...(killed ? { killed } : {}) }, false),",
    replace: "record: { ...runEvent(told, 'cancel_requested', now_ms, { attempt_no: attempt.attempt_no, reason }, false), seq: told.event_seq + 1 },",
    invariant: 6,
    protects: 'the event lies with what it tells, in one commit',
  },
  {
    name: 'retry.over',
    find: 'if (!isTerminalTask(task))\n    return refuse(',
    replace: 'if (false)\n    return refuse(',
    invariant: 7,
    protects: 'only what is over is put in line again',
  },
  {
    name: 'retry.due',
    find: 'due_at: earlier(timestamp(now_ms + look_again_ms), late.queue_timeout_at),',
    replace: '',
    invariant: 1,
    protects: 'a task that is put in line again is looked at',
  },
  {
    name: 'retry.rings',
    find: "[{ kind: 'class', workspace_id: task.workspace_id, class_key: task.class_key }],\n    queued,",
    replace: '[],\n    queued,',
    invariant: 12,
    protects: 'a task that is put in line again starts at once where there is room',
  },
])

const flow = guardsIn('shared/flows/cancel.ts', [
  {
    name: 'cancel.task-fits',
    find: 'return fitTogether(task, run) ? decideCancel({ task, run, place, ...attached }, deps.clock.now()) : undefined',
    replace: 'return decideCancel({ task, run, place, ...attached }, deps.clock.now())',
    invariant: 8,
    protects: 'what was read while another wrote is read again',
  },
  {
    name: 'cancel.run-fits',
    find: 'if (!fitTogether(task, run)) return undefined\n',
    replace: '',
    invariant: 8,
    protects: 'what was read while another wrote is read again',
  },
  {
    name: 'cancel.ended-run',
    find: 'if (isEndedRun(run)) return decided([], [], { run })\n',
    replace: '',
    invariant: 7,
    protects: 'cancelling a run that is over cancels no later run of its task',
  },
])

export const cancel_guards: readonly Guard[] = [...decisions, ...flow]
