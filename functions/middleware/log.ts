import { Logger } from '@aws-lambda-powertools/logger'
import { log_events, type Log } from '../../shared/ops/log.ts'

/** A log on Powertools: one JSON line per event. Fields are passed with each line, because invocations may share a process locally. */
export const powertoolsLog = (service: string): Log => {
  const logger = new Logger({ serviceName: service })
  const cause = (error: unknown) => (error === undefined ? {} : { error: error instanceof Error ? error : new Error(JSON.stringify(error)) })
  return {
    info: (code, fields) => logger.info(log_events[code], { code, ...fields }),
    warn: (code, fields, error) => logger.warn(log_events[code], { code, ...fields, ...cause(error) }),
    error: (code, fields, error) => logger.error(log_events[code], { code, ...fields, ...cause(error) }),
  }
}
