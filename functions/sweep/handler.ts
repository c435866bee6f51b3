/** Every minute: looks at whatever is due. */
import { refOf } from '../../shared/store/keys.ts'
import { sweep, type SweepReport } from '../../shared/flows/sweep.ts'
import type { LookDeps } from '../../shared/flows/flow.ts'
import type { Log } from '../../shared/ops/log.ts'

export const sweepHandler = (deps: LookDeps, log: Log) => async (): Promise<SweepReport> => {
  const report = await sweep(deps, (record, cause) => log.error('look_failed', { record_kind: record.kind, key: refOf(record).pk }, cause))
  log.info('swept', { looked: report.looked, failed: report.failed })
  return report
}
