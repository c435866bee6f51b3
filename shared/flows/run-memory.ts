/** Which records the runs belong to that one process has seen claimed. They never change, so what is remembered is never stale. */
import type { Run } from '../domain/run.ts'

/** What a run belongs to, as long as it lives. */
export type RunNames = Pick<Run, 'workspace_id' | 'id' | 'task_id' | 'class_key' | 'session_id'>

export interface RunMemory {
  find(workspace_id: string, run_id: string): RunNames | undefined
  keep(names: RunNames): void
}

/** Some 300 bytes each. */
const runs_max = 2_000

const nameOf = (workspace_id: string, run_id: string): string => `${workspace_id}#${run_id}`

/** Forgets the oldest first: where a run outlives its memory, its names are read again. */
export const createRunMemory = (): RunMemory => {
  const runs = new Map<string, RunNames>()
  return {
    find: (workspace_id, run_id) => runs.get(nameOf(workspace_id, run_id)),
    keep: ({ workspace_id, id, task_id, class_key, session_id }) => {
      runs.set(nameOf(workspace_id, id), { workspace_id, id, task_id, class_key, session_id })
      const [oldest] = runs.keys()
      if (runs.size > runs_max && oldest !== undefined) runs.delete(oldest)
    },
  }
}
