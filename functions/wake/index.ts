import { lookDeps } from '../middleware/deps.ts'
import { powertoolsLog } from '../middleware/log.ts'
import { wakeHandler } from './handler.ts'

const log = powertoolsLog('wake')

export const handler = wakeHandler(lookDeps(log), log)
