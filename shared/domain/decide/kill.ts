/** The kill switch: shuts a workspace's gate, fences and stops what is live, and opens the gate again. */
import { decided, type Decision } from '../decision.ts'
import { gate_shut_after_ms, kill_again_ms, type Gate, type Kill, type KilledAttempt } from '../gate.ts'
import { millis, timestamp } from '../time.ts'
import { decideStop } from './cancel.ts'
import type { WorkspaceId } from '../ids.ts'
import type { Run } from '../run.ts'
import type { TaskIn } from '../task.ts'
import type { Write } from '../../store/store.ts'

const replaced = (gate: Gate, change: Partial<Gate>, now_ms: number): Write => ({
  op: 'replace_if_version',
  record: { ...gate, ...change, updated_at: timestamp(now_ms) },
})

/** Shuts the gate. A repeat changes nothing, except that one without `hold` tops one with it. */
export const decideKill = (workspace_id: WorkspaceId, gate: Gate | undefined, hold: boolean, now_ms: number): Decision<Kill> => {
  const now = timestamp(now_ms)
  if (gate?.kill !== undefined) {
    if (!gate.kill.hold || hold) return decided([], [], gate.kill)
    const firmer: Kill = { killed_at: gate.kill.killed_at, hold: false }
    return decided([replaced(gate, { kill: firmer, due_at: now }, now_ms)], [], firmer)
  }
  const kill: Kill = { killed_at: now, hold }
  const due_at = timestamp(now_ms + kill_again_ms)
  if (gate !== undefined) return decided([replaced(gate, { kill, waking: false, due_at }, now_ms)], [], kill)
  const made: Gate = { kind: 'gate', workspace_id, kill, waking: false, due_at, created_at: now, updated_at: now, version: 1 }
  return decided([{ op: 'put_if_absent', record: made }], [], kill)
}

/** Opens the gate. Its classes are looked at next; until all of them were, the gate is due. */
export const decideResume = (gate: Gate | undefined, now_ms: number): Decision => {
  if (gate?.kill === undefined) return decided([], [], undefined)
  const { kill: _, ...open } = gate
  return decided([replaced(open, { waking: true, due_at: timestamp(now_ms) }, now_ms)], [], undefined)
}

/** Every class was looked at. */
export const decideWoken = (gate: Gate | undefined, now_ms: number): Decision => {
  if (gate?.waking !== true || gate.kill !== undefined) return decided([], [], undefined)
  const { due_at: _, ...rested } = gate
  return decided([replaced(rested, { waking: false }, now_ms)], [], undefined)
}

/**
 * What a look at a killed workspace has found. @param began_ms when the look began: one that began soon after the kill may have missed
 * what a handler that saw the gate open was about to store @param left whether anything is unfinished still
 */
export const decideKillLooked = (gate: Gate | undefined, began_ms: number, left: boolean, now_ms: number): Decision<Kill | undefined> => {
  const kill = gate?.kill
  if (gate === undefined || kill === undefined || kill.completed_at !== undefined) return decided([], [], kill)
  if (!left && began_ms >= millis(kill.killed_at) + gate_shut_after_ms) {
    const { due_at: _, ...rested } = gate
    const completed: Kill = { ...kill, completed_at: timestamp(now_ms) }
    return decided([replaced(rested, { kill: completed }, now_ms)], [], completed)
  }
  const is_due = gate.due_at === undefined || millis(gate.due_at) <= now_ms
  return decided(is_due ? [replaced(gate, { due_at: timestamp(now_ms + kill_again_ms) }, now_ms)] : [], [], kill)
}

/**
 * Fences the live attempt and tells it to stop: from this commit on, nothing that it sends changes anything. The attempt is listed
 * under the kill in the same commit.
 */
export const decideKillRun = (task: TaskIn<'running' | 'waiting'>, run: Run, kill: Kill, now_ms: number): Decision<boolean> => {
  const { attempt } = run
  if (attempt.status === 'stopping' && attempt.killed === true) return decided([], [], false)
  const stop = decideStop(task, run, 'cancel', now_ms, true)
  const record: KilledAttempt = {
    kind: 'killed_attempt',
    workspace_id: run.workspace_id,
    killed_at: kill.killed_at,
    task_id: task.id,
    run_id: run.id,
    attempt_no: attempt.attempt_no,
    attempt_id: attempt.id,
    version: 1,
  }
  return decided([...stop.writes, { op: 'put_if_absent', record }], stop.signals, true)
}
