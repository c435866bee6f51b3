import { computeDeps } from '../middleware/deps.ts'
import { powertoolsLog } from '../middleware/log.ts'
import { dispatchHandler } from './handler.ts'

const log = powertoolsLog('dispatch')

export const handler = dispatchHandler(computeDeps(log), log)
