import { system_clock } from '../../shared/ports/clock.ts'
import { tableDeps } from '../middleware/deps.ts'
import { powertoolsLog } from '../middleware/log.ts'
import { doorbellHandler } from './handler.ts'

/** It decides nothing that would have to be signalled. */
const signals = { send: async () => undefined }

export const handler = doorbellHandler({ ...tableDeps(), signals, clock: system_clock }, powertoolsLog('doorbell'))
