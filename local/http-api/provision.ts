/** The HTTP API of the template: its stage, routes and integrations. Source: AWS::ApiGatewayV2::* in the CloudFormation reference. */
import * as z from 'zod'
import { functionAt, type Functions } from '../lambda/provision.ts'
import type { ResolvedStack } from '../template/resolved.ts'
import type { HttpApiSettings } from './server.ts'

const Api = z.looseObject({ ProtocolType: z.enum(['HTTP', 'WEBSOCKET']) })
const Integration = z.looseObject({
  ApiId: z.string(),
  IntegrationType: z.literal('AWS_PROXY'),
  IntegrationUri: z.string(),
  PayloadFormatVersion: z.literal('2.0').optional(),
})
const RouteProperties = z.looseObject({ ApiId: z.string(), RouteKey: z.string(), Target: z.string(), AuthorizationType: z.literal('NONE').default('NONE') })
const Stage = z.looseObject({ ApiId: z.string(), StageName: z.string() })

export const provisionHttpApi = (stack: ResolvedStack, functions: Functions, now: () => number): HttpApiSettings => {
  const [api, ...others] = stack.of(['AWS::ApiGatewayV2::Api'], Api).filter(({ properties }) => properties.ProtocolType === 'HTTP')
  if (api === undefined || others.length > 0) throw new Error('the local stack runs exactly one HTTP API')
  const own = ({ properties }: { readonly properties: { readonly ApiId: string } }) => properties.ApiId === api.identity.ref
  const integrations = new Map(
    stack
      .of(['AWS::ApiGatewayV2::Integration'], Integration)
      .filter(own)
      .map(({ identity, properties }) => [identity.ref, properties.IntegrationUri]),
  )
  const routes = stack
    .of(['AWS::ApiGatewayV2::Route'], RouteProperties)
    .filter(own)
    .map(({ logical_id, properties }) => {
      const uri = integrations.get(properties.Target.replace(/^integrations\//, ''))
      if (uri === undefined) throw new Error(`route ${logical_id} has a target that is no integration: ${properties.Target}`)
      return { key: properties.RouteKey, target: functionAt(functions, uri) }
    })
  const [stage] = stack.of(['AWS::ApiGatewayV2::Stage'], Stage).filter(own)
  return { api_id: api.identity.ref, account: stack.surroundings.account, stage: stage?.properties.StageName ?? '$default', routes, now }
}
