import { expect, test } from 'vitest'
import { healthTeller } from './health.ts'
import type { Health } from '../../shared/domain/instances.ts'

test('every change of a class is a log line; the one that degrades it is counted, a probe that fails is not', () => {
  const told: unknown[] = []
  const log = { info: () => undefined, warn: (code: string, fields?: object) => void told.push([code, fields]), error: () => undefined }
  const tell = healthTeller(log, { count: (name) => void told.push(name) })
  const change = (from: Health, to: Health) => ({ workspace_id: 'w', class_key: 'c', from, to, failed_attempts: 1 })
  tell(change('healthy', 'warning'))
  tell(change('warning', 'degraded'))
  tell(change('degraded', 'degraded'))
  tell(change('degraded', 'healthy'))
  expect(told.filter((one) => typeof one === 'string')).toEqual(['class_degraded'])
  expect(told.filter((one) => typeof one !== 'string')).toHaveLength(4)
  expect(told[0]).toEqual(['class_health_changed', change('healthy', 'warning')])
})
