/** Looking at a task whose time has come: waking sleepers, queue timeouts, and handing what waits over to its class. */
import { decided, type Decision } from '../decision.ts'
import { earlier, freedDue, look_again_ms, queueTimeout } from '../due.ts'
import { placeInLine } from '../lines.ts'
import { movedTask } from '../transitions.ts'
import { millis, timestamp } from '../time.ts'
import { decideDrop, type CancelState } from './cancel.ts'
import { wakeSignals } from './accept.ts'
import { refs } from '../../store/keys.ts'
import type { Command } from '../command.ts'
import type { Instance } from '../instance.ts'
import type { Task, TaskIn } from '../task.ts'
import type { Write } from '../../store/store.ts'

/**
 * A sleeping task takes its place in line when it is time; before, the doorbell is set again. Its queue timeout counts from now on: one that is
 * woken late has not waited in line yet.
 */
export const decideWake = (task: TaskIn<'sleeping'>, command: Command, now_ms: number): Decision => {
  if (millis(task.wake_at) > now_ms) return decided([], wakeSignals(task, now_ms), undefined)
  const now = timestamp(now_ms)
  const { wake_at: _, due_at: __, queue_timeout_at: ___, ...kept } = task
  const late = queueTimeout(command.params, now_ms)
  const due_at = earlier(timestamp(now_ms + look_again_ms), late.queue_timeout_at)
  const queued = movedTask(task, { ...kept, ...late, state: 'queued', queued_at: now, updated_at: now, ...(due_at === undefined ? {} : { due_at }) })
  return decided(
    [
      { op: 'replace_if_version', record: queued },
      { op: 'put_if_absent', record: placeInLine(queued, command.params.lane) },
    ],
    [{ kind: 'class', workspace_id: task.workspace_id, class_key: task.class_key }],
    undefined,
  )
}

/**
 * A queued task that nobody has looked at in time. Its class takes over: the class gets a due time, which stays until a
 * dispatcher has looked, and from then on whoever frees room or the session wakes what waits. So a task that
 * waits costs one hand-over, however long it waits, and many that wait in one class write to it once. A task that stands in no
 * line is put back into it.
 */
export const decideOverdueInLine = (
  state: CancelState & { readonly task: TaskIn<'queued'>; readonly command: Command; readonly instance: Instance | undefined },
  now_ms: number,
): Decision => {
  const { task, place, instance } = state
  if (task.queue_timeout_at !== undefined && millis(task.queue_timeout_at) <= now_ms) return decideDrop(state, 'queue_timeout', now_ms)
  const { due_at: _, ...kept } = task
  if (instance?.due_at !== undefined && place !== undefined) {
    const handed: Task = { ...kept, ...(task.queue_timeout_at === undefined ? {} : { due_at: task.queue_timeout_at }) }
    return decided([{ op: 'replace_if_version', record: handed }], wakeSignals(handed, now_ms), undefined)
  }
  const signal = { kind: 'class', workspace_id: task.workspace_id, class_key: task.class_key } as const
  const again = instance === undefined || place === undefined ? timestamp(now_ms + look_again_ms) : undefined
  const due_at = earlier(again, task.queue_timeout_at)
  const handed: Task = { ...kept, ...(due_at === undefined ? {} : { due_at }) }
  const takeOver: readonly Write[] =
    instance === undefined || place === undefined
      ? []
      : [
          {
            op: 'add_within_limit',
            ref: refs.instance(instance.workspace_id, instance.class_key),
            change: { add: {}, set: { due_at: freedDue(now_ms) } },
            conditions: [],
          },
        ]
  const repaired: readonly Write[] = place === undefined ? [{ op: 'put_if_absent', record: placeInLine(task, state.command.params.lane) }] : []
  return decided([{ op: 'replace_if_version', record: handed }, ...takeOver, ...repaired], [signal, ...wakeSignals(handed, now_ms)], undefined)
}
