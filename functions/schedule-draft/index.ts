import { draftDeps } from '../middleware/deps.ts'
import { powertoolsLog } from '../middleware/log.ts'
import { powertoolsMetrics } from '../middleware/metrics.ts'
import { scheduleDraftHandler } from './handler.ts'

const log = powertoolsLog('schedule-draft')

export const handler = scheduleDraftHandler({ ...draftDeps(), log, metrics: powertoolsMetrics('schedule-draft') })
