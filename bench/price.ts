/** What the control plane of a million tasks costs on AWS, from what one task used here and the price list. */
import {
  dynamodb_usd_per_million_read_units,
  dynamodb_usd_per_million_write_units,
  http_api_usd_per_million_requests,
  lambda_arm64_usd_per_million_gb_seconds,
  lambda_usd_per_million_requests,
  sqs_fifo_usd_per_million_requests,
} from '../shared/domain/prices.ts'
import { no_use, totalOf, type Uses } from './meter.ts'

export interface Price {
  readonly dynamodb_usd: number
  readonly lambda_usd: number
  readonly http_usd: number
  readonly sqs_usd: number
  readonly total_usd: number
}

/** Functions that an HTTP request invokes; all others are invoked by queues or the clock. */
const http_functions: readonly string[] = ['api', 'runner-api']

/**
 * Per million tasks. A message costs its send, and a batch a receive and a delete; all queues are counted at the price of
 * FIFO ones. Lambda time is the wall time of the handlers as measured on this machine at the function's memory.
 * Not counted: the sweep, logs, idle polling of queues, the sandbox and the model.
 */
export const pricePerMillion = (uses: Uses): Price => {
  const functions = Object.entries(uses)
  const dynamodb_usd = totalOf(uses, 'write_units') * dynamodb_usd_per_million_write_units + totalOf(uses, 'read_units') * dynamodb_usd_per_million_read_units
  const gb_seconds = functions.reduce((sum, [, use]) => sum + (use.busy_ms / 1_000) * (use.memory_mib / 1_024), 0)
  const lambda_usd = totalOf(uses, 'invocations') * lambda_usd_per_million_requests + gb_seconds * lambda_arm64_usd_per_million_gb_seconds
  const http_usd = http_functions.reduce((sum, name) => sum + (uses[name] ?? no_use).invocations, 0) * http_api_usd_per_million_requests
  const batches = functions.reduce((sum, [name, use]) => sum + (http_functions.includes(name) ? 0 : use.invocations), 0)
  const sqs_usd = (totalOf(uses, 'records') + 2 * batches) * sqs_fifo_usd_per_million_requests
  return { dynamodb_usd, lambda_usd, http_usd, sqs_usd, total_usd: dynamodb_usd + lambda_usd + http_usd + sqs_usd }
}
