import { lookDeps } from '../middleware/deps.ts'
import { powertoolsLog } from '../middleware/log.ts'
import { sweepHandler } from './handler.ts'

const log = powertoolsLog('sweep')

export const handler = sweepHandler(lookDeps(log), log)
