import { flowDeps } from '../middleware/deps.ts'
import { powertoolsLog } from '../middleware/log.ts'
import { attemptEventsHandler } from './handler.ts'

const log = powertoolsLog('attempt-events')

export const handler = attemptEventsHandler(flowDeps(log), log)
