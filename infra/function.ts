/** One Lambda function with its own role, log group, limits and alarms. */
import { Duration, RemovalPolicy } from 'aws-cdk-lib'
import { ComparisonOperator } from 'aws-cdk-lib/aws-cloudwatch'
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { Architecture, CfnFunction, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda'
import { NodejsFunction, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs'
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs'
import { Construct } from 'constructs'
import type { Alarms } from './alarms.ts'
import { acknowledgeWildcards } from './grants.ts'
import { env_names } from '../shared/settings.ts'

/** Metadata of the resource: the source file it was bundled from, relative to the project. */
export const entry_metadata = 'lanekeeper:entry'

export interface PlaneFunctionProps {
  readonly alarms: Alarms
  readonly name: string
  /** Folder of package.json, which is also where esbuild is. */
  readonly root: string
  /** Folder that holds one folder per function, relative to `root`. */
  readonly entries: string
  readonly description: string
  readonly timeout: Duration
  /** MiB. Lambda gives CPU by memory; 1769 is one core. */
  readonly memory: number
  readonly environment: Readonly<Partial<Record<keyof typeof env_names, string>>>
}

/** Some packages are CommonJS and call `require` for what Node brings, which an ES module does not have. */
const require_banner = "import { createRequire as lkCreateRequire } from 'node:module'; const require = lkCreateRequire(import.meta.url);"

const env_keys = Object.keys(env_names).filter((key): key is keyof typeof env_names => key in env_names)

const named = (environment: PlaneFunctionProps['environment']): Record<string, string> => {
  const variables: Record<string, string> = {}
  for (const key of env_keys) {
    const value = environment[key]
    if (value !== undefined) variables[env_names[key]] = value
  }
  return variables
}

export class PlaneFunction extends Construct {
  readonly handler: NodejsFunction
  readonly role: Role

  constructor(scope: Construct, id: string, props: PlaneFunctionProps) {
    super(scope, id)
    const entry = `${props.entries}/${props.name}/index.ts`
    const logGroup = new LogGroup(this, 'Logs', { retention: RetentionDays.ONE_MONTH, removalPolicy: RemovalPolicy.DESTROY })
    this.role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com'), description: `Lanekeeper function ${props.name}` })
    logGroup.grantWrite(this.role)
    this.handler = new NodejsFunction(this, 'Function', {
      entry: `${props.root}/${entry}`,
      projectRoot: props.root,
      depsLockFilePath: `${props.root}/package-lock.json`,
      handler: 'handler',
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      description: props.description,
      timeout: props.timeout,
      memorySize: props.memory,
      tracing: Tracing.ACTIVE,
      role: this.role,
      logGroup,
      awsSdkConnectionReuse: false,
      environment: { ...named(props.environment), NODE_OPTIONS: '--enable-source-maps' },
      bundling: {
        format: OutputFormat.ESM,
        target: 'node24',
        mainFields: ['module', 'main'],
        minify: true,
        sourceMap: true,
        sourcesContent: false,
        // The SDK of package-lock.json, cut down to what is called, not whatever the runtime brings.
        bundleAwsSDK: true,
        banner: require_banner,
      },
    })
    const resource = this.handler.node.defaultChild
    if (!(resource instanceof CfnFunction)) throw new Error('a function without its resource')
    resource.addMetadata(entry_metadata, entry)
    this.alarm(props)
    acknowledgeWildcards(this.role, ['*'], 'xray:PutTraceSegments and xray:PutTelemetryRecords name no resource.')
  }

  private alarm({ alarms, name }: PlaneFunctionProps): void {
    alarms.add(this, 'Errors', {
      metric: this.handler.metricErrors({ period: Duration.minutes(5), statistic: 'Sum' }),
      threshold: 0,
      comparison: ComparisonOperator.GREATER_THAN_THRESHOLD,
      periods: 1,
      means: `Function ${name} threw or ran out of time or memory.`,
      silence: 'every call was answered, or there was none.',
      runbook: 'function-errors',
    })
  }
}
