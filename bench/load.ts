/** Load on a stack: a window of tasks in flight, and what the records say about each afterwards. */
import type { Client } from '../client/client.ts'
import { LanekeeperError } from '../client/error.ts'
import type { CommandParamsInput } from '../shared/domain/command.ts'
import { pause } from './stack.ts'

export interface Accepted {
  readonly task_id: string
  readonly class_key: string
  /** From the request to its answer, at the client. */
  readonly accept_ms: number
}

/** Posts a command and takes the time. */
export const post = async (client: Client, command: CommandParamsInput): Promise<Accepted> => {
  const started = performance.now()
  const { task } = await client.tasks.accept(command)
  return { task_id: task.id, class_key: task.execution_class_key, accept_ms: performance.now() - started }
}

/**
 * Tasks of a class in line and attempts of it that live; undefined before the first dispatch of the class has made its instance.
 * Line and attempts are read one after the other, so a task that moves between them may be missing from one answer.
 */
export const inFlight = async (client: Client, class_key: string): Promise<number | undefined> => {
  try {
    const instance = await client.instances.get(class_key)
    return instance.running_attempts + instance.pending_attempts + instance.stopping_attempts + instance.waiting_tasks
  } catch (error) {
    if (error instanceof LanekeeperError && error.code === 'not_found') return undefined
    throw error
  }
}

export interface WindowLoad {
  readonly accepted: readonly Accepted[]
  /** How often the instance was asked for: its cost is no cost of a task. */
  readonly polls: number
}

/** Keeps `size` tasks of one class in flight until `tasks` were posted and have ended. */
export const keepWindow = async (client: Client, command: CommandParamsInput, size: number, tasks: number, poll_ms: number): Promise<WindowLoad> => {
  const first = await Promise.all(Array.from({ length: Math.min(size, tasks) }, () => post(client, command)))
  const accepted = [...first]
  const class_key = first[0]?.class_key ?? ''
  let empty_answers = 0
  for (let polls = 1; ; polls += 1) {
    await pause(poll_ms)
    const live = (await inFlight(client, class_key)) ?? accepted.length
    empty_answers = live === 0 ? empty_answers + 1 : 0
    if (empty_answers > 1 && accepted.length >= tasks) return { accepted, polls }
    const wanted = Math.min(size - live, tasks - accepted.length)
    accepted.push(...(await Promise.all(Array.from({ length: Math.max(0, wanted) }, () => post(client, command)))))
  }
}

/** Posts many commands, `at_once` at a time. */
export const postMany = async (client: Client, command: CommandParamsInput, tasks: number, at_once: number): Promise<readonly Accepted[]> => {
  const accepted: Accepted[] = []
  const worker = async () => {
    for (let left = tasks - accepted.length; left > 0; left = tasks - accepted.length) {
      const slot = accepted.length
      accepted.push({ task_id: '', class_key: '', accept_ms: 0 })
      accepted[slot] = await post(client, command)
    }
  }
  await Promise.all(Array.from({ length: at_once }, worker))
  return accepted
}

/** Times of one task's life, in milliseconds from its acceptance, as the plane recorded them. */
export interface Life {
  readonly accepted_at_ms: number
  /** The attempt took its place in the class. */
  readonly admitted_ms: number
  /** The runner in the sandbox claimed the attempt: it is launched. */
  readonly started_ms: number
  readonly finished_ms: number
}

type Fate = Life | 'retried' | 'failed'

const fateOf = async (client: Client, task_id: string): Promise<Fate> => {
  const task = await client.tasks.get(task_id)
  if (task.state !== 'done' || task.finished_at === undefined || task.target_run_id === undefined) return 'failed'
  const { items } = await client.runs.attempts(task.target_run_id)
  const [attempt] = items
  if (attempt?.started_at === undefined || items.length > 1) return 'retried'
  const accepted_at_ms = Date.parse(task.accepted_at)
  const since = (at: string) => Date.parse(at) - accepted_at_ms
  return { accepted_at_ms, admitted_ms: since(attempt.admitted_at), started_ms: since(attempt.started_at), finished_ms: since(task.finished_at) }
}

export interface Lives {
  /** Of tasks that are done after one attempt: the times of others say nothing. */
  readonly lives: readonly Life[]
  readonly retried: number
  /** Not done. On a machine that is far too busy a runner may lose its lease. */
  readonly failed: number
}

/** What became of tasks. Throws if none was done at once. */
export const livesOf = async (client: Client, task_ids: readonly string[]): Promise<Lives> => {
  const fates: Fate[] = []
  const batch = 10
  for (let from = 0; from < task_ids.length; from += batch) {
    fates.push(...(await Promise.all(task_ids.slice(from, from + batch).map((task_id) => fateOf(client, task_id)))))
  }
  const lives = fates.filter((fate) => fate !== 'retried' && fate !== 'failed')
  if (lives.length === 0) throw new Error('no task was done with its first attempt: see the logs of the stack')
  return { lives, retried: fates.filter((fate) => fate === 'retried').length, failed: fates.filter((fate) => fate === 'failed').length }
}
