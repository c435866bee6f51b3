/** What a kill promises: from its commit on nothing starts, what it has fenced changes nothing, and it is complete only when nothing is left. */
import { admittedBy, type Change } from '../../../shared/audit/changes.ts'
import { isFenced, isLive } from '../../../shared/domain/run.ts'
import { isTerminalTask } from '../../../shared/domain/transitions.ts'
import type { Gate } from '../../../shared/domain/gate.ts'
import type { Journal } from '../../support/journal.ts'

const gateOf = (journal: Journal, workspace_id: string): Gate | undefined => journal.all('gate').find((gate) => gate.workspace_id === workspace_id)

/** What the workspace has still, though its kill says that it is complete. */
const leftOver = (journal: Journal, gate: Gate): readonly string[] => [
  ...journal.all('run').flatMap((run) => (run.workspace_id === gate.workspace_id && isLive(run.attempt) ? [run.id] : [])),
  ...journal.all('task').flatMap((task) => (task.workspace_id === gate.workspace_id && gate.kill?.hold === false && !isTerminalTask(task) ? [task.id] : [])),
]

const completedTooEarly = (journal: Journal, changes: readonly Change[]): readonly string[] =>
  changes.flatMap(({ before, after }) => {
    if (after?.kind !== 'gate' || after.kill?.completed_at === undefined) return []
    if (before?.kind === 'gate' && before.kill?.completed_at !== undefined) return []
    const left = leftOver(journal, after)
    return left.length === 0 ? [] : [`the kill of ${after.workspace_id} says that it is complete, and there is ${left.slice(0, 3).join(', ')}`]
  })

/** @param isSince whether the handler has begun after the gate was shut */
const startedWhileShut = (journal: Journal, changes: readonly Change[], isSince: (gate: Gate) => boolean): readonly string[] => {
  const shut = (workspace_id: string): boolean => {
    const gate = gateOf(journal, workspace_id)
    return gate?.kill !== undefined && (isSince(gate) || gate.kill.completed_at !== undefined)
  }
  const admitted = admittedBy(changes).flatMap((run) => (shut(run.workspace_id) ? [`${run.task_id} was admitted in a workspace that was killed`] : []))
  const accepted = changes.flatMap(({ before, after }) =>
    before === undefined && after?.kind === 'task' && shut(after.workspace_id) ? [`${after.id} was accepted in a workspace that was killed`] : [],
  )
  return [...admitted, ...accepted]
}

/** What a kill has fenced goes on only to its end, which says so. */
const fenceBroken = (changes: readonly Change[]): readonly string[] =>
  changes.flatMap(({ before, after }) => {
    if (before?.kind !== 'run' || after?.kind !== 'run' || !isFenced(before.attempt)) return []
    const ended = 'ended_at' in after.attempt && after.attempt.status === 'cancelled' && after.attempt.killed !== undefined
    return ended || isFenced(after.attempt) ? [] : [`${after.attempt.id} was killed, and went on as ${after.attempt.status}`]
  })

export const killWrongs = (journal: Journal, changes: readonly Change[], isSince: (gate: Gate) => boolean): readonly string[] => [
  ...completedTooEarly(journal, changes),
  ...startedWhileShut(journal, changes, isSince),
  ...fenceBroken(changes),
]
