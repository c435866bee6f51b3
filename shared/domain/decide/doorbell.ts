/** A runner has hung out its doorbell: the run remembers where it rings, beside what is read of it anyway. */
import { decided, type Decision } from '../decision.ts'
import { timestamp } from '../time.ts'
import type { Run } from '../run.ts'

/** One that was told to stop meanwhile hears so with the heartbeat that it sends when it is connected: there is nothing to remember. */
export const decideDoorbell = (run: Run, doorbell: string, now_ms: number): Decision => {
  const { attempt } = run
  if (attempt.status !== 'running') return decided([], [], undefined)
  return decided([{ op: 'replace_if_version', record: { ...run, attempt: { ...attempt, doorbell }, updated_at: timestamp(now_ms) } }], [], undefined)
}
