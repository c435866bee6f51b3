/** Secrets Manager on this machine: what the template's containers get as secrets, for functions that read it themselves. */
import * as z from 'zod'
import { AwsError, awsJsonHandler } from './net/aws-json.ts'
import type { HttpHandler } from './net/listen.ts'
import type { ResolvedStack } from './template/resolved.ts'

const TaskDefinition = z.looseObject({
  ContainerDefinitions: z.array(z.looseObject({ Secrets: z.array(z.object({ Name: z.string(), ValueFrom: z.string() })).default([]) })),
})
const GetSecretValue = z.looseObject({ SecretId: z.string() })

/** @param values by the environment name that the containers have them under */
export const secretsHandler = (stack: ResolvedStack, values: Readonly<Record<string, string>>): HttpHandler => {
  const by_arn = new Map(
    stack
      .of(['AWS::ECS::TaskDefinition'], TaskDefinition)
      .flatMap(({ properties }) => properties.ContainerDefinitions.flatMap(({ Secrets }) => Secrets))
      .flatMap(({ Name, ValueFrom }) => (values[Name] === undefined ? [] : [[ValueFrom, values[Name]] as const])),
  )
  return awsJsonHandler('1.1', {
    GetSecretValue: async (body) => {
      const { SecretId } = GetSecretValue.parse(body)
      const SecretString = by_arn.get(SecretId)
      if (SecretString === undefined) throw new AwsError('ResourceNotFoundException', "Secrets Manager can't find the specified secret value.")
      return { ARN: SecretId, Name: SecretId, SecretString }
    },
  })
}
