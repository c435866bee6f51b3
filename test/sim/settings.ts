/** What the simulated deployment is set to. */
import { Deployment } from '../../shared/settings.ts'

const present = Deployment.parse({ runners: ['claude_code', 'process'], failed_attempt_threshold: 3, parked_ms_max: 1_800_000, question_expires_ms: 1_800_000 })
const next = Deployment.parse({
  runners: ['claude_code', 'process'],
  failed_attempt_threshold: 3,
  parked_ms_max: 1_800_000,
  question_expires_ms: 1_800_000,
  lease_ms: 60_000,
  heartbeat_ms: 15_000,
})
const under_ceiling = { max_live_attempts: 3 }

/** Settings of the release that runs, and of the next one, side by side in a rolling deployment; each also with a ceiling of the deployment. */
export const settings = {
  present,
  next,
  present_under_ceiling: { ...present, ...under_ceiling },
  next_under_ceiling: { ...next, ...under_ceiling },
}
