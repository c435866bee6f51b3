import { readEnv } from '../../shared/settings.ts'
import { system_clock } from '../../shared/ports/clock.ts'
import packageJson from '../../package.json' with { type: 'json' }
import { flowDeps } from '../middleware/deps.ts'
import { powertoolsLog } from '../middleware/log.ts'
import { powertoolsMetrics } from '../middleware/metrics.ts'
import { apiHandler } from './handler.ts'

const log = powertoolsLog('api')

/** A function URL ends in a slash. */
const stream_url = readEnv(process.env, 'stream_url').replace(/\/$/, '')

export const handler = apiHandler({
  ...flowDeps(log),
  log,
  metrics: powertoolsMetrics('api'),
  clock: system_clock,
  version: packageJson.version,
  stream_url,
})
