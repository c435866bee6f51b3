import { system_clock } from '../../shared/ports/clock.ts'
import { runnerDeps } from '../middleware/deps.ts'
import { powertoolsLog } from '../middleware/log.ts'
import { powertoolsMetrics } from '../middleware/metrics.ts'
import { runnerApiHandler } from './handler.ts'

const log = powertoolsLog('runner-api')

export const handler = runnerApiHandler(runnerDeps(log), { log, metrics: powertoolsMetrics('runner-api'), clock: system_clock })
