/** The task definitions of the template, as far as running their `runner` container needs. Source: AWS::ECS::TaskDefinition in the CloudFormation reference. */
import * as z from 'zod'
import { CfnNumber, CfnText, type ResolvedStack } from '../template/resolved.ts'

const Container = z.looseObject({
  Name: z.string(),
  Essential: z.boolean().default(true),
  Environment: z.array(z.looseObject({ Name: z.string(), Value: CfnText })).default([]),
  Secrets: z.array(z.looseObject({ Name: z.string(), ValueFrom: z.string() })).default([]),
  StopTimeout: CfnNumber.default(30),
})
const TaskDefinitionProperties = z.looseObject({
  Family: z.string().optional(),
  Cpu: CfnText.optional(),
  Memory: CfnText.optional(),
  ContainerDefinitions: z.array(Container).min(1),
})

export interface ContainerDefinition {
  readonly name: string
  readonly stop_timeout_ms: number
  readonly environment: Readonly<Record<string, string>>
  /** Environment names that are filled from Secrets Manager. */
  readonly secrets: readonly string[]
}
export interface TaskDefinition {
  readonly arn: string
  readonly family: string
  readonly cpu: string
  readonly memory: string
  readonly containers: readonly ContainerDefinition[]
}

/** By ARN. */
export type TaskDefinitions = ReadonlyMap<string, TaskDefinition>

export const provisionTaskDefinitions = (stack: ResolvedStack): TaskDefinitions =>
  new Map(
    stack.of(['AWS::ECS::TaskDefinition'], TaskDefinitionProperties).map(({ identity, properties }) => {
      const arn = identity.ref
      const containers = properties.ContainerDefinitions.map((container) => ({
        name: container.Name,
        stop_timeout_ms: container.StopTimeout * 1_000,
        environment: Object.fromEntries(container.Environment.map(({ Name, Value }) => [Name, Value])),
        secrets: container.Secrets.map(({ Name }) => Name),
      }))
      return [arn, { arn, family: properties.Family ?? identity.name, cpu: properties.Cpu ?? '256', memory: properties.Memory ?? '512', containers }] as const
    }),
  )

/** A definition by ARN, `family:revision` or `family`. */
export const findDefinition = (definitions: TaskDefinitions, reference: string): TaskDefinition | undefined =>
  definitions.get(reference) ?? [...definitions.values()].find(({ arn, family }) => reference === family || arn.endsWith(`/${reference}`))
