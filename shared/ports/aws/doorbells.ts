/** Doorbells are connections of an API Gateway WebSocket API. */
import { GoneException, PostToConnectionCommand, type ApiGatewayManagementApiClient } from '@aws-sdk/client-apigatewaymanagementapi'
import { ring_text } from '../../contract/doorbell.ts'
import type { Doorbells } from '../ports.ts'

/** One try and a second at most: a ring that comes late is worth nothing, and somebody waits for the answer to what it is about. */
export const doorbells_client_settings = { maxAttempts: 1, requestHandler: { connectionTimeout: 500, requestTimeout: 1_000 } } as const

export interface GatewayDoorbellsOptions {
  readonly client: ApiGatewayManagementApiClient
  /** Told of rings that failed for another reason than that the runner has hung up. */
  readonly onFailed: (cause: unknown) => void
}

export const gatewayDoorbells = ({ client, onFailed }: GatewayDoorbellsOptions): Doorbells => {
  const ring = async (ConnectionId: string): Promise<void> => {
    try {
      await client.send(new PostToConnectionCommand({ ConnectionId, Data: new TextEncoder().encode(ring_text) }))
    } catch (error) {
      if (!(error instanceof GoneException)) onFailed(error)
    }
  }
  return { ring: async (doorbells) => void (await Promise.all(doorbells.map(ring))) }
}
