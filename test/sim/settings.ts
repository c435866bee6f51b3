/** What the simulated deployment is set to. */
import { Deployment } from '../../shared/settings.ts'

/** Settings of the release that runs, and of the next one, side by side in a rolling deployment. */
export const settings = {
  present: Deployment.parse({ runners: ['claude_code', 'process'], failed_attempt_threshold: 3 }),
  next: Deployment.parse({ runners: ['claude_code', 'process'], failed_attempt_threshold: 3, lease_ms: 60_000, heartbeat_ms: 15_000 }),
}
