import { setTimeout as delay } from 'node:timers/promises'
import { system_clock } from '../../shared/ports/clock.ts'
import { tableDeps } from '../middleware/deps.ts'
import { powertoolsLog } from '../middleware/log.ts'
import { powertoolsMetrics } from '../middleware/metrics.ts'
import { streamHandler } from './handler.ts'

const serve = streamHandler({
  ...tableDeps(),
  log: powertoolsLog('stream'),
  metrics: powertoolsMetrics('stream'),
  clock: system_clock,
  begin: (stream, head) => awslambda.HttpResponseStream.from(stream, { ...head }),
  sleep: async (ms, signal) => delay(ms, undefined, { signal }).catch(() => undefined),
})

export const handler = awslambda.streamifyResponse(serve)
