/** What the operations of the local ECS share: its one cluster, and how references are understood. */
import * as z from 'zod'
import { AwsError } from '../net/aws-json.ts'
import type { TaskDefinitions } from './definitions.ts'
import type { Tasks } from './tasks.ts'

export interface EcsSettings {
  readonly cluster: { readonly arn: string; readonly name: string }
  readonly definitions: TaskDefinitions
  readonly tasks: Tasks
  readonly now: () => number
  /** Values of container secrets, by the name of their environment variable; absent ones are not set. */
  readonly secrets: Readonly<Record<string, string>>
  /** What this machine puts into every container, beside what the task definition says and in its place. */
  readonly environment: Readonly<Record<string, string>>
  /** Base URL of this endpoint; it serves the metadata of tasks too. */
  readonly url: string
  /** Why no task may start now, if so. */
  readonly refusal: () => AwsError | undefined
}

/** Throws if a request names another cluster. */
export const checkCluster = ({ cluster }: EcsSettings, reference: string | undefined): void => {
  if (reference !== undefined && reference !== cluster.arn && reference !== cluster.name) throw new AwsError('ClusterNotFoundException', 'Cluster not found.')
}

/** The ARN of a task that is named by ARN or by id. */
export const taskArn = ({ cluster }: EcsSettings, reference: string): string =>
  reference.startsWith('arn:') ? reference : `${cluster.arn.replace(':cluster/', ':task/')}/${reference}`

/** The body of a request. */
export const parseBody = <S extends z.ZodType>(schema: S, body: unknown): z.infer<S> => {
  const parsed = schema.safeParse(body)
  if (!parsed.success) throw new AwsError('InvalidParameterException', z.prettifyError(parsed.error))
  return parsed.data
}
