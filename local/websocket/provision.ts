/** The WebSocket API of the template. Source: AWS::ApiGatewayV2::* in the CloudFormation reference. */
import * as z from 'zod'
import { functionAt, type Functions } from '../lambda/provision.ts'
import type { ResolvedStack } from '../template/resolved.ts'
import type { WebSocketSettings } from './gateway.ts'

const Api = z.looseObject({ ProtocolType: z.enum(['HTTP', 'WEBSOCKET']) })
const Integration = z.looseObject({ ApiId: z.string(), IntegrationType: z.literal('AWS_PROXY'), IntegrationUri: z.string() })
const RouteProperties = z.looseObject({ ApiId: z.string(), RouteKey: z.string(), Target: z.string(), AuthorizationType: z.literal('NONE').default('NONE') })
const Stage = z.looseObject({ ApiId: z.string(), StageName: z.string() })

export const provisionWebSocketApi = (stack: ResolvedStack, functions: Functions, now: () => number): WebSocketSettings => {
  const [api, ...others] = stack.of(['AWS::ApiGatewayV2::Api'], Api).filter(({ properties }) => properties.ProtocolType === 'WEBSOCKET')
  if (api === undefined || others.length > 0) throw new Error('the local stack runs exactly one WebSocket API')
  const own = ({ properties }: { readonly properties: { readonly ApiId: string } }) => properties.ApiId === api.identity.ref
  const [route, ...routes] = stack.of(['AWS::ApiGatewayV2::Route'], RouteProperties).filter(own)
  if (route?.properties.RouteKey !== '$connect' || routes.length > 0) throw new Error('the local stack knows one route of a WebSocket API, $connect')
  const integration = stack
    .of(['AWS::ApiGatewayV2::Integration'], Integration)
    .filter(own)
    .find(({ identity }) => route.properties.Target === `integrations/${identity.ref}`)
  const [stage] = stack.of(['AWS::ApiGatewayV2::Stage'], Stage).filter(own)
  if (integration === undefined || stage === undefined) throw new Error('the WebSocket API has no stage, or a route without an integration')
  return {
    api_id: api.identity.ref,
    stage: stage.properties.StageName,
    connect: functionAt(functions, integration.properties.IntegrationUri),
    now,
  }
}
