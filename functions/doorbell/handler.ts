/**
 * Somebody wants to be rung: `$connect` of the WebSocket API. Only a runner may, with the token of its live attempt. Nothing is done when
 * it hangs up: a ring that nobody hears is no failure, and the next connection takes its place.
 */
import * as z from 'zod'
import { doorbell_protocol } from '../../shared/contract/doorbell.ts'
import { problems, refuse, type Result } from '../../shared/domain/result.ts'
import { hangDoorbell } from '../../shared/flows/doorbell.ts'
import type { FlowDeps } from '../../shared/flows/flow.ts'
import { parseAttemptToken } from '../../shared/flows/runner-identity.ts'
import type { Log } from '../../shared/ops/log.ts'

const ConnectEvent = z.object({
  requestContext: z.object({ routeKey: z.literal('$connect'), connectionId: z.string().min(1).max(128), requestId: z.string() }),
  headers: z.record(z.string(), z.string()).default({}),
})
type ConnectEvent = z.infer<typeof ConnectEvent>

const protocol_header = 'Sec-WebSocket-Protocol'

/** What the caller offers to speak; header names come as they were sent. */
const offered = ({ headers }: ConnectEvent): readonly string[] =>
  Object.entries(headers).flatMap(([name, value]) => (name.toLowerCase() === protocol_header.toLowerCase() ? value.split(',').map((one) => one.trim()) : []))

const connect = async (deps: Pick<FlowDeps, 'store' | 'signals' | 'clock'>, event: ConnectEvent): Promise<Result<undefined>> => {
  const protocols = offered(event)
  if (!protocols.includes(doorbell_protocol)) return refuse('invalid_request', `offer the subprotocol ${doorbell_protocol} and the attempt token`)
  const identity = protocols.map(parseAttemptToken).find((found) => found !== undefined)
  if (identity === undefined) return refuse('unauthenticated', 'offer the attempt token as a subprotocol')
  return hangDoorbell(deps, identity, event.requestContext.connectionId)
}

export interface ConnectAnswer {
  statusCode: number
  headers?: Record<string, string>
}

export const doorbellHandler =
  (deps: Pick<FlowDeps, 'store' | 'signals' | 'clock'>, log: Log) =>
  async (raw: unknown): Promise<ConnectAnswer> => {
    const event = ConnectEvent.parse(raw)
    const hung = await connect(deps, event)
    const status = hung.ok ? 200 : problems[hung.code].status
    log.info('doorbell_answered', { request_id: event.requestContext.requestId, status, ...(hung.ok ? {} : { refusal: hung.code }) })
    return hung.ok ? { statusCode: status, headers: { [protocol_header]: doorbell_protocol } } : { statusCode: status }
  }
