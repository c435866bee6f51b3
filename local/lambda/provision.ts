/** The functions of the template, each from its asset, with its environment resolved. Source: AWS::Lambda::Function in the CloudFormation reference. */
import { join } from 'node:path'
import * as z from 'zod'
import { CfnNumber, CfnText, type ResolvedStack } from '../template/resolved.ts'
import type { SynthesizedStack } from '../template/template.ts'
import { makeFunction, type LocalFunction } from './function.ts'
import { openLogFile } from './log-file.ts'
import { metered } from './meter.ts'

const FunctionProperties = z.looseObject({
  Code: z.looseObject({ S3Key: z.string() }),
  Handler: z.string(),
  Timeout: CfnNumber.default(3),
  MemorySize: CfnNumber.default(128),
  Environment: z.looseObject({ Variables: z.record(z.string(), CfnText).default({}) }).optional(),
})

export interface FunctionSurroundings {
  readonly stack: ResolvedStack
  readonly synthesized: SynthesizedStack
  readonly logs_folder: string
  /** What the Lambda runtime sets on AWS: credentials, region, and here the addresses of the local parts. */
  readonly runtime_environment: Readonly<Record<string, string>>
  /** Writes totals of invocations to the logs. */
  readonly metered: boolean
}

/** Functions by ARN. */
export type Functions = ReadonlyMap<string, LocalFunction>

/** `index.handler` → the module beside it. esbuild writes `.mjs` or `.js`; CDK says which by the bundle's format. */
const modulePath = (folder: string, handler: string) => join(folder, `${handler.slice(0, handler.lastIndexOf('.'))}.mjs`)

const tidy = (name: string) => name.replaceAll(/[^A-Za-z0-9_-]/g, '-')

export const provisionFunctions = (around: FunctionSurroundings): Functions => {
  const { stack, synthesized, runtime_environment } = around
  return new Map(
    stack.of(['AWS::Lambda::Function'], FunctionProperties).map(({ logical_id, identity, properties }) => {
      const folder = synthesized.assets.get(properties.Code.S3Key)
      if (folder === undefined) throw new Error(`the code of function ${logical_id} is no asset of this stack: ${properties.Code.S3Key}`)
      const { arn } = identity
      const settings = {
        name: identity.name,
        arn,
        module_path: modulePath(folder, properties.Handler),
        handler: properties.Handler.slice(properties.Handler.lastIndexOf('.') + 1),
        timeout_ms: properties.Timeout * 1_000,
        memory_mib: properties.MemorySize,
        environment: {
          ...runtime_environment,
          ...properties.Environment?.Variables,
          AWS_LAMBDA_FUNCTION_NAME: identity.name,
          AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
          AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(properties.MemorySize),
        },
      }
      const log = openLogFile(join(around.logs_folder, `${tidy(identity.name)}.log`))
      const made = makeFunction(settings, log)
      return [arn, around.metered ? metered(made, log) : made] as const
    }),
  )
}

/** The function that an ARN or name refers to, with or without a version. Throws if the template has none. */
export const functionAt = (functions: Functions, reference: string): LocalFunction => {
  const found = functions.get(reference) ?? [...functions.values()].find(({ settings }) => settings.name === reference || reference.includes(settings.arn))
  if (found === undefined) throw new Error(`the template refers to function ${reference}, which it does not define`)
  return found
}
