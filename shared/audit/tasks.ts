/** A task with its run: their states fit together. */
import { isLive, type Run } from '../domain/run.ts'
import { isEndedRun, task_state_of_outcome } from '../domain/transitions.ts'
import { foundIf, type Finding } from './finding.ts'
import type { Task } from '../domain/task.ts'

const fits = (task: Task, run: Run | undefined): boolean => {
  if (task.state === 'running') return run !== undefined && isLive(run.attempt) && run.waiting_since === undefined
  if (run !== undefined && isLive(run.attempt)) return task.state === 'waiting' && run.waiting_since !== undefined
  // Parked: it waits, and nothing of it is live.
  if (task.state === 'waiting' || (run !== undefined && run.parked !== undefined))
    return task.state === 'waiting' && run?.status === 'accepted' && run.parked !== undefined
  if (task.state === 'queued' || task.state === 'sleeping') return true
  if (run === undefined) return task.state === 'cancelled' || task.state === 'dropped'
  if (!isEndedRun(run)) return false
  if (task.state === 'dropped' || task.state === 'cancelled') return true
  return task_state_of_outcome[run.status] === task.state
}

/** @param run the run that the task names, undefined where there is none */
export const taskFindings = (task: Task, run: Run | undefined): readonly Finding[] => [
  ...foundIf(task.target_run_id !== undefined && run === undefined, 'run_missing', task, () => `${task.id} names ${task.target_run_id}, which does not exist`),
  ...foundIf(
    !fits(task, run),
    'states_disagree',
    task,
    () => `${task.id} is ${task.state}, its run ${run?.status ?? 'absent'} with an attempt ${run?.attempt.status ?? 'absent'}`,
  ),
]
