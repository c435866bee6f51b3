import { flowDeps } from '../middleware/deps.ts'
import { powertoolsLog } from '../middleware/log.ts'
import { cronFireHandler } from './handler.ts'

const log = powertoolsLog('cron-fire')

export const handler = cronFireHandler(flowDeps(log), log)
